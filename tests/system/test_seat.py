# caretakerd beside a system bus that a test speaks for: it asks whether the screen is locked before it
# looks at what is plugged in, and listens again when the bus has ended.
# SPDX-License-Identifier: Apache-2.0
import contextlib
import json
import os
import queue
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

RULES = ('caretaker-gate 1\npolicy school 7\nclock 0 0 -\nmode storage enforce 3\nmode hardware audit 9\n'
         'set allow any 4\nset encrypted none 5\nset scan none 6\nset shut_while_locked yes 12\nend\n')
BUS, LOGIND, OWNER = 'org.freedesktop.DBus', 'org.freedesktop.login1', ':1.5'
RETURN, SIGNAL = 2, 4


def padded(data, unit):
    return data + bytes(-len(data) % unit)


def text(value):
    return struct.pack('<I', len(value)) + value.encode() + b'\0'


def message(kind, sender, reply=0, signature='', body=b'', **fields):
    head = bytes([5, 1]) + b'u\0' + struct.pack('<I', reply) if reply else b''
    for code, of, value in ((1, b'o', fields.get('path')), (2, b's', fields.get('interface')),
                            (3, b's', fields.get('member')), (7, b's', sender)):
        if value:
            head = padded(head, 8) + bytes([code, 1]) + of + b'\0' + text(value)
    head = padded(head, 8) + bytes([8, 1]) + b'g\0' + bytes([len(signature)]) + signature.encode() + b'\0'
    return padded(struct.pack('<4BIII', ord('l'), kind, 0, 1, len(body), 99, len(head)) + head, 8) + body


class Bus:
    """Answers caretakerd's calls, one connection after another; 'locked' is logind's word."""

    def __init__(self, path):
        self.path, self.locked, self.answers = path, True, True
        self.calls, self.peer, self.listener = queue.Queue(), None, None

    def listen(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.listener.listen()
        threading.Thread(target=self.serve, args=(self.listener,), daemon=True).start()

    def end(self):
        for each in (self.listener, self.peer):
            if each:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
        self.path.unlink(missing_ok=True)
        self.listener = self.peer = None

    def serve(self, listener):
        with contextlib.suppress(OSError):
            while True:
                self.peer, _ = listener.accept()
                with contextlib.suppress(OSError, EOFError):
                    self.talk(self.peer, b'')

    def talk(self, peer, data):
        def need(count):
            nonlocal data
            while len(data) < count:
                more = peer.recv(4096)
                if not more:
                    raise EOFError
                data += more

        def line():
            nonlocal data
            while b'\r\n' not in data:
                need(len(data) + 1)
            first, data = data.split(b'\r\n', 1)
            return first
        assert line().startswith(b'\0AUTH EXTERNAL ')
        peer.sendall(b'OK 0123\r\n')
        assert line() == b'BEGIN'
        while True:
            need(16)
            body, serial, fields = struct.unpack('<III', data[4:16])
            whole = len(padded(bytes(16 + fields), 8)) + body
            need(whole)
            self.take(peer, serial, data[:whole])
            data = data[whole:]

    def take(self, peer, serial, call):
        if b'GetNameOwner' in call:
            peer.sendall(message(RETURN, BUS, serial, 's', text(OWNER)))
        elif b'LockedHint' in call:
            if self.answers:
                peer.sendall(message(RETURN, OWNER, serial, 'v', b'\1b\0\0' + struct.pack('<I', self.locked)))
            self.calls.put('LockedHint')

    def asked(self):
        assert self.calls.get(timeout=60) == 'LockedHint'

    def changed(self):
        self.peer.sendall(message(SIGNAL, OWNER, path='/org/freedesktop/login1/session/c2',
                                  interface=f'{BUS}.Properties', member='PropertiesChanged'))


@pytest.fixture
def machine(build, tmp_path):
    """A folder in which alice sits at the seat and a stick waits at port 2-1; a bus, and how to start."""
    def put(path, data):
        at = tmp_path / path
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_bytes(data.encode() if isinstance(data, str) else data)
        return at
    put('run/systemd/seats/seat0', 'ACTIVE=c2\n')
    put('run/systemd/sessions/c2', 'USER=alice\nCLASS=user\n')
    put('state/gate.rules', RULES).chmod(0o600)
    stick = 'sys/devices/pci0000:00/usb2/2-1'
    put(f'{stick}/descriptors', bytes([
        18, 1, 0, 2, 0, 0, 0, 64, 0x51, 9, 0x66, 0x16, 0x10, 1, 1, 2, 3, 1,
        9, 2, 18, 0, 1, 1, 0, 0x80, 50, 9, 4, 0, 0, 2, 8, 6, 0x50, 0]))
    put(f'{stick}/bConfigurationValue', '1\n')
    put(f'{stick}/serial', 'S1\n')
    put(f'{stick}/2-1:1.0/bInterfaceNumber', '00\n')
    put(f'{stick}/2-1:1.0/modalias', 'usb:v0951p1666d0110dc00dsc00dp00ic08isc06ip50in00\n')
    authorized = put(f'{stick}/2-1:1.0/authorized', '0\n')
    devices = tmp_path / 'sys/bus/usb/devices'
    devices.mkdir(parents=True)
    for name in ('2-1', '2-1/2-1:1.0'):
        (devices / name.split('/')[-1]).symlink_to(tmp_path / 'sys/devices/pci0000:00/usb2' / name)
    for folder in ('run/dbus', 'conf', 'out', 'sys/block', 'sys/class/block', 'proc', 'dev'):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    put('conf/caretakerd.ini', '')
    os.chmod(tmp_path / 'state', 0o700)
    # Alone in its folder: a check would find that this machine is not enrolled and take the rules.
    (tmp_path / 'bin').mkdir()
    program = shutil.copy(build / 'caretakerd', tmp_path / 'bin')
    bus = Bus(tmp_path / 'run/dbus/system_bus_socket')
    with contextlib.ExitStack() as stack:
        stack.callback(bus.end)

        def start():
            process = subprocess.Popen(
                [program, '--verbose', '--state', tmp_path / 'state', '--conf', tmp_path / 'conf',
                 '--run', tmp_path / 'out', '--sysfs', tmp_path / 'sys'], stderr=subprocess.PIPE, text=True)
            lines, seen = queue.Queue(), []
            threading.Thread(target=lambda: [lines.put(line) for line in process.stderr], daemon=True).start()

            def stop():
                process.send_signal(signal.SIGTERM)
                assert process.wait(20) == 0
            stack.callback(stop)

            def wait(what):
                while not seen or what not in seen[-1]:
                    try:
                        seen.append(lines.get(timeout=60))
                    except queue.Empty:
                        raise AssertionError(f'no {what!r} in {"".join(seen)}') from None
                return ''.join(seen)
            return wait

        def shown():
            device, = json.loads((tmp_path / 'out/hardware.json').read_text())['devices']
            return device['verdict'], device['why'], authorized.read_text().strip()
        yield bus, start, shown


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, 'it did not happen in time'
        time.sleep(0.05)


SHUT, OPEN = ('refused', 'screen-locked', '0'), ('open', 'allowed', '1')


def test_a_start_behind_the_lock_opens_nothing_until_logind_says_so(machine):
    bus, start, shown = machine
    bus.listen()
    wait = start()
    assert 'does not say' not in wait('ready: ')
    assert shown() == SHUT
    bus.asked()
    # Whoever sends whatever to it.
    bus.peer.sendall(message(SIGNAL, ':1.66', path='/a', interface='a.b', member='c', signature='ay',
                             body=bytes(1 << 20)))
    bus.locked = False
    bus.changed()
    until(lambda: shown() == OPEN)


def test_a_start_behind_no_lock_opens_at_once(machine):
    bus, start, shown = machine
    bus.locked = False
    bus.listen()
    start()('ready: ')
    assert shown() == OPEN


def test_a_bus_that_ends_is_listened_to_again(machine):
    bus, start, shown = machine
    bus.listen()
    wait = start()
    wait('ready: ')
    bus.asked()
    bus.end()
    said = wait('cannot be told')
    assert 'the system bus has ended the connection; trying again' in said
    bus.locked = False
    bus.listen()
    wait('listening for locks of the screen again')
    until(lambda: shown() == OPEN)


def test_without_a_bus_what_waits_waits_until_there_is_one(machine):
    bus, start, shown = machine
    wait = start()
    said = wait('ready: ')
    assert said.count('cannot be told') == 1 and 'cannot be heard; trying again' in said
    assert shown() == SHUT
    bus.locked = False
    bus.listen()
    said = wait('listening for locks of the screen again')
    assert said.count('cannot be told') == 1, 'said once, however often it is tried'
    until(lambda: shown() == OPEN)


def test_a_bus_that_is_silent_holds_a_start_up_for_two_seconds_at_most(machine):
    bus, start, shown = machine
    bus.answers = bus.locked = False
    bus.listen()
    began = time.monotonic()
    assert 'logind does not say whether the screen is locked' in start()('ready: ')
    assert time.monotonic() - began < 30   # of a busy machine; not for ever
    assert shown() == SHUT
    bus.answers = True
    bus.end()
    bus.listen()
    until(lambda: shown() == OPEN)
