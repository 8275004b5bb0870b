# Removable storage under a real kernel: what the gate keeps shut never has a disk, what it opens
# opens as the rules say.  One guest with our packages for all of it; each test puts rules in force
# as caretaker-check would.  That there was no disk is what the kernel's own trace says
# (Guest.disks()), and the same stick is then allowed and does get one.
# SPDX-License-Identifier: Apache-2.0
import hashlib
import re
import subprocess
import time

import pytest

import bed
import usb
from seat import ANY, APPROVED, AUDIT, BLOCK, ENCRYPTED, READ_ONLY, RUN, SCAN, STICK, Seat

# Of its on-disk format, in bytes: a header with its JSON; in it the number that a newer one has
# higher, and the checksum.
LUKS2_HEADER, LUKS2_NUMBER, LUKS2_CHECKSUM = 16384, 16, 448


@pytest.fixture(scope='module')
def installed():
    with bed.guest(installed=True) as guest:
        guest.run('systemctl mask -q --now caretaker-scan.path 2>/dev/null; '
                  'truncate -s 8M /root/inner.img && mkfs.vfat /root/inner.img')
        yield Seat(guest)


@pytest.fixture
def seat(installed):
    yield installed
    installed.clear()


@pytest.fixture(scope='module')
def image(tmp_path_factory):
    folder = tmp_path_factory.mktemp('sticks')

    def make(kind='vfat'):
        path = folder / kind
        if not path.exists():
            makers[kind](path)
        return path
    return make


def luks(path, version='luks2'):
    usb.blank(path, 32)
    subprocess.run(['cryptsetup', 'luksFormat', '-q', '--type', version, '--pbkdf', 'pbkdf2',
                    '--pbkdf-force-iterations', '1000', path], input=b'secret\n', check=True,
                   capture_output=True)


def null_cipher(path):
    """As cryptsetup writes it where the kernel has that cipher."""
    luks(path, 'luks1')
    with open(path, 'r+b') as file:
        file.seek(8)
        file.write(b'cipher_null'.ljust(32, b'\0') + b'ecb'.ljust(32, b'\0'))


def forged(path):
    """Its first header promises encryption; its second, newer, which cryptsetup takes, none."""
    luks(path)
    with open(path, 'r+b') as file:
        file.seek(LUKS2_HEADER)
        second = bytearray(file.read(LUKS2_HEADER)).replace(b'aes-xts-plain64', b'cipher_null-ecb')
        second[LUKS2_NUMBER + 7] += 1
        second[LUKS2_CHECKSUM:LUKS2_CHECKSUM + 64] = bytes(64)
        digest = hashlib.sha256(second).digest()
        second[LUKS2_CHECKSUM:LUKS2_CHECKSUM + len(digest)] = digest
        file.seek(LUKS2_HEADER)
        file.write(second)


def parts(path):
    """Two partitions: one encrypted, one plain."""
    luks(path.with_suffix('.luks'))
    usb.fat(path.with_suffix('.fat'))
    usb.blank(path, 64)
    entries = b''
    with open(path, 'r+b') as file:
        for start, source in ((2048, '.luks'), (67584, '.fat')):
            data = path.with_suffix(source).read_bytes()
            entries += bytes(4) + b'\x83' + bytes(3) + start.to_bytes(4, 'little') \
                + (len(data) // 512).to_bytes(4, 'little')
            file.seek(start * 512)
            file.write(data)
        file.seek(446)
        file.write(entries.ljust(64, b'\0') + b'\x55\xaa')   # a table as DOS had it


makers = {'vfat': usb.fat, 'luks': luks, 'null': null_cipher, 'forged': forged,
          'bitlocker': usb.bitlocker, 'parts': parts}


# --- block, allow ---

def test_an_unapproved_stick_never_has_a_disk(seat, image):
    seat.rules(BLOCK)
    before = seat.disks()
    stick = seat.plug(usb.storage(image(), 'BLOCK-1'))
    said = seat.verdict('BLOCK-1', 'refused', 'not-allowed')
    assert said['line'] == 4 and said['enforced'] and len(said['reference']) == 6
    event = seat.event('BLOCK-1', 'storage-refused')
    assert event['id'] == f'{STICK}:BLOCK-1' and event['enforced'] and event['count'] == 1
    assert seat.disks() == before
    # The same stick and the same kernel, allowed: it was the gate that kept it out.
    seat.rules(ANY)
    seat.verdict('BLOCK-1', 'open')
    disk = seat.has_disk(stick)
    assert seat.disks() == [*before, disk]
    seat.until(lambda: seat.is_open(disk), 'it is open')


def test_a_new_policy_unmounts_and_shuts_what_is_plugged(seat, image):
    seat.rules(ANY)
    stick = seat.plug(usb.storage(image(), 'LIVE-1'))
    seat.verdict('LIVE-1', 'open')
    disk = seat.has_disk(stick)
    seat.until(lambda: seat.is_open(disk), 'it is open')
    seat.run(f'mount /dev/{disk} /mnt && echo kept > /mnt/file')
    seat.rules(BLOCK)
    seat.verdict('LIVE-1', 'refused')
    assert not seat.mounted() and seat.call(f'ls /dev/{disk}')[0] != 0
    assert seat.event('LIVE-1', 'storage-shut')['why'] == 'not-allowed'
    seat.rules(ANY)
    disk = seat.has_disk(stick)
    seat.until(lambda: seat.is_open(disk), 'it is open again')
    assert seat.run(f'mount /dev/{disk} /mnt && cat /mnt/file') == 'kept'
    # Busy: it goes all the same, and what was written is on it.
    seat.run('echo busy > /mnt/busy; systemd-run -q --unit=busy -p WorkingDirectory=/mnt sleep 600')
    try:
        seat.rules(BLOCK)
        seat.verdict('LIVE-1', 'refused')
        assert not seat.mounted()
    finally:
        seat.run('systemctl stop busy')
    seat.rules(ANY)
    disk = seat.has_disk(stick)
    seat.verdict('LIVE-1', 'open')
    assert seat.run(f'mount -r /dev/{disk} /mnt && cat /mnt/busy') == 'busy'


# --- approved ---

def test_only_the_approved_serial_opens_and_its_end_shuts_it(seat, image):
    seat.rules(APPROVED + f'stick {STICK}:GOOD-1 0 any EX-7 0\n')
    before = seat.disks()
    seat.plug(usb.storage(image(), 'OTHER-1'))
    assert seat.verdict('OTHER-1', 'refused')['why'] == 'not-approved'
    assert seat.disks() == before
    stick = seat.plug(usb.storage(image('luks'), 'GOOD-1'))
    assert seat.verdict('GOOD-1', 'open')['exception'] == 'EX-7'
    seat.has_disk(stick)
    boot, uptime, now = seat.run('cat /proc/sys/kernel/random/boot_id; cut -d. -f1 /proc/uptime; '
                                 'date +%s').split()
    seat.rules(APPROVED + f'stick {STICK}:GOOD-1 {int(now) + 6} any EX-7 0\n',
               f'{now} {uptime} {boot}')
    seat.guest.set_clock(int(now) - 2 * 86400)   # no clock of its own prolongs it
    try:
        assert seat.verdict('GOOD-1', 'refused', 'approval-ended')['exception'] == 'EX-7'
        seat.has_none(stick)
        assert seat.event('GOOD-1', 'storage-shut')['why'] == 'approval-ended'
    finally:
        seat.guest.set_clock(time.time())


def test_an_approval_opens_what_is_plugged_and_its_revocation_shuts_it(seat, image):
    seat.rules(APPROVED)
    before = seat.disks()
    stick = seat.plug(usb.storage(image(), 'ASK-1'))
    seat.verdict('ASK-1', 'refused', 'not-approved')
    assert seat.disks() == before
    seat.rules(APPROVED + f'stick {STICK}:ASK-1 0 any EX-8 0\n')
    seat.verdict('ASK-1', 'open')
    seat.has_disk(stick)
    seat.rules(APPROVED)
    seat.verdict('ASK-1', 'refused', 'not-approved')
    seat.has_none(stick)


def test_two_sticks_with_one_serial_are_both_refused(seat, image):
    seat.rules(APPROVED + f'stick {STICK}:TWIN 0 any - 8\n')
    first = seat.plug(usb.storage(image(), 'TWIN'))
    seat.verdict('TWIN', 'open')
    second = seat.plug(usb.storage(image('luks'), 'TWIN'))
    seat.until(lambda: [each['why'] for each in seat.shown()['devices']
                        if 'TWIN' in each.get('id', '')] == ['twin-serial'] * 2, 'both are refused')
    seat.has_none(first)
    seat.has_none(second)


# --- read-only ---

def test_a_read_only_stick_can_be_read_and_never_written(seat, image):
    seat.rules(READ_ONLY)
    stick = seat.plug(usb.storage(image(), 'RO-1'))
    disk = seat.has_disk(stick)
    seat.verdict('RO-1', 'read-only')
    seat.until(lambda: seat.is_open(disk), 'it is open')
    seat.run(f'mount -r /dev/{disk} /mnt && ls /mnt')
    assert seat.call('mount -o remount,rw /mnt')[0] != 0
    assert seat.call('touch /mnt/y')[0] != 0
    assert seat.call(f'dd if=/dev/zero of=/dev/{disk} bs=512 count=1 conv=fsync')[0] != 0
    seat.run('umount /mnt')
    seat.rules(ANY)
    seat.until(lambda: seat.run(f'cat /sys/block/{disk}/ro') == '0', 'it can be written')
    seat.run(f'mount /dev/{disk} /mnt && touch /mnt/y')
    seat.rules(READ_ONLY)   # live: what is mounted to be written is unmounted first
    seat.until(lambda: seat.run(f'cat /sys/block/{disk}/ro') == '1', 'it cannot be written')
    assert not seat.mounted()


# --- encrypted only ---

def test_encrypted_media_open_and_plain_ones_are_shut_again(seat, image):
    seat.rules(ENCRYPTED)
    stick = seat.plug(usb.storage(image('luks'), 'LUKS-1'))
    disk = seat.has_disk(stick)
    seat.verdict('LUKS-1', 'open')
    seat.until(lambda: seat.is_open(disk), 'it is open')
    seat.plug(usb.storage(image('bitlocker'), 'BITLOCKER-1'))
    seat.verdict('BITLOCKER-1', 'open')
    for kind, name, why in (('vfat', 'PLAIN-1', 'plain'), ('null', 'NULL-1', 'null-cipher'),
                            ('forged', 'FORGED-1', 'null-cipher')):
        stick = seat.plug(usb.storage(image(kind), name))
        seat.verdict(name, 'refused', why)
        seat.has_none(stick)
        assert seat.event(name, 'storage-refused')['why'] == why


def test_a_stick_is_not_judged_by_what_udev_knew_of_the_one_before(seat, image):
    seat.rules(ENCRYPTED)
    first = seat.plug(usb.storage(image('bitlocker'), 'HASTE-1'))
    disk = seat.has_disk(first)
    seat.verdict('HASTE-1', 'open')
    # udev is busy: it has not heard yet of what goes and comes.
    seat.run('udevadm settle; udevadm control --stop-exec-queue')
    try:
        first.unplug()
        seat.has_none(first)
        second = seat.plug(usb.storage(image(), 'HASTE-2'))
        seat.until(lambda: 'HASTE-2' in seat.run('cat /sys/bus/usb/devices/*/serial'), 'it is in')
        seat.rules(ENCRYPTED)   # looks at everything, and lets it in to be judged
        assert seat.has_disk(second) == disk
        seat.rules(ENCRYPTED)   # looks once more
        assert 'ID_FS_TYPE=BitLocker' in seat.run(f'udevadm info -q property /sys/block/{disk}')
        seat.verdict('HASTE-2', 'judging')
    finally:
        seat.run('udevadm control --start-exec-queue')
    seat.verdict('HASTE-2', 'refused', 'plain')


def test_each_partition_is_judged_by_itself(seat, image):
    seat.rules(ENCRYPTED)
    stick = seat.plug(usb.storage(image('parts'), 'PARTS-1'))
    disk = seat.has_disk(stick)
    seat.until(lambda: {each['name'][len(disk):]: each['verdict']
                        for each in seat.of('PARTS-1').get('media', [])}
               == {'': 'passed', '1': 'open', '2': 'refused'}, 'each is judged')
    seat.until(lambda: seat.is_open(f'{disk}1'), 'the encrypted one is open')
    for name in (disk, f'{disk}2'):
        assert seat.run(f'stat -c "%a %U %G" /dev/{name}') == '600 root root'
    assert seat.run(f'cat /sys/block/{disk}/{disk}2/ro') == '1'


def test_while_it_is_judged_a_medium_is_closed_to_everyone_but_root(seat, image):
    seat.rules(SCAN)   # nobody answers: it stays in judgement
    stick = seat.plug(usb.storage(image(), 'SCAN-1'))
    disk = seat.has_disk(stick)
    seat.verdict('SCAN-1', 'judging')
    seat.until(lambda: seat.call(f'ls {RUN}/scan/{disk}.ask')[0] == 0, 'the scan is asked for')
    said = seat.run(f'udevadm info -q property /dev/{disk}')
    assert 'UDISKS_IGNORE=1' in said and 'UDISKS_SYSTEM=1' in said
    assert seat.run(f'stat -c "%a %U %G" /dev/{disk}; cat /sys/block/{disk}/ro') \
        == '600 root root\n1'
    for command in (f'head -c 1 /dev/{disk}', f'udisksctl mount -b /dev/{disk}'):
        assert seat.call(f'runuser -u alice -- {command}')[0] != 0
    seat.run(f'umask 077; echo "clean 1 2" > {RUN}/scan/.x && mv {RUN}/scan/.x '
             f'{RUN}/scan/{disk}.state')
    seat.verdict('SCAN-1', 'open')
    seat.until(lambda: seat.is_open(disk), 'it is open')
    assert seat.run(f'cat /sys/block/{disk}/ro') == '0'


# --- audit ---

def test_audit_records_the_same_and_touches_nothing(seat, image):
    seat.rules(AUDIT)
    stick = seat.plug(usb.storage(image(), 'AUDIT-1'))
    assert seat.verdict('AUDIT-1', 'refused', 'not-allowed')['enforced'] is False
    disk = seat.has_disk(stick)
    assert seat.event('AUDIT-1', 'storage-refused')['enforced'] is False
    seat.run(f'udevadm settle; mount /dev/{disk} /mnt && touch /mnt/audited')
    assert seat.is_open(disk) and seat.run(f'cat /sys/block/{disk}/ro') == '0'
    assert 'CARETAKER_MEDIUM' not in seat.run(f'udevadm info -q property /dev/{disk}')


# --- kinds of devices ---

def test_uas_and_mtp_stay_shut_and_open_when_they_may(seat, image, tmp_path):
    seat.rules(BLOCK)
    before = seat.disks()
    disk = seat.plug(usb.uas(image(), 'UAS-1'))
    seat.plug(usb.mtp(tmp_path, 'MTP-1'))
    seat.verdict('UAS-1', 'refused', 'not-allowed')
    assert seat.verdict('MTP-1', 'refused', 'not-allowed')['kind'] == 'media'
    assert seat.disks() == before
    seat.rules(ANY)
    seat.verdict('UAS-1', 'open')
    seat.verdict('MTP-1', 'open')
    disk = seat.has_disk(disk)
    assert seat.disks() == [*before, disk]


def test_a_keyboard_with_storage_types_while_its_storage_stays_shut(seat):
    seat.rules(BLOCK)
    before = seat.disks()
    with seat.gadget(0x0951, 0x1666, usb.gadget_keyboard(), usb.gadget_storage('/root/inner.img'),
                     serial='COMBO-1') as combo:
        seat.verdict('COMBO-1', 'refused', 'not-allowed')
        assert combo.types()
        assert seat.disks() == before
        assert len(seat.events('COMBO-1')) == 1
        seat.rules(ANY)
        disk = seat.has_disk(combo)
        assert seat.disks() == [*before, disk]


def test_hostile_strings_are_cleaned_before_anyone_sees_them(seat):
    seat.rules(BLOCK)
    before = seat.disks()
    with seat.gadget(0x0951, 0x1667, usb.gadget_storage('/root/inner.img'),
                     serial='A"},{"b\u202e' + 'x' * 90, text='\x1b]0;gone\x07<script>',
                     manufacturer='$(reboot)\n\nENV{x}="1"'):
        said = seat.verdict('0951:1667', 'refused')
        event = seat.event('0951:1667', 'storage-refused')
        for text in (*said.values(), *event.values()):
            assert not set('\x1b\x07\n\u202e') & set(str(text)), text
        assert re.fullmatch(r'0951:1667:[!-~]+', said['id']) and event['id'] == said['id']
        assert seat.disks() == before
        log = seat.run('journalctl -q -o cat -u caretakerd')
        assert 'gone' not in log and '<script>' not in log and 'reboot' not in log


def test_ten_at_once_through_a_hub_are_each_judged(seat, image):
    seat.rules(BLOCK)
    before = seat.disks()
    seat.plug(usb.hub(), port='5')
    for i in range(1, 6):
        seat.plug(usb.storage(image(), f'MANY-{i}'), port=f'5.{i}')
    for i in range(6, 9):
        seat.plug(usb.keyboard(f'KEYS-{i}'), port=f'5.{i}')
    seat.plug(usb.storage(image('luks'), 'MANY-9'))
    for i in (1, 2, 3, 4, 5, 9):
        seat.verdict(f'MANY-{i}', 'refused')
        assert len(seat.events(f'MANY-{i}')) == 1
    assert seat.disks() == before
    seat.until(lambda: seat.run('ls /sys/bus/usb/drivers/usbhid | grep -c "^1-5"') == '3',
               'every keyboard is driven')


# --- the daemon comes and goes ---

def test_a_daemon_that_is_gone_opens_nothing(seat, image):
    seat.rules(BLOCK)
    before = seat.disks()
    sticks = []
    for end in ('systemctl stop caretakerd', 'systemctl kill -s KILL caretakerd'):
        sticks.append(seat.plug(usb.storage(image(), f'GONE-{len(sticks)}')))
        seat.verdict(f'GONE-{len(sticks) - 1}', 'refused')
        seat.run(end)
        sticks.append(seat.plug(usb.storage(image(), f'GONE-{len(sticks)}')))
        seat.guest.events.wait(f'UDEV bind usb .*/{sticks[-1].path}$')
        seat.run('systemctl restart caretakerd')
        for i in range(len(sticks)):
            seat.verdict(f'GONE-{i}', 'refused')
    assert seat.disks() == before
    seat.rules(ANY)
    for stick in sticks:
        seat.has_disk(stick)


def test_killed_while_it_judges_it_carries_on(seat, image):
    seat.rules(ENCRYPTED)
    for event, kind, verdict in (('UDEV bind usb .*', 'luks', 'open'),
                                 ('KERNEL add block .*', 'luks', 'open'),
                                 ('KERNEL add block .*', 'vfat', 'refused'),
                                 ('KERNEL change block .*', 'vfat', 'refused')):
        stick = seat.plug(usb.storage(image(kind), 'KILL-1'))
        seat.guest.events.wait(event)
        seat.run('systemctl kill -s KILL caretakerd; systemctl restart caretakerd')
        seat.verdict('KILL-1', verdict)
        if verdict == 'refused':
            seat.has_none(stick)
        else:
            seat.until(lambda s=stick: seat.is_open(seat.disk(s)), 'it is open')
        stick.unplug()
        seat.until(lambda: not seat.of('KILL-1'), 'it is forgotten')


def test_a_hundred_cycles_leave_no_disk_and_a_line_a_minute(seat):
    seat.rules(BLOCK)
    before, began = seat.disks(), time.monotonic()
    with seat.gadget(0x0951, 0x1668, usb.gadget_storage('/root/inner.img'),
                     serial='CYCLE') as stick:
        seat.verdict('CYCLE', 'refused')
        for _ in range(100):
            seat.guest.again(stick)
        seat.guest.settle()
        assert seat.disks() == before
        seat.verdict('CYCLE', 'refused')
        assert seat.disks() == before
        lines = seat.events('CYCLE')
        assert 1 <= len(lines) <= 2 + (time.monotonic() - began) / 60, lines


# --- the screen ---

def test_a_stick_that_comes_while_the_screen_is_locked_waits(seat, image):
    seat.run('systemd-run -q --unit=desk -p User=alice -p PAMName=login -p TTYPath=/dev/tty7 '
             '-p StandardInput=tty -E XDG_SEAT=seat0 -E XDG_VTNR=7 sleep 900')
    seat.guest.until('loginctl --no-legend list-sessions | grep -q alice')
    session = seat.run("loginctl --no-legend list-sessions | awk '/alice/ {print $1; exit}'")
    seat.run(f'loginctl activate {session}')
    seat.guest.until(f'grep -qx ACTIVE={session} /run/systemd/seats/seat0')
    login = 'org.freedesktop.login1'

    def lock(on):
        path = seat.run(f'busctl call {login} /org/freedesktop/login1 {login}.Manager GetSession s '
                        f'{session}').split('"')[1]
        seat.run(f'busctl call {login} {path} {login}.Session SetLockedHint b {on}')
    try:
        seat.rules(ANY + 'set shut_while_locked yes 12\n')
        first = seat.plug(usb.storage(image(), 'BEFORE-1'))
        seat.verdict('BEFORE-1', 'open')
        assert seat.event('BEFORE-1', 'storage-opened')['user'] == 'alice'
        seat.has_disk(first)
        before = seat.disks()
        lock('true')
        second = seat.plug(usb.storage(image('luks'), 'LOCKED-1'))
        seat.verdict('LOCKED-1', 'refused', 'screen-locked')
        seat.verdict('BEFORE-1', 'open')
        assert seat.disks() == before
        # A daemon that begins behind the lock has looked once it is ready, and has asked before.
        seat.run('systemctl restart caretakerd')
        assert seat.of('LOCKED-1')['why'] == 'screen-locked' and seat.disks() == before
        seat.verdict('BEFORE-1', 'open')
        # Whatever anybody sends it, it goes on listening.
        name = seat.run("busctl --no-legend list | awk '$3 == \"caretakerd\" {print $1}'").strip()
        seat.run(f'runuser -u nobody -- dbus-send --system --type=signal --dest={name} /a a.b.c '
                 'string:$(printf %020000d 0)')
        lock('false')
        seat.verdict('LOCKED-1', 'open')
        seat.has_disk(second)
    finally:
        seat.run('systemctl stop desk')


# --- what it costs ---

def test_the_daemon_stays_small(seat, image):
    seat.rules(BLOCK)
    seat.plug(usb.storage(image(), 'SMALL-1'))
    seat.verdict('SMALL-1', 'refused')
    pid = seat.run('systemctl show -P MainPID caretakerd')
    text = seat.run(f'cat /proc/{pid}/smaps_rollup')
    assert int(re.search(r'^Pss: +(\d+) kB', text, re.M)[1]) <= 2048, text
