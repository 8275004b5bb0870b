# A running VM, and what a test does with it: commands, files, the clock, devices in and out.
# SPDX-License-Identifier: Apache-2.0
import contextlib
import pathlib
import re
import subprocess
import time

import usb
from qemu import Events, GuestError, Inside, Monitor

TRACE = pathlib.PurePosixPath('/sys/kernel/tracing/trace')
# A snapshot fits these arguments only; they are part of its key.  One processor: what two of them
# tell each other costs an emulated machine more than the second one brings.
MACHINE = ['-M', 'q35', '-cpu', 'Nehalem', '-smp', '1', '-m', '1024', '-nodefaults',
           '-display', 'none', '-monitor', 'none',
           '-device', 'virtio-serial-pci,id=serial', '-device', 'virtio-rng-pci',
           '-device', f'qemu-xhci,id=xhci,p2={usb.PORTS},p3={usb.PORTS}',
           '-device', 'virtserialport,chardev=inside,name=bed.inside',
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
        self.folder, self.disk, self.devices = folder, disk, []
        arguments = ['qemu-system-x86_64',
                     '-chardev', f'socket,id=inside,path={folder}/inside,server=on,wait=off',
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
        for name in ('inside', 'events', 'monitor'):
            (folder / name).unlink(missing_ok=True)
        with open(folder / 'qemu.log', 'wb') as log:
            self.process = subprocess.Popen([str(a) for a in arguments], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 60
            self.monitor = Monitor(folder / 'monitor', deadline)
            self.events = Events(folder / 'events', deadline)
            self.inside = Inside(folder / 'inside', deadline)
            if from_usb:
                root = usb.storage(disk, serial='ROOT')
                root.format = 'qcow2'
                self.plug(root, str(usb.PORTS))
            self.plugged = [self.plug(device) for device in plugged]
            self.events.begin = 0
            self.monitor('cont')
            self.inside.synchronise(300)
        except (OSError, EOFError) as error:
            self.stop()
            raise GuestError(f'QEMU: {error}\n{(folder / "qemu.log").read_text()}') from error
        except BaseException:
            self.stop()
            raise

    # --- commands and files ---

    def call(self, command, timeout=60, stdin=b''):
        """Runs a shell command: (exit status, output, error output).  What it leaves running is not
        waited for."""
        code, output, error = self.inside('run', command, stdin, timeout, timeout=timeout + 30)
        if code is None:
            raise GuestError(f'{command}: still running after {timeout} s')
        if code < 0:
            code = 128 - code   # a signal's number, as a shell has it
        return code, output.decode(errors='replace'), error.decode(errors='replace')

    def run(self, command, timeout=60, stdin=b''):
        code, output, error = self.call(command, timeout, stdin)
        if code:
            raise GuestError(f'{command}: ended with {code}\n{output}{error}')
        return output.strip()

    def until(self, command, seconds=60):
        """Waits until a command succeeds in the guest: for what has no event of its own."""
        end, pause = time.monotonic() + seconds, 0.2
        while True:
            code, output, error = self.call(command)
            if code == 0:
                return
            if time.monotonic() > end:
                raise GuestError(f'not within {seconds} s: {command}\n{output}{error}')
            time.sleep(pause)   # each look is work for the guest, which is slow enough
            pause = min(pause * 1.3, 1)

    def read(self, path):
        """A file's text; None when there is none.  No process is started for it."""
        data = self.inside('read', str(path))
        return None if data is None else data.decode(errors='replace')

    def names(self, folder):
        """What is in a folder."""
        return set(self.inside('names', folder))

    def write(self, target, data, mode=0o644):
        """A small file, at once as it is to be."""
        self.inside('write', str(target), data.encode() if isinstance(data, str) else data, mode)

    def push(self, source, target):
        """Copies a program into the guest."""
        data = pathlib.Path(source).read_bytes()
        self.inside('take', str(target), len(data), raw=data)
        self.run(f'chmod 755 {target}')

    def pull(self, source, target):
        """Copies a file out of the guest."""
        size = self.inside('give', str(source))
        target = pathlib.Path(target)
        target.write_bytes(self.inside.exactly(size))
        return target

    # --- clock ---

    def clock(self):
        """The guest's clock, in seconds since 1970."""
        return float(self.run('date +%s.%N'))

    def set_clock(self, seconds):
        self.inside('set_clock', seconds)

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

    def again(self, *gadgets):
        """Each comes out of its port and goes in again at once, as a board does that was flashed."""
        self.events.mark()
        self.inside('device', 'again', [each.name for each in gadgets])

    def disks(self):
        """The name of every disk that the kernel has made since it was booted, the snapshot's time
        included, as the kernel's own trace has it: ['sda', ...].  Names come again with each stick.
        Not the bed's own, and none of loop and device mapper."""
        trace = self.read(TRACE)
        if trace is None:
            self.run(f'mount -t tracefs tracefs {TRACE.parent}')
            trace = self.read(TRACE)
        names = [m[1] for m in map(DISK.search, trace.splitlines()) if m]
        return [name for name in names if not OURS.match(name)]

    def settle(self):
        """Waits until udev has nothing more to do."""
        self.run('udevadm settle')

    @contextlib.contextmanager
    def suspended(self):
        """Asleep (to RAM) for as long as the block lasts; the machine's ports still work."""
        asleep = self.inside.begin('run', 'echo mem > /sys/power/state', b'', 600)
        self.monitor.wait('SUSPEND', 60)
        yield
        self.monitor('system_wakeup')
        self.monitor.wait('WAKEUP', 60)
        self.inside.end(asleep, 60)

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
        Gadget.count += 1
        self.guest, self.name = guest, f'g{Gadget.count}.'
        guest.events.mark()
        self.path = guest.inside('device', 'up', {**wanted, 'name': self.name})

    def unplug(self):
        self.guest.events.mark()
        self.guest.inside('device', 'down', self.name)
        self.name = None

    def types(self):
        """Whether a key that is pressed on its keyboard comes out of the system."""
        return self.guest.inside('device', 'press', self.name, self.path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.name:
            self.unplug()
