# The test bed: a small Debian VM, driven over QMP and the QEMU guest agent.
#
# The image and a snapshot of the booted guest are kept in ~/.cache/caretaker/vm-KEY; the key is a
# hash of all that goes into them, so a change of the recipe makes a new one and an old one is never
# used.  Each test run restores the snapshot into a throw-away overlay: nothing lasts.
# SPDX-License-Identifier: Apache-2.0
import base64
import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).parent
SNAPSHOT = 'booted'
# The snapshot fits these arguments only; they are part of the key.
MACHINE = ['-M', 'q35', '-cpu', 'Nehalem', '-smp', '2', '-m', '1024', '-nodefaults',
           '-display', 'none', '-monitor', 'none',
           '-device', 'virtio-serial-pci,id=serial', '-device', 'virtio-rng-pci',
           '-device', 'qemu-xhci,id=xhci,p2=8,p3=8']
COMMAND_LINE = 'console=ttyS0 quiet mitigations=off nokaslr net.ifnames=0 loglevel=4'
# Loaded before the snapshot, so that no test waits for them.
MODULES = ('dm_crypt loop nf_tables nft_ct nft_reject_inet nf_conntrack xts aes_generic cryptd '
           'essiv crypto_null algif_skcipher 9p 9pnet_virtio usb-storage usbhid sd_mod vfat').split()


class GuestError(Exception):
    """A command in the guest failed; the text is what it said."""


class Channel:
    """Lines of JSON over a unix socket."""

    def __init__(self, path, deadline):
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(str(path))
                break
            except OSError:
                self.socket.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)  # QEMU makes its sockets as it starts; there is no event for it
        self.rest = b''

    def send(self, message, lead=b''):
        self.socket.sendall(lead + json.dumps(message).encode() + b'\n')

    def line(self, timeout):
        end = time.monotonic() + timeout
        while b'\n' not in self.rest:
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            data = self.socket.recv(1 << 16)
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


class Guest:
    """A running VM.  run() gives what a command printed, or raises with what it said."""

    def __init__(self, image, disk, folder, snapshot=None):
        self.folder = folder
        arguments = ['qemu-system-x86_64', *MACHINE, '-accel', 'tcg,thread=multi',
                     '-kernel', image / 'vmlinuz', '-initrd', image / 'initrd.img',
                     '-append', COMMAND_LINE,
                     '-drive', f'file={disk},if=none,id=disk,format=qcow2,cache=unsafe',
                     '-device', 'virtio-blk-pci,drive=disk',
                     '-chardev', f'socket,id=agent,path={folder}/agent,server=on,wait=off',
                     '-device', 'virtserialport,chardev=agent,name=org.qemu.guest_agent.0',
                     '-qmp', f'unix:{folder}/monitor,server=on,wait=off',
                     '-chardev', f'file,id=console,path={folder}/console.log',
                     '-serial', 'chardev:console']
        if snapshot:
            arguments += ['-loadvm', snapshot]
        with open(folder / 'qemu.log', 'wb') as log:
            self.process = subprocess.Popen([str(a) for a in arguments], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 60
            self.monitor = Monitor(folder / 'monitor', deadline)
            self.agent = Agent(folder / 'agent', deadline)
            self.agent.synchronise(300)
        except BaseException:
            self.stop()
            raise

    def call(self, command, timeout=60, stdin=b''):
        """Runs a shell command: (exit status, output, error output)."""
        arguments = {'path': '/bin/sh', 'arg': ['-c', command], 'capture-output': True,
                     'env': ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'LC_ALL=C.UTF-8']}
        if stdin:
            arguments['input-data'] = base64.b64encode(stdin).decode()
        pid = self.agent('guest-exec', **arguments)['pid']
        end = time.monotonic() + timeout
        pause = 0.005
        while True:
            status = self.agent('guest-exec-status', pid=pid)
            if status['exited']:
                break
            if time.monotonic() > end:
                raise GuestError(f'{command}: still running after {timeout} s')
            time.sleep(pause)  # the agent has no event for an end
            pause = min(pause * 1.5, 0.2)

        def text(name):
            return base64.b64decode(status.get(name, '')).decode(errors='replace')
        code = status.get('exitcode', 128 + status.get('signal', 0))
        return code, text('out-data'), text('err-data')

    def run(self, command, timeout=60, stdin=b''):
        code, output, error = self.call(command, timeout, stdin)
        if code:
            raise GuestError(f'{command}: ended with {code}\n{output}{error}')
        return output.strip()

    def push(self, source, target):
        """Copies a program into the guest."""
        handle = self.agent('guest-file-open', path=str(target), mode='w')
        data = pathlib.Path(source).read_bytes()
        for at in range(0, len(data), 1 << 20):
            block = base64.b64encode(data[at:at + (1 << 20)]).decode()
            self.agent('guest-file-write', handle=handle, **{'buf-b64': block})
        self.agent('guest-file-close', handle=handle)
        self.run(f'chmod 755 {target}')

    def stop(self):
        with contextlib.suppress(Exception):
            self.monitor('quit', timeout=10)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def key():
    """Changes when the image or the snapshot would."""
    parts = [(HERE / name).read_bytes() for name in ('build-image', 'packages')]
    qemu = subprocess.run(['qemu-system-x86_64', '--version'], capture_output=True, check=True)
    parts += [qemu.stdout, repr((MACHINE, COMMAND_LINE, MODULES)).encode()]
    return hashlib.sha256(b'\0'.join(parts)).hexdigest()[:16]


def _boot_and_save(image):
    """The first boot of an image: waits until the guest is up and keeps it as a snapshot."""
    subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', '-b', 'base.img', '-F', 'raw',
                    image / 'disk.qcow2'], check=True)
    with tempfile.TemporaryDirectory(prefix='caretaker-vm-') as folder:
        guest = Guest(image, image / 'disk.qcow2', pathlib.Path(folder))
        try:
            guest.call('systemctl is-system-running --wait', timeout=300)
            for module in MODULES:
                guest.run(f'modprobe {module}')
            guest.run('udevadm settle; sync')
            guest.monitor('stop')
            guest.monitor.human(f'savevm {SNAPSHOT}')
        finally:
            guest.stop()


def image():
    """The folder of the image and its snapshot; made when it is not there (minutes)."""
    cache = pathlib.Path(os.environ.get('XDG_CACHE_HOME') or '~/.cache').expanduser() / 'caretaker'
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / f'vm-{key()}'
    with open(cache / 'vm.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs at once make one image
        if not (folder / 'ready').exists():
            for old in cache.glob('vm-*'):
                shutil.rmtree(old)
            print('making the test VM: some minutes, once', flush=True)
            subprocess.run([HERE / 'build-image', folder], check=True)
            _boot_and_save(folder)
            (folder / 'ready').touch()
    return folder


@contextlib.contextmanager
def guest():
    """A guest as it was after its boot, for one module of tests."""
    made = image()
    with tempfile.TemporaryDirectory(prefix='caretaker-vm-') as name:
        folder = pathlib.Path(name)
        # The snapshot lies in the disk itself: a copy, where the file system can, shares its blocks.
        subprocess.run(['cp', '--reflink=auto', made / 'disk.qcow2', folder / 'disk.qcow2'],
                       check=True)
        subprocess.run(['qemu-img', 'rebase', '-u', '-F', 'raw', '-b', made / 'base.img',
                        folder / 'disk.qcow2'], check=True)
        it = Guest(made, folder / 'disk.qcow2', folder, SNAPSHOT)
        try:
            it.run(f'date -s @{int(time.time())}')  # the snapshot's clock stands where it was
            yield it
        finally:
            it.stop()
