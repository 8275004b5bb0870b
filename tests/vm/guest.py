# A running VM, and what a test does with it: commands, files, the clock, devices in and out.
# SPDX-License-Identifier: Apache-2.0
import base64
import contextlib
import pathlib
import re
import subprocess
import time

import usb
from qemu import Agent, Events, GuestError, Monitor

HERE = pathlib.Path(__file__).parent
# A snapshot fits these arguments only; they are part of its key.  One processor: what two of them
# tell each other costs an emulated machine more than the second one brings.
MACHINE = ['-M', 'q35', '-cpu', 'Nehalem', '-smp', '1', '-m', '1024', '-nodefaults',
           '-display', 'none', '-monitor', 'none',
           '-device', 'virtio-serial-pci,id=serial', '-device', 'virtio-rng-pci',
           '-device', f'qemu-xhci,id=xhci,p2={usb.PORTS},p3={usb.PORTS}',
           '-device', 'virtserialport,chardev=agent,name=org.qemu.guest_agent.0',
           '-device', 'virtserialport,chardev=events,name=bed.events']
# The probe tells of every disk that the kernel ever makes, from its first moment: Guest.disks().
# Without a delay a stick is a disk a second earlier than it is elsewhere: quicker, and stricter.
# With every library at one address QEMU need not translate it anew for each process: a third of the
# time for all that starts processes.  A page is cleared in a loop, not by "rep stos" (112), which is
# emulated a word at a time, and never two megabytes at once.
COMMAND_LINE = ('console=ttyS0 quiet mitigations=off nokaslr norandmaps net.ifnames=0 loglevel=4 '
                'clearcpuid=112 transparent_hugepage=never '
                'init_on_alloc=0 fsck.mode=skip usb-storage.delay_use=0 '
                'kprobe_event=p:disk,device_add_disk,name=+12($arg2):string')
DISK = re.compile(r'disk: .*name="([^"]*)"')
OURS = re.compile(r'vda|loop|ram|dm-|zram')   # disks that are never a stick


class Guest:
    """run() gives what a command printed, or raises with what it said."""

    def __init__(self, folder, kernel, initrd, disk, append='', snapshot=None, from_usb=False,
                 plugged=(), clock=None, machine=()):
        self.folder, self.disk, self.devices, self.helper = folder, disk, [], False
        arguments = ['qemu-system-x86_64',
                     '-chardev', f'socket,id=agent,path={folder}/agent,server=on,wait=off',
                     '-chardev', f'socket,id=events,path={folder}/events,server=on,wait=off',
                     *MACHINE, '-accel', 'tcg,thread=multi', '-S',
                     '-kernel', kernel, '-initrd', initrd,
                     '-append', f'{COMMAND_LINE} {append}',
                     '-qmp', f'unix:{folder}/monitor,server=on,wait=off',
                     '-chardev', f'file,id=console,path={folder}/console.log',
                     '-serial', 'chardev:console']
        if not from_usb:
            arguments += ['-drive', f'file={disk},if=none,id=disk,format=qcow2,cache=unsafe',
                          '-device', 'virtio-blk-pci,drive=disk']
        if snapshot:
            arguments += ['-loadvm', snapshot]
        if clock is not None:
            start = time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(clock))
            arguments += ['-rtc', f'base={start}']
        arguments += machine   # last: what a snapshot knows stays where it was
        for name in ('agent', 'events', 'monitor'):
            (folder / name).unlink(missing_ok=True)
        with open(folder / 'qemu.log', 'wb') as log:
            self.process = subprocess.Popen([str(a) for a in arguments], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 60
            self.monitor = Monitor(folder / 'monitor', deadline)
            self.events = Events(folder / 'events', deadline)
            self.agent = Agent(folder / 'agent', deadline)
            if from_usb:
                root = usb.storage(disk, serial='ROOT')
                root.format = 'qcow2'
                self.plug(root, str(usb.PORTS))
            self.plugged = [self.plug(device) for device in plugged]
            self.events.begin = 0
            self.monitor('cont')
            self.agent.synchronise(300)
        except (OSError, EOFError) as error:
            self.stop()
            raise GuestError(f'QEMU: {error}\n{(folder / "qemu.log").read_text()}') from error
        except BaseException:
            self.stop()
            raise

    # --- commands and files ---

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

    def until(self, command, seconds=60):
        """Waits until a command succeeds in the guest: for what has no event of its own."""
        loop = f'until {command}; do sleep 0.3; done'
        code, output, error = self.call(f'timeout {seconds} sh -c "$(cat)"', seconds + 30,
                                        loop.encode())
        if code:
            raise GuestError(f'not within {seconds} s: {command}\n{output}{error}')

    def write(self, target, data):
        handle = self.agent('guest-file-open', path=str(target), mode='w')
        data = data.encode() if isinstance(data, str) else data
        for at in range(0, len(data), 1 << 20):
            block = base64.b64encode(data[at:at + (1 << 20)]).decode()
            self.agent('guest-file-write', handle=handle, **{'buf-b64': block})
        self.agent('guest-file-close', handle=handle)

    def push(self, source, target):
        """Copies a program into the guest."""
        self.write(target, pathlib.Path(source).read_bytes())
        self.run(f'chmod 755 {target}')

    def pull(self, source, target):
        """Copies a file out of the guest."""
        handle = self.agent('guest-file-open', path=str(source), mode='r')
        with open(target, 'wb') as file:
            while True:
                block = self.agent('guest-file-read', handle=handle, count=4 << 20)
                file.write(base64.b64decode(block['buf-b64']))
                if block['eof']:
                    break
        self.agent('guest-file-close', handle=handle)
        return pathlib.Path(target)

    # --- clock ---

    def clock(self):
        """The guest's clock, in seconds since 1970."""
        return float(self.run('date +%s.%N'))

    def set_clock(self, seconds):
        self.agent('guest-set-time', time=int(seconds * 1_000_000_000))

    # --- devices ---

    def plug(self, device, port=None):
        """Plugs a device of usb.py in, into a port ('3', or '3.1' behind a hub in 3) or the first
        that is free.  Returns when QEMU is done; what the guest makes of it, its events say."""
        taken = {each.port for each in self.devices if each.name}
        if port is None:
            port = next(str(n) for n in range(1, usb.PORTS + 1) if str(n) not in taken)
        it = usb.Plugged(self.monitor, self.events, device, port, f'usb{len(self.devices)}')
        self.devices.append(it)
        return it

    def gadget(self, vendor, product, *functions, serial='GADGET-1', manufacturer='ACME Ltd',
               text='Thing', **more):
        """Plugs in a device that the guest's own kernel plays, and any the tests think of:

            guest.gadget(0x0951, 0x1666, usb.gadget_keyboard(), usb.gadget_storage('/root/s.img'))

        'more': 'release', 'class' (of the device)."""
        return Gadget(self, {'vendor': vendor, 'product': product, 'serial': serial,
                             'manufacturer': manufacturer, 'text': text, **more,
                             'functions': functions})

    def disks(self):
        """The name of every disk that the kernel has made since it was booted, the snapshot's time
        included, as the kernel's own trace has it: ['sda', ...].  Names come again with each stick.
        Not the bed's own, and none of loop and device mapper."""
        trace = self.run('cd /sys/kernel/tracing; [ -e trace ] || mount -t tracefs tracefs .; '
                         'grep -F "disk: " trace || true')
        names = [m[1] for m in map(DISK.search, trace.splitlines()) if m]
        return [name for name in names if not OURS.match(name)]

    def settle(self):
        """Waits until udev has nothing more to do."""
        self.run('udevadm settle')

    @contextlib.contextmanager
    def suspended(self):
        """Asleep (to RAM) for as long as the block lasts; the machine's ports still work."""
        self.agent('guest-exec', path='/bin/sh', arg=['-c', 'echo mem > /sys/power/state'])
        self.monitor.wait('SUSPEND', 60)
        yield
        self.monitor('system_wakeup')
        self.monitor.wait('WAKEUP', 60)
        self.agent.synchronise(60)

    # --- end ---

    def off(self):
        """Ends it with its disk written, for a boot from that disk."""
        self.run('sync')
        self.stop()

    def stop(self):
        with contextlib.suppress(Exception):
            self.monitor('quit', timeout=10)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        with contextlib.suppress(AttributeError):
            self.events.close()


class Gadget:
    """A device of gadget.py in the guest.  'path' is its name below /sys/bus/usb/devices: 3-1."""
    count = 0

    def __init__(self, guest, wanted):
        if not guest.helper:
            guest.push(HERE / 'gadget.py', '/usr/lib/bed-gadget.py')
            guest.helper = True
        Gadget.count += 1
        self.guest, self.name = guest, f'g{Gadget.count}.'
        guest.events.mark()
        self.path = self._ask('up', repr({**wanted, 'name': self.name}))

    def _ask(self, command, stdin=''):
        return self.guest.run(f'python3 /usr/lib/bed-gadget.py {command}', stdin=stdin.encode())

    def unplug(self):
        self.guest.events.mark()
        self._ask(f'down {self.name}')
        self.name = None

    def types(self):
        """Whether a key that is pressed on its keyboard comes out of the system."""
        said = self._ask(f'press {self.name} {self.path}')
        return said == 'typed'

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.name:
            self.unplug()
