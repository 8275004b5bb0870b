# USB devices that a test plugs in: QEMU's own on the guest's USB 3 controller, here, and any other
# (vendor, product, several functions) by gadget.py inside the guest.
#
#     stick = guest.plug(usb.storage(image, serial='S1'))
#     guest.events.wait('UDEV add block .*/sda$')
#     stick.unplug()
# SPDX-License-Identifier: Apache-2.0
import contextlib
import pathlib
import subprocess

PORTS = 8   # of the controller, each both USB 2 and USB 3


class Device:
    """What is to be plugged in: QEMU's arguments, and the file that it stores in."""

    def __init__(self, driver, image=None, fast=False, read_only=False, disk=None, **arguments):
        self.driver, self.image, self.fast = driver, image, fast
        self.read_only, self.disk, self.arguments = read_only, disk, arguments
        self.format = 'raw'


def storage(image, serial='STICK-1', removable=True, read_only=False):
    """A stick: one bulk-only storage interface, 46f4:0001."""
    return Device('usb-storage', image, True, read_only, serial=serial, removable=removable)


def uas(image, serial='UAS-1', vendor='ACME', product='UAS stick', read_only=False):
    """A disk that speaks USB attached SCSI, 46f4:0003."""
    return Device('usb-uas', image, True, read_only, serial=serial,
                  disk={'driver': 'scsi-hd', 'vendor': vendor, 'product': product,
                        'serial': serial})


def cdrom(image, serial='CD-1'):
    """An optical drive, 46f4:0001."""
    return Device('usb-bot', image, True, True, serial=serial, disk={'driver': 'scsi-cd'})


def mtp(folder, serial='MTP-1'):
    """A phone that shares a folder, 46f4:0004."""
    return Device('usb-mtp', rootdir=str(folder), desc='Phone storage', serial=serial)


def keyboard(serial='KEYBOARD-1'):
    return Device('usb-kbd', serial=serial)


def mouse(serial='MOUSE-1'):
    return Device('usb-mouse', serial=serial)


def hub(ports=8, serial='HUB-1'):
    """A USB 1 hub; devices go to its ports as '2.1' when it is in port '2'."""
    return Device('usb-hub', ports=ports, serial=serial)


def audio():
    return Device('usb-audio')


def card_reader():
    """For smart cards, not memory cards."""
    return Device('usb-ccid')


def network():
    return Device('usb-net')


class Plugged:
    """A device in its port.  'path' is its name below /sys/bus/usb/devices: 2-1."""

    def __init__(self, monitor, events, device, port, name):
        self.monitor, self.events, self.port, self.name = monitor, events, port, name
        self.path = f'{2 if device.fast and "." not in port else 1}-{port}'
        self.node = None
        events.mark()
        arguments = {'driver': device.driver, 'id': name, 'bus': 'xhci.0', 'port': port,
                     **device.arguments}
        if device.image:
            self.node = f'{name}-file'
            monitor('blockdev-add', **{
                'driver': device.format, 'node-name': self.node, 'read-only': device.read_only,
                'file': {'driver': 'file', 'filename': str(device.image), 'locking': 'off'}})
            if not device.disk:
                arguments['drive'] = self.node
        monitor('device_add', **arguments)
        if device.disk:
            # Such a device is attached by hand, after its disk.
            monitor('device_add', id=f'{name}-disk', bus=f'{name}.0', drive=self.node,
                    **device.disk)
            monitor('qom-set', path=f'/machine/peripheral/{name}', property='attached', value=True)

    def unplug(self):
        """Pulls it out; returns when QEMU is done, the guest has its events yet to come."""
        self.events.mark()
        self.monitor('device_del', id=self.name)
        self.monitor.wait('DEVICE_DELETED', device=self.name)
        if self.node:
            self.monitor('blockdev-del', **{'node-name': self.node})
        self.name = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.name:
            self.unplug()


def blank(path, size_mib=16):
    """An empty file for a stick or a disk."""
    with open(path, 'wb') as file:
        file.truncate(size_mib << 20)
    return pathlib.Path(path)


def fat(path, size_mib=16, label='STICK', files=None):
    """A stick as it is sold: one FAT file system.  'files': names and their bytes."""
    blank(path, size_mib)
    subprocess.run(['mkfs.vfat', '-n', label, path], check=True, stdout=subprocess.DEVNULL)
    for name, data in (files or {}).items():
        subprocess.run(['mcopy', '-i', path, '-', f'::{name}'], check=True, input=data)
    return pathlib.Path(path)


def bitlocker(path):
    """A volume's header and the first block of its metadata: what libblkid looks at."""
    blank(path)
    with open(path, 'r+b') as file:
        file.write(bytes.fromhex('eb5890') + b'-FVE-FS-')
        file.seek(160)
        file.write(bytes.fromhex('3bd66749292ed84a8399f6a339e3d001')
                   + (4096).to_bytes(8, 'little'))
        file.seek(4096)
        file.write(b'-FVE-FS-' + (64).to_bytes(2, 'little') + (2).to_bytes(2, 'little'))


@contextlib.contextmanager
def plugged(guest, *devices):
    """Several devices for as long as a test looks."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(guest.plug(device)) for device in devices]


# --- functions of a gadget ---

def gadget_storage(*files, removable=True, read_only=False, cdrom=False, inquiry=None):
    """A stick in the guest, a LUN for each file there; None is a reader without a card."""
    lun = {'removable': removable, 'ro': read_only or cdrom, 'cdrom': cdrom}
    if inquiry:
        lun['inquiry'] = inquiry
    return {'function': 'mass_storage', 'luns': [{**lun, 'file': file} for file in files]}


def gadget_luns(*luns):
    """LUNs that differ: dictionaries with file, cdrom, ro, removable."""
    return {'function': 'mass_storage', 'luns': luns}


def gadget_keyboard():
    return {'function': 'hid', 'kind': 'keyboard'}


def gadget_mouse():
    return {'function': 'hid', 'kind': 'mouse'}


def gadget_hid(report):
    """Another human interface device, by its report descriptor."""
    return {'function': 'hid', 'kind': 'other', 'report': report}


def gadget_serial():
    return {'function': 'acm'}


def gadget_function(name):
    """Any other function of the kernel that needs no settings: rndis, ecm, midi, printer ..."""
    return {'function': name}


def gadget_interface(number, subclass=0, protocol=0, string=None, disk=None, compatible=None):
    """An interface that claims a class and a string as it likes, with two bulk endpoints.  'disk':
    a file in the guest that it serves as bulk-only storage all the same.  'compatible': the ID that
    it answers Microsoft's systems with ('MTP', 'WINUSB')."""
    return {'function': 'interface', 'class': number, 'subclass': subclass, 'protocol': protocol,
            'string': string, 'disk': disk, 'compatible': compatible}
