# Runs in the guest from its boot on and does what the host asks for, over a port of its own.  What
# is there already costs an emulated machine a hundredth of what is started anew, so files are read
# and devices are made in this process.
#
# A request is a line, a Python literal: (number, name, arguments...); its answer is (number, None or
# what failed, value).  A file's bytes follow the line that says how many they are.
# SPDX-License-Identifier: Apache-2.0
import ast
import contextlib
import os
import signal
import sys
import time

PORT = '/dev/virtio-ports/bed.inside'
BLOCK = 1 << 20
ENVIRONMENT = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': '/root', 'LC_ALL': 'C.UTF-8'}


class Port:
    def __init__(self, path):
        while not os.path.exists(path):
            time.sleep(0.05)   # udev has only begun
        self.fd, self.rest = os.open(path, os.O_RDWR), b''

    def more(self):
        data = os.read(self.fd, BLOCK)
        if not data:
            time.sleep(0.02)   # nobody holds the other end; there is no event for that
        self.rest += data

    def line(self):
        while b'\n' not in self.rest:
            self.more()
        line, self.rest = self.rest.split(b'\n', 1)
        return line

    def exactly(self, size):
        """'size' bytes, a piece at a time."""
        while size:
            if not self.rest:
                self.more()
            piece, self.rest = self.rest[:size], self.rest[size:]
            size -= len(piece)
            yield piece

    def send(self, data):
        while data:
            data = data[os.write(self.fd, data):]


def run(port, command, data, seconds):
    """A shell command: (exit status, output, error output); the status is None once it was ended."""
    files = [os.memfd_create(name) for name in ('in', 'out', 'err')]
    try:
        os.write(files[0], data)
        os.lseek(files[0], 0, os.SEEK_SET)
        pid = os.posix_spawn('/bin/sh', ['sh', '-c', command], ENVIRONMENT, setpgroup=0,
                             setsigdef=[signal.SIGPIPE, signal.SIGALRM], file_actions=[
                                 (os.POSIX_SPAWN_DUP2, fd, number)
                                 for number, fd in enumerate(files)])
        signal.alarm(seconds)
        try:
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        except TimeoutError:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            status = None
        finally:
            signal.alarm(0)
        return (status, *(os.pread(fd, os.fstat(fd).st_size, 0) for fd in files[1:]))
    finally:
        for fd in files:
            os.close(fd)


def too_late(_signal, _frame):
    raise TimeoutError


def read(port, path):
    """A file's bytes; None when it cannot be read."""
    try:
        with open(path, 'rb', buffering=0) as file:
            return b''.join(iter(lambda: file.read(BLOCK), b''))
    except OSError:
        return None


def write(port, path, data, mode):
    """A file as it is to be; whoever reads it sees the old one or the new one."""
    with open(f'{path}.bed', 'wb', opener=lambda name, flags: os.open(name, flags, mode)) as file:
        file.write(data)
    os.rename(f'{path}.bed', path)


def names(port, folder):
    return os.listdir(folder)


def links(port, folder):
    """What a folder's links point to: {name: target}."""
    found = {}
    for entry in os.scandir(folder):
        with contextlib.suppress(FileNotFoundError):   # sysfs: it may have gone since
            if entry.is_symlink():
                found[entry.name] = os.readlink(entry.path)
    return found


def node(port, path):
    """Of a device's node: (mode, user, group, major, minor); None when it is not there."""
    try:
        said = os.stat(path)
    except OSError:
        return None
    return (said.st_mode & 0o7777, said.st_uid, said.st_gid,
            os.major(said.st_rdev), os.minor(said.st_rdev))


def take(port, path, size):
    with open(path, 'wb') as file:
        for piece in port.exactly(size):
            file.write(piece)


def give(port, path):
    """The answer is the size; the bytes come after it."""
    with open(path, 'rb') as file:
        return memoryview(file.read())


def set_clock(port, seconds):
    time.clock_settime(time.CLOCK_REALTIME, seconds)


def device(port, name, *arguments):
    """A function of gadget.py."""
    import gadget
    return getattr(gadget, name)(*arguments)


FUNCTIONS = {each.__name__: each for each in
             (run, read, write, names, links, node, take, give, set_clock, device)}


def main():
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    signal.signal(signal.SIGALRM, too_late)
    port = Port(PORT)
    while True:
        try:
            number, name, *arguments = ast.literal_eval(port.line().decode())
        except (SyntaxError, ValueError):
            continue   # half of what was said before the guest was restored
        raw = b''
        try:
            value, failed = FUNCTIONS[name](port, *arguments), None
            if isinstance(value, memoryview):
                raw, value = value, len(value)
        except Exception as error:   # the host says whose mistake it was
            value, failed = None, f'{type(error).__name__}: {error}'
        port.send(repr((number, failed, value)).encode() + b'\n')
        port.send(raw)


if __name__ == '__main__':
    main()
