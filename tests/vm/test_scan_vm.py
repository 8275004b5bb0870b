# Media that are scanned first, under a real kernel and by a real clamd with AppArmor: nobody uses one
# before it was found clean.
# SPDX-License-Identifier: Apache-2.0
import ctypes
import ctypes.util
import re
import shutil
import subprocess

import pytest

import bed
import usb
from seat import ENFORCE, RUN, SCAN, Seat

EICAR = rb'X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'


def start_clamd(guest):
    guest.run('systemctl start clamav-daemon.service', timeout=180)
    guest.until('test -S /run/clamav/clamd.ctl', 120)


ON_OPEN = SCAN.replace('scan full', 'scan on-open')


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
    assert seat.run(f'cat {RUN}/scan/*{disk}.state').startswith('clean 20 ')
    seat.run(f'mount /dev/{disk} /mnt && cat /mnt/7.txt && touch /mnt/new && umount /mnt')
    assert left_mounted(seat) == '0'
    # The desktop hears once that it is released.
    heard = [each.text for each in seat.guest.events.since()
             if re.match(f'UDEV change block .*/{disk}$', each.text, re.M)]
    opened = ['CARETAKER_MEDIUM=open' in text and 'UDISKS_IGNORE' not in text for text in heard]
    assert opened.count(True) == 1 and opened[-1], heard


def test_an_infected_stick_stays_shut_and_its_virus_is_named(seat, tmp_path):
    image = usb.fat(tmp_path / 'infected', files={'ok.txt': b'x', 'game.com': EICAR})
    stick = seat.plug(usb.storage(image, 'EICAR-1'))
    disk = seat.has_disk(stick)
    seat.verdict('EICAR-1', 'refused', 'infected')
    assert seat.run(f'cat {RUN}/scan/*{disk}.state') == 'infected Bed.Eicar.UNOFFICIAL'
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


def full_of_files(path, count=1900, size=32 << 10):
    """64 MB of small files, written at once: mtools takes a process and a while for each."""
    folder = path.with_suffix('.files')
    folder.mkdir()
    text = b'What we did in the holidays. ' * (size // 29)
    for i in range(count):
        (folder / f'{i}.txt').write_bytes(b'%d ' % i + text)
    usb.blank(path, 64)
    subprocess.run(['mke2fs', '-q', '-t', 'ext4', '-O', '^has_journal', '-m', '0', '-N', '2100',
                    '-d', folder, path], check=True)
    shutil.rmtree(folder)
    return path


def test_a_full_stick_tells_how_far_its_scan_is_and_leaves_nothing_when_it_is_pulled(seat, tmp_path):
    stick = seat.plug(usb.storage(full_of_files(tmp_path / 'many'), 'MANY-1'))
    said = {}

    def estimated():
        for medium in seat.of('MANY-1').get('media', []):
            said.update(medium.get('scan', {}))
        return 'left_s' in said
    seat.until(estimated, lambda: f'an estimate; it is {said}')
    assert said['stage'] == 'scanning' and said['files'] > 0
    assert 1 << 20 <= said['bytes'] < said['total_bytes'] < 64 << 20
    assert 59 << 20 < said['total_bytes']
    # Where nobody else looks, and so that nothing of it is run or changed.
    _, folder, _, options = next(line.split()[:4] for line in seat.guest.read('/proc/1/mounts').splitlines()
                                 if f' {RUN}/media/' in line)
    assert {'ro', 'nosuid', 'nodev', 'noexec'} <= set(options.split(','))
    assert seat.run(f'stat -c "%a %U %G" {RUN}/media') == '700 root root'
    assert seat.run(f'ls {folder}') and as_alice(seat, f'ls {folder}') != 0
    shown = seat.call('caretaker hardware')[1]
    assert re.search(r'being scanned: \d+ files, \d+ KiB of \d+ MiB, about \d+ (s|min) left', shown), shown
    stick.unplug()
    seat.until(lambda: left_mounted(seat) == '0', 'it is unmounted')
    seat.until(lambda: seat.call(f'ls {RUN}/scan/*.ask')[0] != 0, 'the scan has ended')
    seat.until(lambda: not seat.of('MANY-1'), 'it is forgotten')
    assert not seat.events('MANY-1')
    seat.plug(usb.storage(usb.fat(tmp_path / 'next', files={'a': b'a'}), 'MANY-2'))
    seat.verdict('MANY-2', 'open', 'allowed')


# --- each file when it is opened ---

@pytest.fixture
def on_open(seat):
    seat.rules(ON_OPEN)
    yield seat
    seat.rules(SCAN)


def plug_guarded(seat, image, serial):
    """A stick that may be read."""
    stick = seat.plug(usb.storage(image, serial))
    disk = seat.has_disk(stick)
    seat.verdict(serial, 'read-only', 'allowed')
    seat.until(lambda: seat.is_open(disk), 'it is open')
    return stick, disk


def reads(seat, name, folder='/mnt', before=''):
    """What alice gets of a file; None when it does not open."""
    code, text, error = seat.call(f'runuser -u alice -- {before} cat {folder}/{name}')
    assert code == 0 or not text
    assert code == 0 or 'not permitted' in error, error
    return text if code == 0 else None


OVERLAY = "unshare -Urm sh -c 'mount -t overlay -o lowerdir=%s:/usr/share/base-files o /mnt && ls /mnt'"


def test_on_open_each_file_is_scanned_and_a_virus_shuts_the_stick(on_open, tmp_path):
    seat = on_open
    files = {**{f'{i}.txt': b'lesson %d' % i for i in range(6)}, 'game.com': EICAR,
             'film.mp4': bytes(26 << 20) + EICAR}
    stick, disk = plug_guarded(seat, usb.fat(tmp_path / 'open', 64, files=files), 'OPEN-1')
    # udisks mounts it as it mounts any: nothing of ours is in its way.
    assert 'Mounted /dev/' in seat.run(f'udisksctl mount -b /dev/{disk}')
    seat.run(f'mount /dev/{disk} /mnt')
    assert seat.run(f'grep -c "^/dev/{disk} .* ro," /proc/mounts') == '2'
    assert reads(seat, '1.txt') == 'lesson 1'
    assert reads(seat, '1.txt') == 'lesson 1'
    assert seat.call('cat /media/root/STICK/2.txt')[1] == 'lesson 2'
    assert seat.call('touch /mnt/new')[0] != 0
    assert seat.call('mount -o remount,rw /mnt')[0] != 0
    assert as_alice(seat, f'head -c 1 /dev/{disk}') != 0
    # A sandbox has mounts of its own.
    assert seat.run('unshare -m cat /mnt/3.txt') == 'lesson 3'
    # Another file system over it would open files of it unasked: FAT is none that one can lie on.
    assert as_alice(seat, OVERLAY % '/usr/share/dpkg') == 0
    assert as_alice(seat, OVERLAY % '/mnt') != 0
    assert reads(seat, 'film.mp4') is None
    assert seat.event('OPEN-1', 'storage-refused')['why'] == 'file-too-large'
    assert 'a file was not opened because a file on it is larger' in seat.call('caretaker hardware')[1]
    assert reads(seat, 'game.com') is None
    seat.verdict('OPEN-1', 'refused', 'infected')
    seat.has_none(stick)
    assert not seat.mounted()
    assert seat.event('OPEN-1', 'storage-shut')['why'] == 'infected'
    assert seat.run(f'cat {RUN}/scan/*{disk}.state') == 'infected Bed.Eicar.UNOFFICIAL'


SLOWER = '/run/systemd/system/caretaker-on-open.service.d'


def test_on_open_killed_scanners_let_nobody_through(on_open, tmp_path):
    seat = on_open
    files = {**{f'{i}.txt': b'lesson %d' % i for i in range(6)}, 'game.com': EICAR}
    stick, disk = plug_guarded(seat, usb.fat(tmp_path / 'killed', files=files), 'KILLED-1')
    seat.run(f'mount /dev/{disk} /mnt')
    assert reads(seat, '1.txt') == 'lesson 1'
    seat.run(f'mkdir -p {SLOWER} && printf "[Service]\nRestartSec=3\n" > {SLOWER}/test.conf && '
             'systemctl daemon-reload')
    # Dead for three seconds: who opens a file waits, and gives up or is answered by the next.
    said = seat.run('systemctl kill -s KILL caretaker-on-open.service; '
                    'timeout 1 cat /mnt/game.com; echo $?; cat /mnt/2.txt; '
                    'systemctl show -P NRestarts caretaker-on-open.service')
    assert said == '124\nlesson 21'
    assert seat.of('KILLED-1')['verdict'] == 'read-only'
    # The daemon dies: what it had asked for goes on.
    seat.run('systemctl kill -s KILL caretakerd.service')
    assert reads(seat, '3.txt') == 'lesson 3'
    seat.run('systemctl start caretakerd.service')
    seat.until(lambda: not seat.mounted(), 'a new daemon takes it out of use')
    seat.until(lambda: seat.is_open(disk), 'and opens it anew')
    stick.unplug()
    seat.until(lambda: seat.call(f'ls {RUN}/scan/*.guard')[0] != 0, 'it is guarded no more')


def test_without_a_scanner_no_file_opens_and_no_stick(on_open, tmp_path):
    seat = on_open
    _, disk = plug_guarded(seat, usb.fat(tmp_path / 'there', files={'1.txt': b'lesson 1'}), 'THERE-1')
    seat.run(f'mount /dev/{disk} /mnt')
    seat.run('systemctl stop clamav-daemon.socket clamav-daemon.service 2>/dev/null; '
             'rm -f /run/clamav/clamd.ctl')
    try:
        assert reads(seat, '1.txt') is None
        assert seat.event('THERE-1', 'storage-refused')['why'] == 'no-scanner'
        # FAT would be opened by the file; ext4 is scanned whole.
        subprocess.run(['mke2fs', '-q', usb.blank(tmp_path / 'ext4', 4)], check=True)
        for image, name in ((usb.fat(tmp_path / 'fat'), 'FAT-1'), (tmp_path / 'ext4', 'EXT4-1')):
            stick = seat.plug(usb.storage(image, name))
            seat.verdict(name, 'refused', 'unscannable')
            seat.has_none(stick)
        assert seat.run(f'grep -l "unscannable no-scanner" {RUN}/scan/*.state')
    finally:
        start_clamd(seat.guest)
    assert reads(seat, '1.txt') == 'lesson 1'


# --- what is in an encrypted stick ---

LOCKED = ENFORCE + 'set allow any 4\nset encrypted luks,bitlocker 5\nset scan full 6\n'
DATA = 4 << 20   # where what is encrypted begins


def encrypt(data, key):
    """As dm-crypt has it on the disk: aes-xts-plain64 in sectors of 512 bytes."""
    crypto = ctypes.CDLL(ctypes.util.find_library('crypto'))
    crypto.EVP_CIPHER_CTX_new.restype = crypto.EVP_aes_256_xts.restype = ctypes.c_void_p
    context = ctypes.c_void_p(crypto.EVP_CIPHER_CTX_new())
    cipher, out = ctypes.c_void_p(crypto.EVP_aes_256_xts()), ctypes.create_string_buffer(512)
    result = bytearray()
    for sector in range(len(data) // 512):
        length = ctypes.c_int()
        assert crypto.EVP_EncryptInit_ex(context, cipher, None, key, sector.to_bytes(16, 'little'))
        assert crypto.EVP_EncryptUpdate(context, out, ctypes.byref(length),
                                        data[sector * 512:][:512], 512) and length.value == 512
        result += out.raw
    return result


def luks(path, files):
    """A LUKS stick, its word 'secret', that holds a small FAT."""
    clear = usb.fat(path.with_suffix('.fat'), 1, files=files).read_bytes()
    key = bytes(range(64))
    path.with_suffix('.key').write_bytes(key)
    usb.blank(path, 5)
    subprocess.run(['cryptsetup', 'luksFormat', '-q', '--type', 'luks2', '--pbkdf', 'pbkdf2',
                    '--pbkdf-force-iterations', '1000', '--cipher', 'aes-xts-plain64', '--key-size',
                    '512', '--sector-size', '512', '--offset', str(DATA // 512), '--luks2-metadata-size',
                    '16k', '--luks2-keyslots-size', '1M', '--master-key-file',
                    path.with_suffix('.key'), path], input=b'secret', check=True, capture_output=True)
    with open(path, 'r+b') as file:
        file.seek(DATA)
        file.write(encrypt(clear, key))
    return path


def unlock(seat, disk):
    """As udisks does for whoever knows the word; the disk that it becomes."""
    return seat.run(f'printf secret | cryptsetup open /dev/{disk} vault && udevadm settle && '
                    'basename $(readlink -f /dev/mapper/vault)')


@pytest.fixture
def locked(seat):
    seat.rules(LOCKED)
    yield seat
    seat.call('dmsetup remove vault')   # what a test that failed has left
    seat.rules(SCAN)


def plug_locked(seat, image, serial):
    stick = seat.plug(usb.storage(image, serial))
    disk = seat.has_disk(stick)
    seat.verdict(serial, 'open', 'allowed')
    seat.until(lambda: seat.is_open(disk), 'it may be unlocked')
    return stick, disk


def test_what_is_unlocked_is_closed_until_it_was_scanned_and_a_virus_locks_it(locked, tmp_path):
    seat = locked
    stick, disk = plug_locked(seat, luks(tmp_path / 'bad', {'game.com': EICAR}), 'LUKS-1')
    # The scan waits for what is closed to be looked at.
    seat.run('systemctl stop caretaker-scan.path')
    try:
        clear = unlock(seat, disk)
        seat.verdict('LUKS-1', 'judging')
        seat.until(lambda: seat.run(f'cat /sys/block/{clear}/ro') == '1', 'it is read-only')
        assert seat.run(f'stat -c "%a %U %G" /dev/{clear}') == '600 root root'
        assert as_alice(seat, f'head -c 1 /dev/{clear}') != 0
        assert as_alice(seat, f'udisksctl mount -b /dev/{clear}') != 0
    finally:
        seat.run('systemctl start caretaker-scan.path')
    seat.verdict('LUKS-1', 'refused', 'infected')
    seat.has_none(stick)
    seat.until(lambda: seat.call(f'test -e /sys/block/{clear}')[0] != 0, 'it is locked')
    assert seat.event('LUKS-1', 'storage-shut')['file_system'] == 'vfat'


def test_the_end_of_an_approval_unmounts_and_locks_and_leaves_the_machines_own(locked, tmp_path):
    seat = locked
    # A disk of the machine's own, unlocked and in use.
    seat.run('truncate -s 8M /var/own.img && printf secret | cryptsetup luksFormat -q --type luks1 --pbkdf-force-iterations '
             '1000 /var/own.img && printf secret | cryptsetup open /var/own.img own && udevadm settle')
    mine = seat.run('basename $(readlink -f /dev/mapper/own)')
    before = seat.run(f'stat -c "%a %U %G" /dev/{mine}; cat /sys/block/{mine}/ro')
    try:
        stick, disk = plug_locked(seat, luks(tmp_path / 'good', {'a.txt': b'a'}), 'LUKS-2')
        clear = unlock(seat, disk)
        seat.until(lambda: seat.is_open(clear), 'it was clean')
        assert seat.of('LUKS-2')['verdict'] == 'open'
        seat.run(f'mount /dev/{clear} /mnt && touch /mnt/new')
        seat.rules(LOCKED.replace('allow any', 'allow none'))
        seat.verdict('LUKS-2', 'refused', 'not-allowed')
        seat.has_none(stick)
        assert not seat.mounted()
        assert seat.call(f'test -e /sys/block/{clear}')[0] != 0
        assert 'CARETAKER_MEDIUM' not in seat.run(f'udevadm info -q property /dev/{mine}')
        assert seat.run(f'stat -c "%a %U %G" /dev/{mine}; cat /sys/block/{mine}/ro') == before
    finally:
        seat.run('cryptsetup close own; rm /var/own.img')


def test_what_is_in_bitlocker_is_scanned_as_what_is_in_luks(locked, tmp_path):
    seat = locked
    image = tmp_path / 'bitlocker'
    usb.bitlocker(image)
    clear = usb.fat(tmp_path / 'clear', 1, files={'game.com': EICAR}).read_bytes()
    with open(image, 'r+b') as file:
        file.seek(DATA)
        file.write(clear)
    stick, disk = plug_locked(seat, image, 'BITLOCKER-1')
    # No test machine makes such a volume; unlocked it is a disk of device mapper's, by this name.
    seat.run(f'echo 0 {len(clear) // 512} linear /dev/{disk} {DATA // 512} | '
             'dmsetup create --uuid CRYPT-BITLK-bed-vault vault')
    seat.verdict('BITLOCKER-1', 'refused', 'infected')
    seat.has_none(stick)
    assert seat.call('test -e /dev/mapper/vault')[0] != 0


# --- lives cut short ---

def test_killed_while_it_scans_a_stick_stays_shut_and_is_scanned_again(seat, tmp_path):
    # The anti-virus stands still, and so the scan does.
    seat.run('kill -STOP $(pidof clamd)')
    try:
        stick = seat.plug(usb.storage(usb.fat(tmp_path / 'cut', files={'a.txt': b'a'}), 'CUT-1'))
        disk = seat.has_disk(stick)
        for killed in ('caretaker-scan', 'caretakerd'):
            seat.guest.until('pidof caretaker-scan')
            seat.until(lambda: left_mounted(seat) == '1', 'it is being scanned')
            seat.run(f'kill -KILL $(pidof {killed}) && systemctl start caretakerd')
            seat.verdict('CUT-1', 'judging')
            assert as_alice(seat, f'head -c 1 /dev/{disk}') != 0 and not seat.is_open(disk)
    finally:
        seat.run('kill -CONT $(pidof clamd)')
    seat.verdict('CUT-1', 'open', 'allowed')
    seat.until(lambda: seat.is_open(disk), 'it is open')
    assert seat.run(f'cat {RUN}/scan/*{disk}.state').startswith('clean 1 ')
    assert left_mounted(seat) == '0'
