# What is said to QEMU (JSON) and to inside.py in the guest (Python literals), a line each, over unix
# sockets; and what the guest says of its devices, as a stream.
# SPDX-License-Identifier: Apache-2.0
import ast
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

    def line(self, timeout):
        end = time.monotonic() + timeout
        while b'\n' not in self.rest:
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            self.rest += self._more()
        line, self.rest = self.rest.split(b'\n', 1)
        return line

    def _more(self):
        data = self.socket.recv(1 << 20)
        if not data:
            raise EOFError('QEMU closed the connection')
        return data


class Monitor(Channel):
    """QEMU itself."""

    def __init__(self, path, deadline):
        super().__init__(path, deadline)
        self.line(30)
        self.events = []
        self('qmp_capabilities')

    def __call__(self, name, timeout=180, **arguments):
        self.socket.settimeout(60)
        self.socket.sendall(json.dumps({'execute': name, 'arguments': arguments}).encode() + b'\n')
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


class Inside(Channel):
    """What is asked of inside.py, in the guest."""

    def __init__(self, path, deadline):
        super().__init__(path, deadline)
        self.number = os.getpid() << 8   # an answer to an earlier talk's is not this one's

    def begin(self, name, *arguments, raw=b''):
        self.number += 1
        self.socket.settimeout(60)
        self.socket.sendall(repr((self.number, name, *arguments)).encode() + b'\n' + raw)
        return self.number

    def end(self, number, timeout):
        end = time.monotonic() + timeout
        while True:
            try:
                said, failed, value = ast.literal_eval(
                    self.line(max(0.01, end - time.monotonic())).decode())
            except (SyntaxError, ValueError):
                continue   # half of what was said before the guest was restored
            if said == number and failed:
                raise GuestError(failed)
            if said == number:
                return value

    def __call__(self, name, *arguments, timeout=60, raw=b''):
        number = self.begin(name, *arguments, raw=raw)
        try:
            return self.end(number, timeout)
        except TimeoutError as error:
            raise GuestError(f'the guest did not answer within {timeout} s: {name}') from error

    def synchronise(self, seconds):
        """Waits until the guest answers."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(TimeoutError):
                return self.end(self.begin('read', '/proc/uptime'), 2)
        raise GuestError(f'the guest did not answer within {seconds} s')

    def exactly(self, size, timeout=60):
        """The bytes that come after an answer."""
        self.socket.settimeout(timeout)
        while len(self.rest) < size:
            self.rest += self._more()
        data, self.rest = self.rest[:size], self.rest[size:]
        return data


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
