# Removable storage under a real kernel: what the gate keeps shut never has a disk, what it opens
# opens as the rules say.  One guest with our packages for all of it; each test puts rules in force
# as caretaker-check would.  That there was no disk is what the kernel's own trace says
# (Guest.disks()), and the same stick is then allowed and does get one.
# SPDX-License-Identifier: Apache-2.0
import re
import time

import pytest

import bed
import encrypted
import usb
from seat import (ANY, APPROVED, AUDIT, BLOCK, DISK_GROUP, ENCRYPTED, ENFORCE, READ_ONLY, SCAN,
                  STICK, Seat)


@pytest.fixture(scope='module')
def installed():
    with bed.guest(installed=True) as guest:
        guest.run('systemctl mask -q --now caretaker-scan.path 2>/dev/null; '
                  'truncate -s 8M /root/inner.img && mkfs.vfat /root/inner.img')
        yield Seat(guest)


@pytest.fixture(scope='module')
def written():
    """Events of the daemon that runs."""
    return []


@pytest.fixture
def seat(installed, written):
    yield installed
    written += installed.events('')
    installed.clear()
    # It writes 40 in ten minutes (gate_record.h), and counts what comes on top.
    if len(written) > 24:
        installed.run('systemctl restart caretakerd')
        written.clear()


@pytest.fixture(scope='module')
def image(tmp_path_factory):
    folder = tmp_path_factory.mktemp('sticks')

    def make(kind='vfat'):
        path = folder / kind
        if not path.exists():
            makers[kind](path)
        return path
    return make


makers = {'vfat': usb.fat, 'luks': encrypted.luks, 'null': encrypted.null_cipher,
          'forged': encrypted.forged, 'bitlocker': usb.bitlocker, 'parts': encrypted.parts}


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


def test_a_stick_without_a_serial_opens_by_an_exception_where_the_policy_asks(seat):
    listed, granted = ('stick 0951:1669: 0 any - 8\n', 'stick 0951:1669: 0 any EX-11 0\n')
    ask = 'set weak_serial ask 10\n'
    seat.rules(APPROVED + granted)
    before = seat.disks()
    with seat.gadget(0x0951, 0x1669, usb.gadget_storage('/root/inner.img'), serial='') as stick:
        seat.verdict('0951:1669:', 'refused', 'weak-serial')
        assert seat.disks() == before
        seat.rules(APPROVED + ask + granted)
        assert seat.verdict('0951:1669:', 'open', 'approved-stick')['exception'] == 'EX-11'
        disk = seat.has_disk(stick)
        assert seat.disks() == [*before, disk]
        seat.rules(APPROVED + ask + listed)   # whoever lists it was told of nothing
        assert seat.verdict('0951:1669:', 'refused', 'weak-serial')['line'] == 10
        seat.has_none(stick)


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
        seat.guest.until('grep -sqx HASTE-2 /sys/bus/usb/devices/*/serial')
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
    asked = seat.asked_to_scan(disk)
    said = seat.run(f'udevadm info -q property /dev/{disk}')
    assert 'UDISKS_IGNORE=1' in said and 'UDISKS_SYSTEM=1' in said
    assert seat.run(f'stat -c "%a %U %G" /dev/{disk}; cat /sys/block/{disk}/ro') \
        == '600 root root\n1'
    for command in (f'head -c 1 /dev/{disk}', f'udisksctl mount -b /dev/{disk}'):
        assert seat.call(f'runuser -u alice -- {command}')[0] != 0
    seat.says_clean(asked)
    seat.verdict('SCAN-1', 'open')
    seat.until(lambda: seat.is_open(disk), 'it is open')
    assert seat.run(f'cat /sys/block/{disk}/ro') == '0'


def test_approved_and_encrypted_and_scanned_are_asked_of_one_stick(seat, image):
    seat.rules(ENFORCE + 'set allow approved 4\nset encrypted luks 5\nset scan full 6\n'
               + ''.join(f'stick {STICK}:{name} 0 any - 8\n' for name in ('ALL-1', 'ALL-2')))
    before = seat.disks()
    seat.plug(usb.storage(image('luks'), 'ALL-3'))
    seat.verdict('ALL-3', 'refused', 'not-approved')
    assert seat.disks() == before
    plain = seat.plug(usb.storage(image(), 'ALL-2'))
    seat.verdict('ALL-2', 'refused', 'plain')
    seat.has_none(plain)
    stick = seat.plug(usb.storage(image('luks'), 'ALL-1'))
    seat.verdict('ALL-1', 'open', 'approved-stick')   # to be unlocked
    disk = seat.has_disk(stick)
    clear = seat.run(f'echo secret | cryptsetup open /dev/{disk} all && udevadm settle && '
                     'basename $(readlink -f /dev/mapper/all)')
    try:
        seat.verdict('ALL-1', 'judging')
        asked = seat.asked_to_scan(clear)
        assert seat.call(f'runuser -u alice -- head -c 1 /dev/{clear}')[0] != 0
        seat.says_clean(asked)
        seat.verdict('ALL-1', 'open', 'approved-stick')
        seat.until(lambda: seat.is_open(clear), 'it is open')
    finally:
        seat.call('cryptsetup close all')


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

# Rules, their verdict on what stores and why, and what its disk is then: mode, user, group, read-only.
MODES = (
    (READ_ONLY, 'read-only', 'allowed', (0o660, 0, DISK_GROUP, '1')),
    (SCAN, 'judging', None, (0o600, 0, 0, '1')),   # nobody scans
    (ENCRYPTED + 'set plain read-only 8\n', 'read-only', 'plain', (0o660, 0, DISK_GROUP, '1')),
    (ANY, 'open', 'allowed', (0o660, 0, DISK_GROUP, '0')),
    (ENCRYPTED, 'refused', 'plain', ()))


def test_uas_mtp_and_a_keyboard_with_storage_follow_each_mode(seat, image, tmp_path):
    def is_now(device):
        disk = seat.disk(device)
        node = disk and seat.guest.inside('node', f'/dev/{disk}')
        return (*node[:3], seat.guest.read(f'/sys/block/{disk}/ro').strip()) if node else ()

    seat.rules(BLOCK)
    before = seat.disks()
    uas = seat.plug(usb.uas(image(), 'UAS-1'))
    seat.plug(usb.mtp(tmp_path, 'MTP-1'))
    with seat.gadget(0x0951, 0x1666, usb.gadget_keyboard(), usb.gadget_storage('/root/inner.img'),
                     serial='COMBO-1') as combo:
        for name in ('UAS-1', 'MTP-1', 'COMBO-1'):
            seat.verdict(name, 'refused', 'not-allowed')
            assert len(seat.events(name)) == 1
        assert seat.of('MTP-1')['kind'] == 'media' and combo.types()
        assert seat.disks() == before
        for rules, verdict, why, wanted in MODES:
            seat.rules(rules)
            for name, device in (('UAS-1', uas), ('COMBO-1', combo)):
                seat.verdict(name, verdict, why)
                seat.until(lambda d=device, w=wanted: is_now(d) == w,
                           lambda n=name, d=device, w=wanted: f'{n} {w}; it is {is_now(d)}')
            if rules == ANY:
                seat.verdict('MTP-1', 'open', 'allowed')
            else:   # it shows files, no disk that anything could be asked of
                seat.verdict('MTP-1', 'refused', 'cannot-be-judged')
        assert combo.types() and len(seat.disks()) == len(before) + 2


def test_hostile_strings_are_cleaned_before_anyone_sees_them(seat):
    seat.rules(BLOCK)
    before = seat.disks()
    with seat.gadget(0x0951, 0x1667, usb.gadget_storage('/root/inner.img'),
                     serial='A"},{"b\u202e' + 'x' * 90, text='\x1b]0;gone\x07<script>',
                     manufacturer='$(reboot)\n\nENV{x}="1"') as stick:
        said = seat.verdict('0951:1667', 'refused')
        event = seat.event('0951:1667', 'storage-refused')
        for text in (*said.values(), *event.values()):
            assert not set('\x1b\x07\n\u202e') & set(str(text)), text
        assert re.fullmatch(r'0951:1667:[!-~]+', said['id']) and event['id'] == said['id']
        assert seat.disks() == before
        log = seat.run('journalctl -q -o cat -u caretakerd')
        assert 'gone' not in log and '<script>' not in log and 'reboot' not in log
        seat.rules(ANY)
        disk = seat.has_disk(stick)
        assert seat.disks() == [*before, disk]


def test_ten_at_once_through_hubs_are_each_judged(seat, image):
    # Counted are seven sticks and three keyboards; the two hubs, one in the other, come on top.
    seat.rules(BLOCK)
    before = seat.disks()
    seat.plug(usb.hub(), port='5')
    seat.plug(usb.hub(serial='HUB-2'), port='5.8')
    sticks = [seat.plug(usb.storage(image(), f'MANY-{port}'), port=f'5.{port}')
              for port in ('1', '2', '3', '4', '5', '8.1', '8.2')]
    for port in ('5.6', '5.7', '5.8.3'):
        seat.plug(usb.keyboard(f'KEYS-{port}'), port=port)
    names = [f'MANY-{stick.port[2:]}' for stick in sticks]
    for name in names:
        seat.verdict(name, 'refused', 'not-allowed')
        assert len(seat.events(name)) == 1
    assert seat.disks() == before
    seat.guest.until('[ "$(ls /sys/bus/usb/drivers/usbhid | grep -c ^1-5)" = 3 ]')
    # One behind each hub is approved.
    seat.rules(APPROVED + f'stick {STICK}:{names[1]} 0 any - 8\nstick {STICK}:{names[6]} 0 any - 8\n')
    disks = [seat.has_disk(sticks[number]) for number in (1, 6)]
    assert sorted(seat.disks()) == sorted([*before, *disks])


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


def test_killed_while_it_takes_a_stick_out_of_use_it_carries_on(seat, image):
    seat.rules(ANY)
    stick = seat.plug(usb.storage(image(), 'SHUT-1'))
    disk = seat.has_disk(stick)
    seat.until(lambda: seat.is_open(disk), 'it is open')
    seat.run(f'mount /dev/{disk} /mnt && echo kept > /mnt/shut && '
             'systemd-run -q --unit=busy -p WorkingDirectory=/mnt sleep 600')
    pid = seat.run('systemctl show -P MainPID caretakerd')
    # A child of its own unmounts, and waits for whoever is busy.
    seat.run(f'( until [ -n "$(cat /proc/{pid}/task/{pid}/children)" ]; do sleep 0.05; done; '
             'systemctl kill -s KILL caretakerd; grep -c " /mnt " /proc/mounts > /run/bed.mounted; '
             'systemctl restart caretakerd ) >/dev/null 2>&1 &')
    try:
        seat.rules(BLOCK)
        seat.until(lambda: seat.guest.read('/run/bed.mounted'), 'it was killed')
        assert seat.guest.read('/run/bed.mounted') == '1\n'   # half-way
        seat.has_none(stick)
        seat.verdict('SHUT-1', 'refused', 'not-allowed')
        assert not seat.mounted() and seat.run('systemctl show -P MainPID caretakerd') != pid
    finally:
        seat.run('systemctl stop busy; rm -f /run/bed.mounted')
    seat.rules(ANY)
    disk = seat.has_disk(stick)
    seat.verdict('SHUT-1', 'open')
    assert seat.run(f'mount -r /dev/{disk} /mnt && cat /mnt/shut') == 'kept'


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
        seat.rules(ANY)
        disk = seat.has_disk(stick)
        assert seat.disks() == [*before, disk]


# --- who sits there ---

LOGIN = 'org.freedesktop.login1'


@pytest.fixture(scope='module')
def session(installed):
    """Alice's at the seat, as a log-in screen begins one; the last test here ends it."""
    installed.run('systemd-run -q --unit=desk -p User=alice -p PAMName=login -p TTYPath=/dev/tty7 '
                  '-p StandardInput=tty -E XDG_SEAT=seat0 -E XDG_VTNR=7 sleep 900')
    installed.guest.until('loginctl --no-legend list-sessions | grep -q alice')
    name = installed.run("loginctl --no-legend list-sessions | awk '/alice/ {print $1; exit}'")
    installed.run(f'loginctl activate {name}')
    installed.guest.until(f'grep -qx ACTIVE={name} /run/systemd/seats/seat0')
    yield name
    installed.call('systemctl stop desk')


def test_a_stick_that_comes_while_the_screen_is_locked_waits(seat, session, image):
    path = seat.run(f'busctl call {LOGIN} /org/freedesktop/login1 {LOGIN}.Manager GetSession s '
                    f'{session}').split('"')[1]

    def lock(on):
        seat.run(f'busctl call {LOGIN} {path} {LOGIN}.Session SetLockedHint b {on}')
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


def test_an_approved_person_s_sticks_are_open_while_that_person_sits_there(seat, session, image):
    seat.rules(APPROVED + 'person alice 0 any - 9\n')
    stick = seat.plug(usb.storage(image(), 'PERSON-1'))
    assert seat.verdict('PERSON-1', 'open', 'approved-person')['line'] == 9
    assert seat.event('PERSON-1', 'storage-opened')['user'] == 'alice'
    disk = seat.has_disk(stick)
    seat.until(lambda: seat.is_open(disk), 'it is open')
    seat.run(f'mount /dev/{disk} /mnt && loginctl terminate-session {session}')
    seat.verdict('PERSON-1', 'refused', 'not-approved')
    seat.has_none(stick)
    assert not seat.mounted()
    assert seat.event('PERSON-1', 'storage-shut')['why'] == 'not-approved'
    before = seat.disks()
    seat.plug(usb.storage(image('luks'), 'PERSON-2'))   # nobody is there
    seat.verdict('PERSON-2', 'refused', 'not-approved')
    assert seat.disks() == before


# --- ports that a technician names ---

def test_a_port_that_was_named_by_plugging_in_opens_and_no_other(seat, image):
    seat.rules(BLOCK)
    seat.run('mkfifo /run/bed.ports; (setsid sh -c "exec 3<>/run/bed.ports; caretaker hardware '
             'ports <&3 >/run/bed.named 2>&1; echo ended \\$? >>/run/bed.named" &)')

    def said(text, count=1):
        seat.until(lambda: (seat.guest.read('/run/bed.named') or '').count(text) == count,
                   lambda: seat.guest.read('/run/bed.named'))

    def answer(text):
        seat.run(f'echo {text} > /run/bed.ports')
    try:
        said('then press Enter')
        named = seat.plug(usb.storage(image(), 'NAMED-1'), port='3')
        seat.verdict('NAMED-1', 'refused')
        answer('')
        said('That is port 2-3.')
        answer('y')
        said('then press Enter', 2)
        keys = seat.plug(usb.keyboard(), port='4')
        seat.guest.events.wait(f'UDEV bind usb .*/{keys.path}$')
        answer('')
        said('That is port 1-4.')
        answer('n')
        said('then press Enter', 3)
        answer('q')
        said('ended 0')
    finally:
        text = seat.guest.read('/run/bed.named')
        seat.run('rm -f /run/bed.*')
    assert '\n[removable-storage]\nfront_ports = 2-3\n\n[hardware]\nrear_ports = 1-4\n' in text, text
    before = seat.disks()
    seat.rules(ANY + f'port front {re.search("front_ports = (.*)", text)[1]} 16\n')
    other = seat.plug(usb.storage(image(), 'NAMED-2'), port='2')
    assert seat.verdict('NAMED-2', 'refused', 'wrong-port')['line'] == 16
    disk = seat.has_disk(named)
    assert seat.disks() == [*before, disk] and not seat.disk(other)


# --- what it costs ---

def test_the_daemon_stays_small(seat, image):
    seat.rules(BLOCK)
    seat.plug(usb.storage(image(), 'SMALL-1'))
    seat.verdict('SMALL-1', 'refused')
    pid = seat.run('systemctl show -P MainPID caretakerd')
    text = seat.run(f'cat /proc/{pid}/smaps_rollup')
    assert int(re.search(r'^Pss: +(\d+) kB', text, re.M)[1]) <= 2048, text
