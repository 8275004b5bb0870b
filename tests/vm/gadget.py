# Runs in the guest, in inside.py: USB devices made by the kernel's own dummy_hcd, so with any vendor,
# product, serial number, strings and functions: up(), down() and press().  Guest.gadget() says what
# can be wanted.
# SPDX-License-Identifier: Apache-2.0
import glob
import os
import select
import struct
import subprocess
import time

GADGETS = '/sys/kernel/config/usb_gadget'
DEVICES = '/sys/bus/usb/devices'
RUN = '/run/bed'
HOSTS = 4   # host controllers of its own, a device each
LATE = 20   # seconds
ENGLISH = 'strings/0x409'
KEYBOARD = bytes.fromhex(   # what a boot keyboard says of its 8-byte reports
    '05010906a101050719e029e71500250175019508810295017508810395057501050819012905910295017503'
    '91039506750815002565050719002965810' '0c0')
MOUSE = bytes.fromhex(
    '05010902a1010901a10005091901290315002501950375018102950175058101050109300931158125'
    '7f750895028106c0c0')


def write(path, value):
    with open(path, 'wb', buffering=0) as file:
        file.write(value if isinstance(value, bytes) else str(value).encode())


def read(path):
    with open(path) as file:
        return file.read().strip()


def bus_of(host):
    """The number of a host controller's bus."""
    bus, = glob.glob(f'/sys/devices/platform/{host.replace("udc", "hcd")}/usb*')
    return os.path.basename(bus)[3:]


def make_hosts():
    if not os.path.isdir(GADGETS):
        subprocess.run(['modprobe', 'libcomposite'], check=True)
        if not os.path.isdir(GADGETS):
            subprocess.run(['mount', '-t', 'configfs', 'configfs', '/sys/kernel/config'],
                           check=True)
    if not os.path.isdir('/sys/module/dummy_hcd'):
        subprocess.run(['modprobe', 'dummy_hcd', f'num={HOSTS}'], check=True)


def mass_storage(function, wanted):
    for number, lun in enumerate(wanted['luns']):
        folder = f'{function}/lun.{number}'
        os.makedirs(folder, exist_ok=True)
        for name in ('cdrom', 'ro', 'removable'):
            write(f'{folder}/{name}', int(lun.get(name, name == 'removable')))
        if 'inquiry' in lun:
            write(f'{folder}/inquiry_string', lun['inquiry'])
        if lun.get('file'):   # a reader without a card has none
            write(f'{folder}/file', lun['file'])


def hid(function, wanted):
    kind = wanted.get('kind', 'keyboard')
    report = {'keyboard': KEYBOARD, 'mouse': MOUSE}.get(kind) or wanted['report']
    write(f'{function}/protocol', {'keyboard': 1, 'mouse': 2}.get(kind, 0))
    write(f'{function}/subclass', int(kind in ('keyboard', 'mouse')))
    write(f'{function}/report_length', {'keyboard': 8, 'mouse': 3}.get(kind, 8))
    write(f'{function}/report_desc', report)


class Interface:
    """A function whose interface says what it likes: any class, any string.  With 'disk' it speaks
    bulk-only storage whatever it claims to be."""

    def __init__(self, name, wanted):
        self.wanted = wanted
        self.folder = f'{RUN}/{name}'
        os.makedirs(self.folder)
        subprocess.run(['mount', '-t', 'functionfs', name, self.folder], check=True)
        self.control = os.open(f'{self.folder}/ep0', os.O_RDWR)
        os.write(self.control, self.descriptors())
        os.write(self.control, self.strings())

    def descriptors(self):
        want, text = self.wanted, self.wanted.get('string')
        compatible = want.get('compatible')
        interface = struct.pack('<9B', 9, 4, 0, 0, 2, want['class'], want.get('subclass', 0),
                                want.get('protocol', 0), 1 if text is not None else 0)

        def speed(size):
            return interface + b''.join(struct.pack('<4BHB', 7, 5, address, 2, size, 0)
                                        for address in (0x81, 0x02))
        both = speed(64) + speed(512)
        # version 2 with full and high speed: magic, length, flags, counts, descriptors
        if not compatible:
            return struct.pack('<5I', 3, 20 + len(both), 3, 3, 3) + both
        # and what Microsoft's systems ask for: a compatible ID of the first interface
        both += struct.pack('<BIHHH', 0, 35, 1, 4, 1) \
            + struct.pack('<BB8s14x', 0, 1, compatible.encode())
        return struct.pack('<6I', 3, 24 + len(both), 11, 3, 3, 1) + both

    def strings(self):
        text = self.wanted.get('string')
        if text is None:
            return struct.pack('<4I', 2, 16, 0, 0)
        data = struct.pack('<H', 0x409) + text.encode() + b'\0'
        return struct.pack('<4I', 2, 16 + len(data), 1, 1) + data

    def serve(self):
        """In a process of its own until the device is taken away."""
        if os.fork():
            os.close(self.control)
            return
        os.setsid()
        os.closerange(3, self.control)   # the host's port is another process's
        os.closerange(self.control + 1, 64)
        if self.wanted.get('disk') and not os.fork():
            Disk(self.folder, self.wanted['disk']).serve()
        with open(f'{self.folder}.pid', 'w') as file:
            file.write(str(os.getpid()))
        while event := os.read(self.control, 12):
            kind, request, _, _, length, what = struct.unpack('<BBHHHB3x', event)
            if what != 4:   # a setup packet: everything else needs no answer
                continue
            if (kind, request) == (0xa1, 0xfe):   # how many LUNs: one
                os.write(self.control, b'\0'[:length])
            elif kind & 0x80:
                self.stall(os.read)
            elif length:
                self.stall(os.write)
            else:
                os.read(self.control, 0)
        os._exit(0)

    def stall(self, wrong):
        """Talking in the wrong direction is how functionfs is told to refuse."""
        try:
            wrong(self.control, 0 if wrong is os.read else b'')
        except OSError:
            pass


class Disk:
    """Just enough SCSI over bulk-only transport for a block device."""

    def __init__(self, folder, file):
        self.folder, self.file = folder, os.open(file, os.O_RDWR)
        self.blocks = os.fstat(self.file).st_size // 512

    def serve(self):
        self.out = os.open(f'{self.folder}/ep2', os.O_RDWR)
        self.into = os.open(f'{self.folder}/ep1', os.O_RDWR)
        while True:
            try:
                self.one()
            except OSError:
                time.sleep(0.05)   # the host reset it, or it is gone; functionfs has no event here
                if not os.path.exists(f'{self.folder}/ep0'):
                    os._exit(0)

    def one(self):
        wrapper = os.read(self.out, 512)
        if len(wrapper) < 31 or wrapper[:4] != b'USBC':
            return
        tag, length, flags = struct.unpack('<IIB', wrapper[4:13])
        command = wrapper[15:31]
        status, left = 0, length
        if flags & 0x80:
            answer = self.answer(command)
            status, answer = (1, b'') if answer is None else (0, answer[:length])
            left -= len(answer)
            if length:
                # Short answers are filled up: then no halt of the endpoint is needed.
                os.write(self.into, answer.ljust(length, b'\0'))
        elif length:
            data = b''
            while len(data) < length:
                data += os.read(self.out, min(length - len(data), 1 << 16))
            left = 0
            if command[0] == 0x2a:
                os.pwrite(self.file, data, 512 * struct.unpack('>I', command[2:6])[0])
        elif command[0] not in (0x00, 0x1b, 0x1e, 0x35):   # ready, start, lock, flush
            status = 1
        os.write(self.into, struct.pack('<4sIIB', b'USBS', tag, left, status))

    def answer(self, command):
        what = command[0]
        if what == 0x12 and not command[1] & 1:   # inquiry
            return struct.pack('>8B8s16s4s', 0, 0x80, 4, 2, 31, 0, 0, 0, b'Bed     ',
                               b'Disguised disk  ', b'1   ')
        if what == 0x03:   # request sense: illegal request
            return struct.pack('>18B', 0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0)
        if what == 0x25:   # capacity
            return struct.pack('>II', self.blocks - 1, 512)
        if what == 0x1a:   # mode sense
            return bytes([3, 0, 0, 0])
        if what == 0x28:   # read
            block, count = struct.unpack('>IxH', command[2:9])
            return os.pread(self.file, 512 * count, 512 * block)
        return None


def up(want):
    """Plugs it in; its name below /sys/bus/usb/devices."""
    make_hosts()
    name = want['name']
    top = f'{GADGETS}/{name}'
    config = f'{top}/configs/c.1'
    for folder in (f'{top}/{ENGLISH}', f'{config}/{ENGLISH}'):
        os.makedirs(folder)
    for file, value in (('idVendor', want['vendor']), ('idProduct', want['product']),
                        ('bcdDevice', want.get('release', 0x0100)), ('bcdUSB', 0x0200),
                        ('bDeviceClass', want.get('class', 0)),
                        ('configs/c.1/MaxPower', 250)):
        write(f'{top}/{file}', hex(value) if file != 'configs/c.1/MaxPower' else value)
    for file, value in (('serialnumber', want.get('serial')),
                        ('manufacturer', want.get('manufacturer')),
                        ('product', want.get('text'))):
        if value:
            write(f'{top}/{ENGLISH}/{file}', value)
    os.makedirs(RUN, exist_ok=True)
    for number, wanted in enumerate(want['functions']):
        kind = wanted['function']
        own = f'{name}{number}'
        function = f'{top}/functions/{"ffs" if kind == "interface" else kind}.{own}'
        os.makedirs(function)
        if kind == 'mass_storage':
            mass_storage(function, wanted)
        elif kind == 'hid':
            hid(function, wanted)
        elif kind == 'interface':
            Interface(own, wanted).serve()
        os.symlink(function, f'{config}/{kind}.{own}')
    if any(wanted.get('compatible') for wanted in want['functions']):
        for file, value in (('use', 1), ('b_vendor_code', '0xcd'), ('qw_sign', 'MSFT100')):
            write(f'{top}/os_desc/{file}', value)
        os.symlink(config, f'{top}/os_desc/c.1')
    taken = {read(path) for path in glob.glob(f'{GADGETS}/*/UDC')}
    for host in range(HOSTS):
        if f'dummy_udc.{host}' not in taken:
            write(f'{top}/UDC', f'dummy_udc.{host}')
            return f'{bus_of(f"dummy_udc.{host}")}-1'
    raise RuntimeError(f'all {HOSTS} host controllers are taken: take a device away first')


def down(name):
    top = f'{GADGETS}/{name}'
    write(f'{top}/UDC', '\n')
    for link in glob.glob(f'{top}/configs/c.1/*.*') + glob.glob(f'{top}/os_desc/c.*'):
        os.unlink(link)
    for file in glob.glob(f'{RUN}/{name}?.pid'):
        served = int(read(file))
        os.kill(served, 15)
        os.waitpid(served, 0)
        os.unlink(file)
    for folder in glob.glob(f'{RUN}/{name}?'):
        subprocess.run(['umount', '-l', folder], check=True)
        os.rmdir(folder)
    for pattern in (f'{top}/functions/*/lun.[1-9]', f'{top}/functions/*',
                    f'{top}/configs/c.1/{ENGLISH}', f'{top}/configs/c.1', f'{top}/{ENGLISH}', top):
        for folder in glob.glob(pattern):
            os.rmdir(folder)


def again(names):
    """Each comes out of its port and goes in again, as a board does that was flashed."""
    hosts = {name: read(f'{GADGETS}/{name}/UDC') for name in names}
    ports = {name: f'{bus_of(host)}-1' for name, host in hosts.items()}
    for name in hosts:
        write(f'{GADGETS}/{name}/UDC', '\n')
    # Out until the kernel has seen it: what is back at once was never away.
    for port in ports.values():
        until(lambda p=port: not os.path.exists(f'{DEVICES}/{p}'), f'{port} is empty')
    for name, host in hosts.items():
        write(f'{GADGETS}/{name}/UDC', host)
    for port in ports.values():
        until(lambda p=port: os.path.exists(f'{DEVICES}/{p}:1.0'), f'{port} has its device again')


def press(name, path):
    """Presses a key on the gadget's keyboard; whether the system that it is in sees it."""
    function, = glob.glob(f'{GADGETS}/{name}/functions/hid.*')
    device = read(f'{function}/dev')
    node = '/dev/' + os.path.basename(os.path.realpath(f'/sys/dev/char/{device}'))
    inputs = until(lambda: glob.glob(f'{DEVICES}/{path}/{path}:*/*/input/input*/event*'),
                    f'{path} is driven as a keyboard')
    keys = os.open(f'/dev/input/{os.path.basename(inputs[0])}', os.O_RDONLY)
    board = os.open(node, os.O_RDWR)
    try:
        end = time.monotonic() + LATE
        while time.monotonic() < end:
            # Again, as anybody would: the kernel drops what comes while it still probes a device.
            os.write(board, bytes([0, 0, 4, 0, 0, 0, 0, 0]))
            os.write(board, bytes(8))
            while select.select([keys], [], [], 0.5)[0]:
                kind, code, value = struct.unpack('16xHHi', os.read(keys, 24))
                if (kind, code, value) == (1, 30, 1):
                    return True
        return False
    finally:
        os.close(keys)
        os.close(board)


def until(found, what):
    """What it finds, waited for: sysfs has no events."""
    end = time.monotonic() + LATE
    while not (it := found()):
        if time.monotonic() > end:
            raise RuntimeError(f'not within {LATE} s: {what}')
        time.sleep(0.02)
    return it
