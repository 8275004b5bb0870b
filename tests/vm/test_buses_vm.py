# What is plugged into other places than a port that was there all along: a memory card in a slot, a
# USB controller that comes while the machine runs, a stick while it sleeps; and a clock that is wrong.
# Slot and controller are in the machine from its start, but its kernel finds them only by the rescan
# of its PCI bus, as it finds what is hot-plugged.  Not here: usbcore built into the kernel (Debian's
# is a module), SATA (the image has no driver for it), FireWire and Thunderbolt (QEMU has none).
# SPDX-License-Identifier: Apache-2.0
import time

import pytest

import bed
import usb
from seat import ANY, APPROVED, BLOCK, STICK, Seat

CARD = '00aa:5859:deadbeef'   # QEMU's: maker, customer, serial number
MACHINE = ['-drive', 'if=none,id=card', '-device', 'sdhci-pci', '-device', 'sd-card,drive=card',
           '-device', 'qemu-xhci,id=second']
YEAR_1970, YEAR_2099 = 86400, 4073000000
SLOT = 'ls -d /sys/class/mmc_host/mmc0'


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp('images')
    return {'card': usb.fat(folder / 'card.img', 64), 'stick': usb.fat(folder / 'stick.img')}


@pytest.fixture(scope='module')
def installed():
    """The gate is shut when slot and controller come."""
    with bed.guest(installed=True, machine=MACHINE) as guest:
        guest.run('systemctl mask -q --now caretaker-scan.path 2>/dev/null')
        seat = Seat(guest)
        seat.rules(BLOCK)
        guest.run('echo 1 > /sys/bus/pci/rescan')
        guest.until(f'{SLOT} && [ -e /sys/bus/usb/devices/usb4 ]', 120)
        guest.settle()
        yield seat


@pytest.fixture
def seat(installed):
    yield installed
    installed.clear()


def put_in(seat, image):
    seat.guest.monitor('blockdev-change-medium', device='card', filename=str(image), format='raw')


def take_out(seat):
    seat.guest.monitor('eject', device='card', force=True)
    seat.guest.until('! ls -d /sys/bus/mmc/devices/*:*')


def card(seat):
    return seat.call('ls -d /sys/block/mmcblk*')[1].split('/')[-1].strip()


def test_a_card_has_no_disk_until_it_is_allowed_and_none_when_it_is_no_more(seat, images):
    seat.rules(BLOCK)
    before = seat.disks()
    put_in(seat, images['card'])
    try:
        said = seat.verdict(CARD, 'refused', 'not-allowed')
        assert (said['port'][:5], said['model'], said['kind']) == ('mmc0:', 'QEMU!', 'storage')
        assert seat.event(CARD, 'storage-refused')['enforced']
        assert seat.disks() == before
        seat.rules(APPROVED + f'stick {CARD} 0 any EX-1 0\n')
        seat.verdict(CARD, 'open')
        seat.until(lambda: card(seat), 'the card has a disk')
        seat.until(lambda: seat.is_open(card(seat)), 'it is open')
        assert seat.disks() == [*before, 'mmcblk0']
        seat.run(f'mount /dev/{card(seat)} /mnt && echo kept > /mnt/file')
        seat.rules(APPROVED)
        seat.verdict(CARD, 'refused', 'not-approved')
        assert not seat.mounted() and card(seat) == ''
        seat.rules(ANY)
        seat.until(lambda: card(seat), 'the card has a disk')
        seat.verdict(CARD, 'open')
        assert seat.run(f'mount -r /dev/{card(seat)} /mnt && cat /mnt/file && umount /mnt') == 'kept'
    finally:
        take_out(seat)


def test_with_the_daemon_dead_a_card_has_no_disk(seat, images):
    seat.rules(BLOCK)
    before = seat.disks()
    seat.run('systemctl stop caretakerd')
    try:
        put_in(seat, images['card'])
        seat.guest.until('ls -d /sys/bus/mmc/devices/*:*')
        seat.guest.settle()
        assert seat.disks() == before and seat.run('cat /sys/bus/mmc/drivers_autoprobe') == '0'
        # The positive control: the same card, bound by hand.
        seat.run('basename /sys/bus/mmc/devices/*:* > /sys/bus/mmc/drivers_probe')
        seat.until(lambda: card(seat), 'the card has a disk')
        # Nobody opened it: it is root's alone.
        seat.guest.settle()
        assert not seat.is_open(card(seat))
    finally:
        seat.run('systemctl start caretakerd')
        take_out(seat)


class Second:
    """A device in the controller that came."""

    def __init__(self, seat, driver, port, image=None, **more):
        self.monitor, self.name = seat.guest.monitor, f'second{port}'
        self.path = f'{4 if image else 3}-{port}'   # a stick is fast
        seat.guest.events.mark()
        if image:
            self.monitor('blockdev-add', **{
                'driver': 'raw', 'node-name': self.name,
                'file': {'driver': 'file', 'filename': str(image), 'locking': 'off'}})
            more['drive'] = self.name
        self.monitor('device_add', driver=driver, id=f'{self.name}-it', bus='second.0', port=str(port),
                     **more)

    def unplug(self):
        self.monitor('device_del', id=f'{self.name}-it')
        self.monitor.wait('DEVICE_DELETED', device=f'{self.name}-it')


def test_a_controller_that_comes_later_begins_shut_but_for_a_keyboard(seat, images):
    seat.rules(BLOCK)
    before = seat.disks()
    keyboard = Second(seat, 'usb-kbd', 2, serial='K')
    seat.guest.events.wait(f'UDEV add input .*/{keyboard.path}/.*/event')
    stick = Second(seat, 'usb-storage', 1, images['stick'], serial='PCI-1')
    try:
        seat.verdict('PCI-1', 'refused', 'not-allowed')
        assert seat.disks() == before
        seat.rules(ANY)
        seat.has_disk(stick)
        seat.verdict('PCI-1', 'open')
    finally:
        stick.unplug()
        keyboard.unplug()


def test_a_stick_that_comes_while_the_machine_sleeps_wakes_up_shut(seat, images):
    seat.rules(APPROVED + f'stick {STICK}:AWAKE 0 any - 8\n')
    awake = seat.plug(usb.storage(images['stick'], 'AWAKE'))
    seat.has_disk(awake)
    seat.verdict('AWAKE', 'open')
    before = seat.disks()
    with seat.guest.suspended():
        asleep = seat.plug(usb.storage(images['stick'], 'ASLEEP'))
    seat.verdict('ASLEEP', 'refused', 'not-approved')
    assert seat.disks() == before and seat.of('AWAKE')['verdict'] == 'open'
    seat.rules(ANY)
    seat.has_disk(asleep)
    assert seat.disk(awake)


def test_an_end_holds_by_a_clock_that_is_wrong_and_without_any(seat, images):
    def rules(boot, told):
        seat.rules(APPROVED + f'stick {STICK}:CLOCK {now + 3600} any EX-9 0\n',
                   f'{told} {uptime} {boot}')
    here, other, uptime, now = seat.run('cat /proc/sys/kernel/random/boot_id; '
                                        'cat /proc/sys/kernel/random/uuid; cut -d. -f1 /proc/uptime; '
                                        'date +%s').split()
    now = int(now)
    earlier = now - int(uptime) - 60   # before this start
    seat.plug(usb.storage(images['stick'], 'CLOCK'))
    try:
        # The collector told the time in this boot: what the clock says does not matter.
        for clock in (YEAR_1970, YEAR_2099):
            seat.run(f'date -s @{clock}')
            rules(here, now)
            seat.verdict('CLOCK', 'open')
        # It told it before the last start: a clock that is behind that is no clock.
        rules(other, earlier)
        seat.verdict('CLOCK', 'refused', 'approval-ended')
        seat.run(f'date -s @{YEAR_1970}')
        rules(other, earlier)
        seat.verdict('CLOCK', 'refused', 'clock-unknown')
        seat.guest.set_clock(time.time())
        rules(other, earlier)
        seat.verdict('CLOCK', 'open')
    finally:
        seat.guest.set_clock(time.time())
