# Each kind of device under a real kernel: what a school's cupboard holds, and what only says that it
# is one of them.  One guest with our packages; ids are those of conf/hardware, played by the
# kernel's own gadgets.  What is let through is tried, and each refusal has its control: the same
# device under another rule, or another device under the same one.
# SPDX-License-Identifier: Apache-2.0
import configparser
import contextlib
import pathlib

import pytest

import bed
import usb
from seat import ANY, APPROVED, BLOCK, ENFORCE, FREE, STATE, Seat

TABLES = pathlib.Path(__file__).parents[2] / 'conf/hardware'
ENCRYPTED = ENFORCE + 'set allow any 4\nset scan none 6\nset encrypted hardware 5\n'
CLASSES = ('network', 'wireless', 'bluetooth', 'modem', 'scanner', 'serial', 'phone', 'game',
           'other')
STRICT = ('mode storage enforce 3\nmode hardware enforce 9\n' + FREE + 'set allow none 4\n'
          + ''.join(f'refuse class {name} 30\n' for name in CLASSES))
OPENED = '/run/caretaker/gate/open'
CD, DATA, BOARD, LARGER = '/root/cd.img', '/root/data.img', '/root/board.img', '/root/larger.img'


def table(name):
    """The rows of one of our tables: (section's name, its keys, [vendor:product, ...])."""
    ini = configparser.ConfigParser(comment_prefixes=(';',), interpolation=None)
    ini.read(TABLES / f'{name}.ini')
    return [(title, row, [each.strip() for each in row['model'].split(',')])
            for title, row in ini.items() if title != 'DEFAULT']


def rules_of(name, word):
    """A rule for each model, as caretaker-check makes them of the table."""
    return ''.join(f'{word} {model} 0\n' for _, _, models in table(name) for model in models)


def model_of(name, title):
    model = next(models[0] for each, _, models in table(name) if each == title)
    return [int(part, 16) for part in model.replace('*', '0127').split(':')]


ASSIST = rules_of('assistive', 'assist')
SELF_ENCRYPTED = rules_of('encrypted', 'model hardware-encrypted') + ''.join(
    f'model unlocker {model} 0\n' for _, row, models in table('encrypted')
    for model in models if row['cdrom'] == 'yes')
BOARDS = ''.join(f'class-set {row["set"]} {model} {int(row["max_mib"]) << 20} 12\n'
                 for _, row, models in table('classroom') for model in models)


@pytest.fixture(scope='module')
def installed():
    with bed.guest(installed=True) as guest:
        guest.run(f'truncate -s 8M {CD} {DATA}; mkfs.vfat -S 2048 -n UNLOCKER {CD}; '
                  f'mkfs.vfat {DATA}; mount {CD} /mnt; echo MZ > /mnt/unlock.exe; umount /mnt; '
                  f'truncate -s 64M {BOARD}; truncate -s 67109376 {LARGER}')
        yield Seat(guest)


@pytest.fixture
def seat(installed):
    yield installed
    installed.clear()
    installed.until(lambda: not installed.shown()['devices'], 'nothing is plugged in')
    installed.forget()


@pytest.fixture(scope='module')
def image(tmp_path_factory):
    return usb.fat(tmp_path_factory.mktemp('kinds') / 'stick')


def at(seat, device):
    """What is shown of the device at a port, whatever it calls itself."""
    return next((d for d in seat.shown()['devices'] if d.get('port') == device.path), {})


def is_let(seat, device):
    """Each interface, and whether it was let through: {0: True}."""
    said = {int(name.rpartition('.')[2]): seat.guest.read(f'/sys/bus/usb/devices/{name}/authorized')
            for name in seat.guest.names('/sys/bus/usb/devices')
            if name.startswith(f'{device.path}:')}
    return {number: text.strip() == '1' for number, text in sorted(said.items()) if text}


def lets(seat, device, wanted):
    seat.until(lambda: is_let(seat, device) == wanted,
               lambda: f'{device.path}: {wanted}; it is {is_let(seat, device)}')


def insert(seat, gadget, file, slot=0):
    """Puts a medium into a slot that is empty."""
    seat.run(f'echo {file} > /sys/kernel/config/usb_gadget/{gadget.name}/functions/'
             f'mass_storage.{gadget.name}0/lun.{slot}/file')


def tells(seat):
    """What the teacher reads."""
    return seat.call('caretaker hardware')[1]


# --- sticks that encrypt by themselves ---

def test_an_encrypting_stick_shows_its_unlocker_and_then_its_data(seat):
    vendor, product = model_of('encrypted', 'Kingston IronKey Locker+ 50')
    slots = usb.gadget_luns({'file': CD, 'cdrom': True}, {'file': None})
    seat.rules(ENCRYPTED + SELF_ENCRYPTED)
    with seat.gadget(vendor, product, slots, serial='VAULT-1') as stick:
        seat.verdict('VAULT-1', 'read-only', 'unlocker')
        seat.guest.until('stat -c "%U %G" /dev/sr0 | grep -qx "root cdrom"')
        assert seat.run('mount -r /dev/sr0 /mnt && cat /mnt/unlock.exe && umount /mnt') == 'MZ'
        assert seat.event('VAULT-1', 'storage-opened')['why'] == 'unlocker'
        insert(seat, stick, DATA, 1)   # what the program does, when the password was right
        seat.verdict('VAULT-1', 'open', 'allowed')
        disk = next(name for name in seat.disk(stick).split() if name.startswith('sd'))
        seat.until(lambda: seat.is_open(disk), 'its data is open')
        seat.run(f'mount /dev/{disk} /mnt && echo kept > /mnt/work && umount /mnt')
    # Others take the CD away and come back with the data alone.
    with seat.gadget(vendor, product, usb.gadget_storage(DATA), serial='VAULT-1') as stick:
        seat.verdict('VAULT-1', 'open', 'allowed')
        disk = seat.has_disk(stick)
        seat.until(lambda: seat.is_open(disk), 'its data is open')
        assert seat.run(f'mount -r /dev/{disk} /mnt && cat /mnt/work && umount /mnt') == 'kept'


def test_what_no_table_lists_does_not_encrypt_because_it_has_a_cd(seat):
    # Nor does the table vouch for a CD of what is unlocked by keys of its own.
    seat.rules(ENCRYPTED + SELF_ENCRYPTED)
    slots = usb.gadget_luns({'file': CD, 'cdrom': True}, {'file': DATA})
    with seat.gadget(*model_of('encrypted', 'iStorage datAshur'), slots, serial='KEYS-1') as stick:
        seat.verdict('KEYS-1', 'open', 'allowed')
        seat.has_disk(stick)
        seat.until(lambda: {m['name'][:2]: m['why'] for m in seat.of('KEYS-1').get('media', [])}
                   == {'sd': 'allowed', 'sr': 'plain'}, lambda: str(seat.of('KEYS-1')))
        assert seat.run('stat -c "%a %U %G" /dev/sr0') == '600 root root'
    seat.rules(ENCRYPTED)
    with seat.gadget(*model_of('encrypted', 'Kingston IronKey Locker+ 50'), slots,
                     serial='LIKE-1') as stick:
        assert seat.verdict('LIKE-1', 'refused', 'plain')['line'] == 5
        lets(seat, stick, {0: False})
        assert seat.run('ls /sys/block | grep -c "^s" || true') == '0'
        assert 'because it is not encrypted' in tells(seat)


# --- boards for lessons ---

def counted(seat, ids):
    """How often each came again today after its one event."""
    lines = (seat.guest.read(f'{STATE}/hardware/seen') or '').splitlines()
    words = [line.split() for line in lines]
    return {each[0]: int(each[-1]) for each in words if each[0] in ids}


def test_thirty_microbits_and_ten_picos_open_and_are_one_event_each(seat):
    microbit, pico = model_of('classroom', 'BBC micro:bit'), model_of('classroom',
                                                                      'Raspberry Pi Pico, BOOTSEL')
    seat.rules(BLOCK + BOARDS)
    seat.run(f'mkdir -p {OPENED}; rm -f {OPENED}/*')
    with contextlib.ExitStack() as stack:
        boards = []
        for model, serial in [(microbit, 'CLASS-SET')] * 3 + [(pico, 'E0C9125B0D9B')]:
            boards.append(stack.enter_context(
                seat.gadget(*model, usb.gadget_storage(BOARD), serial=serial)))
        opened = set()
        for flashed in range(10):
            # Each disk that ever comes has a number of its own, and by it a file once it is open.
            seat.until(lambda: len(seat.guest.names(OPENED) - opened) >= 4,
                       f'four are open, {flashed} times before')
            opened |= seat.guest.names(OPENED)
            if flashed < 9:
                seat.guest.again(*boards)
        for disk in seat.run('cd /dev; ls sd?').split():
            seat.until(lambda d=disk: seat.is_open(d), f'{disk} is open')
        for model in ('0d28:0204', '2e8a:0003'):
            seat.until(lambda m=model: seat.of(m)['verdict'] == 'open', f'{model} is open')
            seen, = seat.events(model)
            assert (seen['type'], seen['verdict'], seen['why']) == ('hardware-seen', 'open',
                                                                    'class-set')
        # Counted: the next day's event says how many there were.
        counts = {'0d28:0204:CLASS-SET': 29, '2e8a:0003:E0C9125B0D9B': 9}
        seat.until(lambda: counted(seat, counts) == counts, lambda: counted(seat, counts))
    assert counted(seat, counts) == counts


def test_what_claims_to_be_a_microbit_and_holds_more_stays_shut(seat):
    microbit = model_of('classroom', 'BBC micro:bit')
    seat.rules(BLOCK + BOARDS)
    with seat.gadget(*microbit, usb.gadget_storage(BOARD), serial='REAL') as board, \
            seat.gadget(*microbit, usb.gadget_storage(LARGER), serial='LARGE') as large, \
            seat.gadget(*microbit, usb.gadget_storage(BOARD, BOARD), serial='TWICE') as twice:
        seat.verdict('REAL', 'open', 'class-set')
        disk = seat.has_disk(board)
        seat.until(lambda: seat.is_open(disk), 'it is open')
        seat.run(f'dd if=/dev/zero of=/dev/{disk} bs=512 count=8 conv=fsync 2>&1')
        for name, device in (('LARGE', large), ('TWICE', twice)):
            seat.verdict(name, 'refused', 'too-large')
            seat.has_none(device)
            assert seat.event(name, 'storage-refused')['why'] == 'too-large'
        assert 'larger than the board that it claims to be' in tells(seat)


# --- what assists people ---

def test_what_assists_people_works_under_the_strictest_policy(seat):
    devices = (
        (*model_of('assistive', 'Tobii eye-trackers'), usb.gadget_interface(0xff)),
        (*model_of('assistive', 'HumanWare and APH Braille displays'), usb.gadget_serial()),
        (*model_of('assistive', 'X-keys switch interfaces'), usb.gadget_keyboard(),
         usb.gadget_interface(0xff), usb.gadget_storage(DATA)),   # no door for a stick
        (0x1234, 0x5678, usb.gadget_interface(0xff)))
    seat.rules(STRICT + ASSIST)
    before = seat.disks()
    with contextlib.ExitStack() as stack:
        eyes, braille, switch, other = (stack.enter_context(seat.gadget(*each, serial='NEEDED'))
                                        for each in devices)
        seat.verdict('1234:5678', 'refused', 'refused-class')
        lets(seat, other, {0: False})
        lets(seat, switch, {0: True, 1: True, 2: False})
        for device, wanted in ((eyes, {0: True}), (braille, {0: True, 1: True})):
            lets(seat, device, wanted)
            seat.until(lambda d=device: at(seat, d).get('verdict') == 'passed', 'it is passed')
            said = at(seat, device)
            # Which of them somebody needs is told to nobody.
            assert said['why'] == 'assistive'
            assert 'id' not in said and 'model' not in said and said['kind'] == 'other'
        assert switch.types()
        seat.guest.until('[ -e /dev/ttyACM0 ]')
        seat.event('NEEDED', 'storage-refused')
        assert {each['type'] for each in seat.events('NEEDED')} == {'hardware-refused',
                                                                    'storage-refused'}
        assert not seat.events('2104:') + seat.events('1c71:') and seat.disks() == before
        assert 'because the policy refuses its kind' in tells(seat)
        # It was the table that let them in, and with it they come back while plugged in.
        seat.rules(STRICT)
        for device, wanted in ((eyes, {0: False}), (braille, {0: False, 1: True}),
                               (switch, {0: True, 1: False, 2: False})):
            lets(seat, device, wanted)
        assert switch.types()
        seat.rules(STRICT + ASSIST)
        lets(seat, eyes, {0: True})
        lets(seat, braille, {0: True, 1: True})


# --- phones and what speaks a vendor's own language ---

def test_phones_bridges_and_programmers_get_the_default_that_is_written_down(seat):
    seat.rules(BLOCK)
    phone = (usb.gadget_interface(6, 1, 1, 'PTP'),
             usb.gadget_interface(0xff, 0xfe, 2, 'Apple USB Multiplexor'))
    with seat.gadget(0x05ac, 0x12a8, *phone, serial='IPHONE-1') as iphone, \
            seat.gadget(0x18d1, 0x4ee7, usb.gadget_interface(0xff, 0x42, 1, 'ADB Interface'),
                        serial='ADB-1') as adb, \
            seat.gadget(0x16c0, 0x05dc, usb.gadget_interface(0xff, compatible='WINUSB'),
                        serial='LIBUSB-1') as libusb:
        assert seat.verdict('IPHONE-1', 'refused', 'not-allowed')['kind'] == 'media'
        lets(seat, iphone, {0: False, 1: True})
        for device in (adb, libusb):
            lets(seat, device, {0: True})
        seen = seat.event('IPHONE-1', 'hardware-seen')   # it charges: a row a day
        assert seen['count'] == 1 and not seat.events('ADB-1') + seat.events('LIBUSB-1')
        # Where the policy names their kind they are shut.
        seat.rules(BLOCK.replace('hardware audit', 'hardware enforce') + 'refuse class phone 30\n')
        seat.verdict('ADB-1', 'refused', 'refused-class')
        lets(seat, iphone, {0: False, 1: False})
        lets(seat, adb, {0: False})
        lets(seat, libusb, {0: True})
        assert seat.event('ADB-1', 'hardware-refused')['line'] == 30


def test_mtp_is_known_by_its_string_and_by_what_it_tells_microsoft(seat):
    seat.rules(BLOCK)
    seat.run('systemctl stop caretakerd')   # it is the helper that holds them first
    own = usb.gadget_interface
    with seat.gadget(0x04e8, 0x6860, own(0xff, 0xff, 0, 'MTP'), serial='SAYS-1') as says, \
            seat.gadget(0x0bb4, 0x0f60, own(0xff, 0xff, 0, compatible='MTP'),
                        serial='ASKED-1') as asked, \
            seat.gadget(0x0bb4, 0x0f61, own(0xff, 0xff, 0, compatible='WINUSB'),
                        serial='OTHER-1') as other, \
            seat.gadget(0x0bb4, 0x0f62, own(0xff, 0xff, 0), serial='SILENT-1') as silent:
        for device in (other, silent):
            lets(seat, device, {0: True})
        seat.guest.settle()
        for device in (says, asked):
            assert is_let(seat, device) == {0: False}
        seat.run('systemctl start caretakerd')
        for name, device in (('SAYS-1', says), ('ASKED-1', asked)):
            assert seat.verdict(name, 'refused', 'not-allowed')['kind'] == 'media'
            assert is_let(seat, device) == {0: False}
        seat.rules(ANY)
        for device in (says, asked):
            lets(seat, device, {0: True})


# --- what is not what it was ---

def test_a_stick_that_comes_back_as_something_else_opens_nothing_and_is_told_of(seat):
    seat.rules(APPROVED + 'stick 0951:1666:TURNS-1 0 any EX-9 0\n')
    ids, storage = (0x0951, 0x1666), usb.gadget_storage(DATA)
    with seat.gadget(*ids, storage, serial='TURNS-1') as stick:
        seat.verdict('TURNS-1', 'open', 'approved-stick')
        seat.has_disk(stick)
    before = seat.disks()
    with seat.gadget(*ids, storage, usb.gadget_keyboard(), serial='TURNS-1') as both:
        said = seat.verdict('TURNS-1', 'refused', 'changed-device')
        assert said['exception'] == 'EX-9' and both.types()
        event = seat.event('TURNS-1', 'storage-refused')
        assert (event['why'], event['exception']) == ('changed-device', 'EX-9')
        assert 'it is not the device that was approved, though it says so' in tells(seat)
    with seat.gadget(*ids, usb.gadget_keyboard(), serial='TURNS-1') as keys:
        lets(seat, keys, {0: True})   # nobody is locked out
        assert keys.types()
        assert seat.event('TURNS-1', 'hardware-changed')['why'] == 'was-storage'
        assert 'works, but it was storage before' in tells(seat)
    # By what it claims, and by what it looks like.
    with seat.gadget(*ids, storage, serial='TURNS-2'), \
            seat.gadget(*ids, storage, serial='TURNS-1', release=0x0200):
        seat.verdict('TURNS-2', 'refused', 'not-approved')
        seat.verdict('TURNS-1', 'refused', 'changed-device')
    assert seat.disks() == before


# --- read-only switch, discs, empty readers ---

def test_a_stick_whose_own_switch_says_read_only_is_that_and_follows_the_verdict(seat):
    seat.rules(BLOCK)
    before = seat.disks()
    switched = usb.gadget_storage(DATA, read_only=True)
    with seat.gadget(0x0951, 0x1666, switched, serial='SWITCH-1') as stick:
        seat.verdict('SWITCH-1', 'refused', 'not-allowed')
        assert seat.disks() == before
        seat.rules(ANY)
        seat.verdict('SWITCH-1', 'open', 'allowed')
        disk = seat.has_disk(stick)
        seat.until(lambda: seat.is_open(disk), 'it is open')
        assert seat.run(f'mount -r /dev/{disk} /mnt && umount /mnt; cat /sys/block/{disk}/ro') == '1'
        assert seat.call(f'dd if=/dev/zero of=/dev/{disk} count=1')[0] != 0


def test_discs_follow_the_verdict_in_a_usb_drive_and_in_one_built_in(seat, image):
    seat.rules(BLOCK)
    before = seat.disks()
    drive = seat.plug(usb.cdrom(image, 'DISC-1'))
    seat.verdict('DISC-1', 'refused', 'not-allowed')
    assert seat.disks() == before

    def inside():
        return next((d for d in seat.shown()['devices'] if 'disk' in d), {})
    seat.run('modprobe scsi_debug ptype=5 removable=1 dev_size_mb=8')   # on no USB at all
    try:
        seat.until(lambda: inside().get('verdict') == 'refused', 'the one inside is shut')
        disc = inside()['disk']
        assert disc.startswith('sr') and inside()['why'] == 'not-allowed'
        seat.guest.until(f'stat -c "%a %U %G" /dev/{disc} | grep -qx "600 root root"')
        seat.rules(ANY)
        seat.until(lambda: inside().get('verdict') == 'open', 'the one inside is open')
        seat.guest.until(f'stat -c "%a %U %G" /dev/{disc} | grep -qx "660 root cdrom"')
        seat.verdict('DISC-1', 'open')
        seat.until(lambda: seat.disk(drive).startswith('sr'), 'the drive has a disc')
        assert seat.run(f'head -c 512 /dev/{seat.disk(drive)} | wc -c') == '512'
    finally:
        seat.guest.until('rmmod scsi_debug 2>&1')   # udev may look at it still


def test_a_drive_on_esata_or_in_a_bay_follows_the_verdict_and_holds_the_system_all_the_same(seat):
    # No SATA here: the kernel's own SCSI drive, which says that it can be taken out.
    def inside():
        return next((d for d in seat.shown()['devices'] if 'disk' in d), {})

    def node(path):
        return seat.run(f'stat -c "%a %U %G" {path}')

    def closed():
        return (node(f'/dev/{disk}') == node(aside) == '600 root root'
                and 'UDISKS_IGNORE=1' in seat.run(f'udevadm info /dev/{disk}'))
    seat.rules(BLOCK)
    seat.run('modprobe -a sg && modprobe scsi_debug ptype=0 removable=1 dev_size_mb=8')
    try:
        seat.until(lambda: inside().get('verdict') == 'refused', 'it is shut')
        disk = inside()['disk']
        assert disk.startswith('sd') and inside()['why'] == 'not-allowed'
        aside = '/dev/' + seat.run(f'ls /sys/block/{disk}/device/scsi_generic')
        seat.until(closed, lambda: f'both are closed; {node(f"/dev/{disk}")}, {node(aside)}')
        # It is no stick, no card and no disc.
        seat.rules(BLOCK + 'set kinds usb,card,optical,phone,camera 8\n')
        seat.until(lambda: seat.is_open(disk), 'what does not count is open')
        assert inside()['why'] == 'kind-not-counted'
        seat.rules(BLOCK + 'set kinds esata 8\n')
        seat.until(closed, 'it counts as eSATA')
        seat.rules(ANY + 'set kinds esata 8\n')
        seat.until(lambda: seat.is_open(disk), 'it is open')
        seat.run(f'mkfs.vfat /dev/{disk} && mount /dev/{disk} /srv && touch /srv/before')
        seat.rules(BLOCK)
        seat.until(lambda: inside()['why'] == 'holds-system', 'it holds a part of the system')
        # As at a start: udev is there before the daemon is.
        seat.run(f'systemctl stop caretakerd; rm {OPENED}/*-{disk}; '
                 f'udevadm trigger --settle -c add /dev/{disk}; touch /srv/during')
        assert node(f'/dev/{disk}') == '600 root root'
        seat.run('systemctl start caretakerd')
        seat.until(lambda: seat.is_open(disk), 'it is open again')
        assert seat.run('ls /srv') == 'before\nduring'
    finally:
        seat.call('umount /srv; systemctl start caretakerd')
        seat.guest.until('rmmod scsi_debug 2>&1')


def test_empty_readers_and_charging_phones_are_a_row_a_day(seat, tmp_path):
    def rows(name):
        return [each['type'] for each in seat.events(name)]

    seat.rules(BLOCK)
    for again in (False, True):
        with seat.gadget(0x0bda, 0x0129, usb.gadget_storage(None, None), serial='READER-1',
                         text='USB2.0 Card Reader') as reader, \
                seat.plug(usb.mtp(tmp_path, 'PHONE-1')):
            seat.verdict('READER-1', 'refused', 'not-allowed')
            seat.verdict('PHONE-1', 'refused', 'not-allowed')
            assert rows('READER-1') == rows('PHONE-1') == ['hardware-seen']
            if again:
                for rules in (ENCRYPTED, ANY):
                    seat.rules(rules)
                    seat.verdict('READER-1', 'passed', 'no-medium')
                assert rows('READER-1') == ['hardware-seen']
                insert(seat, reader, DATA)
                seat.verdict('READER-1', 'open', 'allowed')
                assert seat.event('READER-1', 'storage-opened')['bytes'] == 8 << 20
        seat.until(lambda: not seat.of('PHONE-1') and not seat.of('READER-1'), 'both are forgotten')
    assert rows('READER-1') == ['hardware-seen', 'storage-opened']


# --- where it is plugged in, and what kind it is ---

def test_a_hub_s_depth_a_port_and_a_class_decide(seat, image):
    seat.rules(ANY + 'set max_depth 0 8\nport front 2-3 16\n')
    before = seat.disks()
    seat.plug(usb.hub(), port='5')
    deep = seat.plug(usb.storage(image, 'DEEP-1'), port='5.1')
    seat.plug(usb.storage(image, 'BACK-1'), port='4')
    seat.verdict('BACK-1', 'refused', 'wrong-port')
    assert seat.disks() == before
    front = seat.plug(usb.storage(image, 'FRONT-1'), port='3')
    seat.verdict('FRONT-1', 'open', 'allowed')
    disk = seat.has_disk(front)
    assert seat.disks() == [*before, disk]
    seat.rules(ANY + 'set max_depth 0 8\n')
    assert seat.verdict('DEEP-1', 'refused', 'too-deep')['line'] == 8
    seat.verdict('BACK-1', 'open')
    assert not seat.disk(deep) and 'behind more hubs than storage may be' in tells(seat)
    network = seat.plug(usb.network(), port='2')
    lets(seat, network, {0: True, 1: True})
    seat.rules(ANY.replace('hardware audit', 'hardware enforce') + 'refuse class network 30\n')
    assert seat.verdict('0525:a4a2', 'refused', 'refused-class')['line'] == 30
    lets(seat, network, {0: False, 1: True})
    # An exception for the model, which ends by itself.
    end = int(seat.run('date +%s')) + 6
    seat.rules(ANY.replace('hardware audit', 'hardware enforce') + 'refuse class network 30\n'
               f'refuse model 0525:* 31\npass model 0525:a4a2 {end} EX-5 0\n')
    said = seat.verdict('0525:a4a2', 'open', 'excepted-model')
    assert (said['exception'], said['until']) == ('EX-5', end)
    lets(seat, network, {0: True, 1: True})
    assert seat.verdict('0525:a4a2', 'refused', 'approval-ended')['line'] == 31
    lets(seat, network, {0: False, 1: True})
    assert int(seat.run('date +%s')) >= end
    assert seat.event('0525:a4a2', 'hardware-shut')['exception'] == 'EX-5'
    seat.verdict('DEEP-1', 'open')


def test_at_the_rear_only_what_was_there_at_the_enrolment_works(seat, image):
    seat.rules(ANY)
    old = seat.plug(usb.storage(image, 'OLD-1'), port='3')
    seat.verdict('OLD-1', 'open')
    # As before the enrolment: no rules, and nothing was ever seen.
    seat.run(f'systemctl stop caretakerd; rm -f {STATE}/hardware/seen {STATE}/gate.rules; '
             f'touch {STATE}/gate.request; systemctl start caretakerd')
    seat.until(lambda: seat.shown().get('rules') == 'none', 'nobody is enrolled')
    seat.is_armed(False)
    before = seat.disks()
    enforced = ANY.replace('hardware audit', 'hardware enforce')
    seat.rules(enforced + 'port rear 2-* 18\n')
    new = seat.plug(usb.storage(image, 'NEW-1'), port='4')
    assert seat.verdict('NEW-1', 'refused', 'rear-port')['line'] == 18
    seat.verdict('OLD-1', 'open')
    assert seat.disk(old) and seat.disks() == before
    assert 'because nothing new is plugged in at the rear' in tells(seat)
    seat.rules(enforced + 'port rear 2-7 18\n')
    seat.verdict('NEW-1', 'open')
    seat.has_disk(new)
