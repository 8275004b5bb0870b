# What is said to QEMU and to the agent in the guest: JSON, a line each, over unix sockets; and what
# the guest says of its devices, as a stream.
# SPDX-License-Identifier: Apache-2.0
import contextlib
import json
import os
import re
import socket
import threading
import time


class GuestError(Exception):
    """A command in the guest failed; the text is what it said."""


def connect(path, deadline):
    while True:
        it = socket.socket(socket.AF_UNIX)
        try:
            it.connect(str(path))
            return it
        except OSError:
            it.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)  # QEMU makes its sockets as it starts; there is no event for it


class Channel:
    def __init__(self, path, deadline):
        self.socket = connect(path, deadline)
        self.rest = b''

    def send(self, message, lead=b''):
        self.socket.settimeout(60)
        self.socket.sendall(lead + json.dumps(message).encode() + b'\n')

    def line(self, timeout):
        end = time.monotonic() + timeout
        while b'\n' not in self.rest:
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            data = self.socket.recv(1 << 20)
            if not data:
                raise EOFError('QEMU closed the connection')
            self.rest += data
        line, self.rest = self.rest.split(b'\n', 1)
        return line.lstrip(b'\xff')


class Monitor(Channel):
    def __init__(self, path, deadline):
        super().__init__(path, deadline)
        self.line(30)
        self.events = []
        self('qmp_capabilities')

    def __call__(self, name, timeout=180, **arguments):
        self.send({'execute': name, 'arguments': arguments})
        while True:
            reply = json.loads(self.line(timeout))
            if 'event' in reply:
                self.events.append(reply)
            elif 'error' in reply:
                raise GuestError(f'{name}: {reply["error"]["desc"]}')
            else:
                return reply['return']

    def wait(self, name, timeout=30, **data):
        """Waits for an event of QEMU's own whose data holds this."""
        end = time.monotonic() + timeout
        while True:
            for at, event in enumerate(self.events):
                if event['event'] == name and data.items() <= event.get('data', {}).items():
                    return self.events.pop(at)
            reply = json.loads(self.line(max(0.01, end - time.monotonic())))
            if 'event' in reply:
                self.events.append(reply)

    def human(self, line):
        said = self('human-monitor-command', **{'command-line': line})
        if said.strip():
            raise GuestError(f'{line}: {said.strip()}')


class Agent(Channel):
    def synchronise(self, seconds):
        """Waits for the guest's agent; what an earlier talk left half-said is passed over."""
        end = time.monotonic() + seconds
        number = os.getpid() << 8
        while time.monotonic() < end:
            number += 1  # an answer to an earlier try is not this one's
            self.send({'execute': 'guest-sync-delimited', 'arguments': {'id': number}}, b'\xff')
            with contextlib.suppress(socket.timeout, TimeoutError):
                while True:
                    with contextlib.suppress(ValueError):
                        if json.loads(self.line(2)).get('return') == number:
                            return
        raise GuestError(f'the guest did not answer within {seconds} s')

    def __call__(self, name, timeout=60, **arguments):
        self.send({'execute': name, 'arguments': arguments})
        reply = json.loads(self.line(timeout))
        if 'error' in reply:
            raise GuestError(f'{name}: {reply["error"]["desc"]}')
        return reply['return']


class Event:
    """One event of a device: KERNEL's word, or UDEV's once its rules are through."""
    HEAD = re.compile(r'(KERNEL|UDEV) *\[([\d.]+)\] (\S+) +(\S+) \((\S+)\)')

    def __init__(self, block):
        lines = block.splitlines()
        who, when, self.action, self.path, self.subsystem = self.HEAD.match(lines[0]).groups()
        self.who, self.time = who, float(when)
        self.properties = dict(line.split('=', 1) for line in lines[1:] if '=' in line)
        self.text = f'{self.who} {self.action} {self.subsystem} {self.path}\n' + \
            '\n'.join(lines[1:])

    def __repr__(self):
        return f'{self.time:.3f} {self.text.splitlines()[0]}'


class Events:
    """All events since the guest was started or restored.  wait() looks at those after a mark; what
    plugs or unplugs a device sets one, so a test need not."""

    def __init__(self, path, deadline):
        self.list, self.changed, self.ended = [], threading.Condition(), False
        self.begin = 0
        self.socket = connect(path, deadline)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        rest = ''
        while data := self._some():
            *blocks, rest = (rest + data).split('\n\n')
            found = []
            for block in blocks:
                # What came before the stream's own start, or a block cut by a restore.
                at = Event.HEAD.search(block)
                if at:
                    found.append(Event(block[at.start():]))
            with self.changed:
                self.list += found
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def _some(self):
        try:
            return self.socket.recv(1 << 16).decode(errors='replace')
        except OSError:
            return ''

    def mark(self):
        """From here on wait() and since() look."""
        with self.changed:
            self.begin = len(self.list)
            return self.begin

    def since(self, mark=None):
        with self.changed:
            return self.list[self.begin if mark is None else mark:]

    def wait(self, pattern, timeout=30, since=None):
        """The first event whose text has the regular expression, waited for.  The text begins
        "KERNEL add block /devices/..." and has a line NAME=value for each property."""
        want, end = re.compile(pattern, re.M), time.monotonic() + timeout
        with self.changed:
            at = self.begin if since is None else since
            while True:
                for event in self.list[at:]:
                    if want.search(event.text):
                        return event
                at = max(at, len(self.list))
                left = end - time.monotonic()
                if left <= 0 or self.ended:
                    seen = '\n'.join(map(repr, self.list[self.begin:]))
                    raise GuestError(f'no event {pattern!r} within {timeout} s; there were\n{seen}')
                self.changed.wait(left)

    def close(self):
        self.socket.close()
