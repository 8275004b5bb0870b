# The bed itself: without our agent every device that a test can plug in does come up.  What a later
# test sees refused is refused by us, not by a module that is missing or a stick that is broken.
# SPDX-License-Identifier: Apache-2.0
import pytest

import bed
import usb


@pytest.fixture(scope='module')
def guest():
    with bed.guest() as it:
        it.run('truncate -s 8M /root/stick.img && mkfs.vfat -n INNER /root/stick.img')
        yield it


@pytest.fixture(autouse=True)
def nothing_is_left_over(guest):
    """A name is free once its disk is gone."""
    yield
    guest.until('! ls -d /sys/block/sd* 2>&1')
    guest.settle()


@pytest.fixture(scope='module')
def image(tmp_path_factory):
    return usb.fat(tmp_path_factory.mktemp('stick') / 'stick.img', files={'a.txt': b'hello'})


def read(guest, device, *names):
    return guest.run(f'cd /sys/bus/usb/devices/{device.path} && cat {" ".join(names)}').split('\n')


def drivers(guest, device):
    """Each interface's class and driver."""
    return dict(line.split() for line in guest.run(
        f'cd /sys/bus/usb/devices/{device.path} && for i in {device.path}:*; do '
        'echo $(cat $i/bInterfaceClass)/${i#*:} $(basename $(readlink $i/driver)); done'
    ).splitlines())


def test_a_stick_is_a_disk_with_its_serial_number_and_is_gone_when_pulled(guest, image):
    before = guest.disks()
    with guest.plug(usb.storage(image, serial='S-0001')) as stick:
        disk = guest.events.wait('UDEV add block .*/sda$')
        assert disk.properties['ID_SERIAL_SHORT'] == 'S-0001'
        assert read(guest, stick, 'idVendor', 'idProduct', 'serial') == ['46f4', '0001', 'S-0001']
        assert guest.disks() == [*before, 'sda']
        assert guest.run('mount -r /dev/sda /mnt && cat /mnt/a.txt && umount /mnt') == 'hello'
        stick.unplug()
        guest.events.wait('UDEV remove block .*/sda$')
    assert guest.call('ls /dev/sda')[0] != 0


def test_a_stick_that_the_kernel_refuses_never_has_a_disk(guest, image):
    default = '/sys/bus/usb/devices/usb2/authorized_default'
    guest.run(f'echo 0 > {default}')
    before = guest.disks()
    try:
        with guest.plug(usb.storage(image)) as stick:
            guest.events.wait('UDEV add usb .*/usb2/2-1$')
            guest.settle()
            assert guest.disks() == before
            # The other way round: it is only the refusal that kept it from one.
            guest.events.mark()
            guest.run(f'echo 1 > /sys/bus/usb/devices/{stick.path}/authorized')
            guest.events.wait('KERNEL add block .*/sda$')
            assert guest.disks() == [*before, 'sda']
    finally:
        guest.run(f'echo 1 > {default}')


def test_a_uas_disk_is_driven_by_uas(guest, image):
    with guest.plug(usb.uas(image, serial='UAS-7', product='Fast stick')) as stick:
        # A disk may be told of before udev has it all, and then once more.
        guest.events.wait(r'UDEV (add|change) block .*/sda$[^|]*^ID_USB_DRIVER=uas$')
        assert drivers(guest, stick) == {'08/1.0': 'uas'}


def test_a_phone_shows_an_mtp_interface(guest, tmp_path):
    (tmp_path / 'photo.jpg').write_bytes(b'x')
    with guest.plug(usb.mtp(tmp_path, serial='PHONE-1')) as phone:
        seen = guest.events.wait(f'UDEV add usb .*/{phone.path}$')
        assert seen.properties['ID_USB_INTERFACES'] == ':060101:'
        assert read(guest, phone, 'serial') == ['PHONE-1']


def test_a_hub_carries_several_devices(guest, image, tmp_path):
    other = usb.blank(tmp_path / 'other.img')
    with guest.plug(usb.hub(), port='3'), guest.plug(usb.storage(image, 'A'), port='3.1'), \
            guest.plug(usb.storage(other, 'B'), port='3.2'), \
            guest.plug(usb.keyboard(), port='3.3') as keyboard:
        for serial in ('A', 'B'):
            guest.events.wait(f'UDEV add block (?s:.*)^ID_SERIAL_SHORT={serial}$', since=0)
        guest.events.wait(f'UDEV add input .*/{keyboard.path}/.*/event', since=0)


def test_a_stick_that_comes_while_the_machine_sleeps_is_there_when_it_wakes(guest, image):
    with guest.suspended():
        stick = guest.plug(usb.storage(image))
    with stick:
        guest.events.wait('UDEV add block .*/sda$')


def test_a_gadget_is_any_device_with_any_functions(guest):
    before = guest.disks()
    functions = [usb.gadget_storage('/root/stick.img'), usb.gadget_keyboard(), usb.gadget_serial()]
    with guest.gadget(0x0951, 0x1666, *functions, serial='60A44C413FAEE1B1',
                      manufacturer='Kingston', text='DataTraveler') as gadget:
        disk = guest.events.wait('UDEV add block .*/sd.$')
        assert disk.properties['ID_FS_LABEL'] == 'INNER'
        guest.events.wait('UDEV add tty .*/ttyACM0$')
        assert read(guest, gadget, 'idVendor', 'idProduct', 'serial', 'manufacturer', 'product') \
            == ['0951', '1666', '60A44C413FAEE1B1', 'Kingston', 'DataTraveler']
        assert set(drivers(guest, gadget).values()) == {'usb-storage', 'usbhid', 'cdc_acm'}
        assert gadget.types()
        assert len(guest.disks()) == len(before) + 1
        gadget.unplug()
        guest.events.wait('UDEV remove usb .*-1$')


def test_a_gadget_has_several_luns_of_several_kinds(guest):
    luns = usb.gadget_luns({'file': '/root/stick.img', 'cdrom': True, 'ro': True},
                           {'file': '/root/stick.img', 'ro': True, 'removable': False})
    with guest.gadget(0x1234, 0x5678, luns):
        guest.events.wait('UDEV add block .*/sr0$')
        disk = guest.events.wait('UDEV add block .*/sd.$')
        assert guest.run(f'cat /sys{disk.path}/ro /sys{disk.path}/removable') == '1\n0'


def test_a_gadget_interface_claims_what_it_likes(guest):
    adb = usb.gadget_interface(0xff, 0x42, 0x01, 'ADB Interface')
    with guest.gadget(0x18d1, 0x4ee1, adb) as it:
        guest.events.wait(f'UDEV add usb .*/{it.path}:1.0$')
        assert read(guest, it, f'{it.path}:1.0/bInterfaceClass', f'{it.path}:1.0/interface') == \
            ['ff', 'ADB Interface']


def test_storage_that_claims_to_be_vendor_specific_still_gets_a_disk(guest):
    # 0419:aace is on usb_storage's own list.
    lie = usb.gadget_interface(0xff, 0x06, 0x50, disk='/root/stick.img')
    with guest.gadget(0x0419, 0xaace, lie) as it:
        disk = guest.events.wait('UDEV add block .*/sd.$')
        assert drivers(guest, it) == {'ff/1.0': 'usb-storage'}
        assert disk.properties['ID_FS_LABEL'] == 'INNER'
