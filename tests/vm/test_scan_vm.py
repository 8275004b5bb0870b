# Media that are scanned first, under a real kernel and by a real clamd with AppArmor: nobody uses one
# before it was found clean.
# SPDX-License-Identifier: Apache-2.0
import pytest

import bed
import usb
from seat import RUN, SCAN, Seat

EICAR = rb'X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'


def start_clamd(guest):
    guest.run('systemctl start clamav-daemon.service', timeout=180)
    guest.until('test -S /run/clamav/clamd.ctl', 120)


@pytest.fixture(scope='module')
def installed():
    with bed.guest(installed=True) as guest:
        start_clamd(guest)
        seat = Seat(guest)
        seat.rules(SCAN)
        yield seat


@pytest.fixture
def seat(installed):
    yield installed
    installed.clear()


def left_mounted(seat):
    return seat.run(f'grep -c {RUN}/media /proc/mounts || true')


def as_alice(seat, command):
    return seat.call(f'runuser -u alice -- {command}')[0]


def test_a_clean_stick_opens_and_can_be_written(seat, tmp_path):
    files = {f'{i}.txt': b'lesson %d' % i for i in range(20)}
    stick = seat.plug(usb.storage(usb.fat(tmp_path / 'clean', files=files), 'CLEAN-1'))
    disk = seat.has_disk(stick)
    assert as_alice(seat, f'head -c 1 /dev/{disk}') != 0
    seat.verdict('CLEAN-1', 'open', 'allowed')
    seat.until(lambda: seat.is_open(disk), 'it is open')
    assert seat.run(f'cat {RUN}/scan/{disk}.state').startswith('clean 20 ')
    seat.run(f'mount /dev/{disk} /mnt && cat /mnt/7.txt && touch /mnt/new && umount /mnt')
    assert left_mounted(seat) == '0'


def test_an_infected_stick_stays_shut_and_its_virus_is_named(seat, tmp_path):
    image = usb.fat(tmp_path / 'infected', files={'ok.txt': b'x', 'game.com': EICAR})
    stick = seat.plug(usb.storage(image, 'EICAR-1'))
    disk = seat.has_disk(stick)
    seat.verdict('EICAR-1', 'refused', 'infected')
    assert seat.run(f'cat {RUN}/scan/{disk}.state') == 'infected Bed.Eicar.UNOFFICIAL'
    assert as_alice(seat, f'head -c 1 /dev/{disk}') != 0
    assert as_alice(seat, f'udisksctl mount -b /dev/{disk}') != 0
    assert seat.event('EICAR-1', 'storage-refused')['why'] == 'infected'
    assert left_mounted(seat) == '0'


def test_a_file_that_clamd_would_pass_over_keeps_it_shut(seat, tmp_path):
    # MaxFileSize is 25 MB: clamd answers OK for this file, whose end is a virus.
    image = usb.fat(tmp_path / 'large', 64, files={'film.mp4': bytes(26 << 20) + EICAR})
    seat.plug(usb.storage(image, 'LARGE-1'))
    seat.verdict('LARGE-1', 'refused', 'unscannable')
    assert 'unscannable file-too-large' in seat.run(f'cat {RUN}/scan/*.state')


def test_a_stick_pulled_while_it_is_scanned_leaves_nothing_behind(seat, tmp_path):
    files = {f'{i}.txt': b'%d' % i * 40 for i in range(500)}
    image = usb.fat(tmp_path / 'many', 64, files=files)
    stick = seat.plug(usb.storage(image, 'MANY-1'))
    seat.until(lambda: left_mounted(seat) != '0', 'it is being scanned')
    stick.unplug()
    seat.until(lambda: left_mounted(seat) == '0', 'it is unmounted')
    seat.until(lambda: seat.call(f'ls {RUN}/scan/*.ask')[0] != 0, 'the scan has ended')
    seat.plug(usb.storage(image, 'MANY-2'))
    seat.verdict('MANY-2', 'open', 'allowed')


def test_without_a_scanner_it_stays_shut(seat, tmp_path):
    seat.run('systemctl stop clamav-daemon.socket clamav-daemon.service 2>/dev/null; '
             'rm -f /run/clamav/clamd.ctl')
    try:
        seat.plug(usb.storage(usb.fat(tmp_path / 'alone', files={'a': b'a'}), 'ALONE-1'))
        seat.verdict('ALONE-1', 'refused', 'unscannable')
        assert 'unscannable no-scanner' in seat.run(f'cat {RUN}/scan/*.state')
    finally:
        start_clamd(seat.guest)
