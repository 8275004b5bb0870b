# The USB gate with no daemon at all: the kernel begins shut, udev and caretaker-gate open what the
# policy does not hold.  That a stick "has no disk" is what the kernel's own trace says of every disk
# it ever made (Guest.disks()); each stick is then opened by hand and does get one, so that nothing
# counts as refused that would never have come.
# SPDX-License-Identifier: Apache-2.0
import json
import pathlib

import pytest

import bed
import usb

TOP = pathlib.Path(__file__).parents[2]
RULES = '''caretaker-gate 1
policy example 1
mode storage enforce 4
mode hardware audit 5
end
'''
HELPER = '/usr/libexec/caretaker/caretaker-gate'
OBEXD = '/usr/libexec/bluetooth/obexd'
HOOK = '/usr/share/initramfs-tools/hooks/caretaker-gate'
FILES = ('/etc/udev/rules.d/10-caretaker-gate.rules', '/etc/modprobe.d/caretaker-gate.conf',
         '/etc/caretaker/gate.rules', '/etc/caretaker/gate.system')


# It takes a while, so most of what arms here leaves the initramfs alone; two tests do not.
QUICK = ('mv /usr/sbin/update-initramfs /root/update-initramfs; '
         'ln -s /bin/true /usr/sbin/update-initramfs')


def install(guest):
    """The helper and its hook alone: nothing that could judge a stick."""
    guest.run('mkdir -p /usr/libexec/caretaker /var/lib/caretaker')
    guest.push(bed.build() / 'caretaker-gate', HELPER)
    hook = (TOP / 'pkg/initramfs/caretaker-gate').read_text()
    guest.write(HOOK, hook.replace('@libexecdir@', '/usr/libexec/caretaker'))
    guest.run(f'chmod 755 {HOOK}; strip {HELPER} 2>/dev/null || true')


# Each module that an initramfs carries starts a dozen processes: it gets those that its boot needs.
FROM_USB = 'xhci_pci usb_storage sd_mod usbhid hid_generic ext4 crc32c_generic'


def carry(guest, modules):
    guest.write('/etc/initramfs-tools/modules', modules.replace(' ', '\n') + '\n')


def arm(guest, rules=RULES):
    guest.write('/var/lib/caretaker/gate.rules', rules)
    return guest.run(f'{HELPER} follow 2>&1', timeout=900)


@pytest.fixture(scope='module')
def image(tmp_path_factory):
    return usb.fat(tmp_path_factory.mktemp('stick') / 'stick.img')


@pytest.fixture(scope='module')
def guest():
    """Armed while it runs."""
    with bed.guest() as it:
        install(it)
        it.run('truncate -s 8M /root/stick.img && mkfs.vfat /root/stick.img >/dev/null')
        it.run(QUICK)
        assert 'armed' in arm(it)
        yield it


@pytest.fixture(autouse=True)
def nothing_is_left_over(request):
    yield
    if 'guest' in request.fixturenames:
        guest = request.getfixturevalue('guest')
        guest.until('! ls -d /sys/block/sd* 2>&1')   # its name is free then
        guest.settle()


def opened_by_hand(guest, interface):
    """The positive control: what an approval would do, and the stick is a disk."""
    at = f'/sys/bus/usb/devices/{interface}'
    before = guest.disks()
    guest.run(f'echo 1 > {at}/authorized; printf %s {interface} > /sys/bus/usb/drivers_probe')
    guest.until(f'ls -d {at}/host*/target*/*/block/*')
    assert len(guest.disks()) == len(before) + 1


def authorized(guest, device):
    return dict(line.split('=') for line in guest.run(
        f'cd /sys/bus/usb/devices/{device.path}; for i in *:*.*; do '
        'echo ${i#*:}=$(cat $i/authorized); done').splitlines())


def test_arming_leaves_the_machine_as_it_was_but_for_what_comes(guest):
    guest.run(f"ls {chr(32).join(FILES)}")
    assert guest.run(f'{HELPER} status').startswith('gate             armed')
    assert set(guest.run('cat /sys/bus/usb/devices/usb*/interface_authorized_default')) == set('0\n')
    assert guest.run('cat /sys/module/usbcore/parameters/authorized_default') == '0'


def test_a_stick_has_no_disk_until_somebody_opens_it(guest, image):
    before = guest.disks()
    with guest.plug(usb.storage(image)) as stick:
        guest.events.wait(f'UDEV bind usb .*/{stick.path}$')
        guest.settle()
        assert authorized(guest, stick) == {'1.0': '0'}
        assert guest.disks() == before
        opened_by_hand(guest, f'{stick.path}:1.0')
        assert guest.disks() == [*before, 'sda']


def test_a_fast_stick_and_a_phone_wait_too(guest, image, tmp_path):
    before = guest.disks()
    with guest.plug(usb.uas(image)) as disk, guest.plug(usb.mtp(tmp_path)) as phone:
        for device in (disk, phone):
            guest.events.wait(f'UDEV bind usb .*/{device.path}$', since=0)
        guest.settle()
        assert authorized(guest, disk) == {'1.0': '0'}
        assert authorized(guest, phone) == {'1.0': '0'}
        assert guest.disks() == before
        opened_by_hand(guest, f'{disk.path}:1.0')


def test_keyboard_mouse_sound_and_what_hangs_on_a_hub_work(guest, image):
    before = guest.disks()
    mark = guest.events.mark()
    with guest.plug(usb.hub(), port='3'), guest.plug(usb.keyboard(), port='3.1') as keyboard, \
            guest.plug(usb.mouse(), port='3.2') as mouse, \
            guest.plug(usb.storage(image), port='3.3') as stick, \
            guest.plug(usb.audio(), port='4') as sound, \
            guest.plug(usb.card_reader(), port='5') as reader:
        for device in (keyboard, mouse):
            guest.events.wait(f'UDEV add input .*/{device.path}/.*/event', since=mark)
        guest.events.wait(f'UDEV add sound .*/{sound.path}/.*/card', since=mark)
        guest.events.wait(f'UDEV bind usb .*/{stick.path}$', since=mark)
        guest.events.wait(f'UDEV bind usb .*/{reader.path}$', since=mark)
        guest.settle()
        assert set(authorized(guest, sound).values()) == {'1'}
        assert set(authorized(guest, reader).values()) == {'1'}
        assert authorized(guest, stick) == {'1.0': '0'}
        assert guest.disks() == before


def test_a_controller_that_is_taken_and_given_back_begins_shut(guest, image):
    before = guest.disks()
    with guest.plug(usb.storage(image)) as stick, guest.plug(usb.keyboard()) as keyboard:
        guest.events.wait(f'UDEV add input .*/{keyboard.path}/.*/event', since=0)
        controller = guest.run('basename $(dirname $(realpath /sys/bus/usb/devices/usb1))')
        for _ in range(3):
            driver = '/sys/bus/pci/drivers/xhci_hcd'
            guest.run(f'echo {controller} > {driver}/unbind')
            guest.settle()
            guest.events.mark()
            guest.run(f'echo {controller} > {driver}/bind')
            guest.events.wait(f'UDEV add input .*/{keyboard.path}/.*/event')
            guest.events.wait(f'UDEV bind usb .*/{stick.path}$')
        guest.settle()
        assert authorized(guest, stick) == {'1.0': '0'}
        assert guest.disks() == before
        opened_by_hand(guest, f'{stick.path}:1.0')


def test_on_a_controller_that_is_new_a_composite_types_and_stores_nothing(guest):
    before = guest.disks()
    with guest.gadget(0x0951, 0x1666, usb.gadget_storage('/root/stick.img'),
                      usb.gadget_keyboard(), usb.gadget_serial()) as gadget:
        guest.events.wait('UDEV add tty .*/ttyACM0$')
        guest.settle()
        assert authorized(guest, gadget) == {'1.0': '0', '1.1': '1', '1.2': '1', '1.3': '1'}
        assert gadget.types()
        assert guest.disks() == before
        opened_by_hand(guest, f'{gadget.path}:1.0')
        assert gadget.types()


@pytest.mark.parametrize('number', [0xff, 0x03])
def test_a_class_that_lies_does_not_help_a_stick(guest, number):
    # 0419:aace is on usb_storage's own list, whatever it claims to be.
    before = guest.disks()
    lie = usb.gadget_interface(number, 0x06, 0x50, disk='/root/stick.img')
    with guest.gadget(0x0419, 0xaace, lie) as gadget:
        guest.events.wait(f'UDEV bind usb .*/{gadget.path}$')
        guest.settle()
        assert authorized(guest, gadget) == {'1.0': '0'}
        assert guest.disks() == before
        opened_by_hand(guest, f'{gadget.path}:1.0')


@pytest.mark.parametrize('text, held', [('MTP', True), ('ADB Interface', False), (None, False)])
def test_a_vendor_s_own_interface_waits_only_when_it_says_mtp(guest, text, held):
    with guest.gadget(0x18d1, 0x4ee1, usb.gadget_interface(0xff, 0x42, 0x01, text)) as gadget:
        guest.events.wait(f'UDEV bind usb .*/{gadget.path}$')
        guest.settle()
        assert authorized(guest, gadget) == {'1.0': '0' if held else '1'}


def test_with_udev_stopped_a_stick_gets_nothing_not_even_on_a_controller_that_is_new(guest, image):
    before = guest.disks()
    udev = 'systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udevd.service'
    guest.run(f'systemctl stop {udev}')
    try:
        with guest.plug(usb.storage(image)) as stick:
            guest.events.wait(f'KERNEL bind usb .*/{stick.path}$')
            controller = guest.run('basename $(dirname $(realpath /sys/bus/usb/devices/usb1))')
            guest.events.mark()
            guest.run(f'cd /sys/bus/pci/drivers/xhci_hcd; echo {controller} > unbind; '
                      f'echo {controller} > bind')
            guest.events.wait(f'KERNEL bind usb .*/{stick.path}$')
            assert guest.disks() == before
            guest.events.mark()
            guest.run('systemctl start systemd-udevd; udevadm trigger --action=add --settle')
            assert authorized(guest, stick) == {'1.0': '0'}
            assert guest.disks() == before
            opened_by_hand(guest, f'{stick.path}:1.0')
    finally:
        guest.run(f'systemctl start {udev}')


def test_ten_times_in_and_out_and_never_a_disk(guest):
    before = guest.disks()
    with guest.gadget(0x0951, 0x1666, usb.gadget_storage('/root/stick.img'),
                      usb.gadget_keyboard()) as gadget:
        guest.events.wait(f'UDEV add input .*/{gadget.path}/.*/event')
        guest.run(f'cd /sys/kernel/config/usb_gadget/{gadget.name}; port=$(cat UDC); '
                  'for i in $(seq 9); do echo > UDC; echo $port > UDC; '
                  f'until [ -e /sys/bus/usb/devices/{gadget.path}:1.1/driver ]; do :; done; done',
                  timeout=300)
        guest.settle()
        assert authorized(guest, gadget) == {'1.0': '0', '1.1': '1'}
        assert gadget.types()
        assert guest.disks() == before
        opened_by_hand(guest, f'{gadget.path}:1.0')


def test_disarmed_a_stick_is_a_disk_again_and_what_was_plugged_in_opens(guest, image):
    # The last one of this guest.
    with guest.plug(usb.storage(image)) as stick:
        guest.events.wait(f'UDEV bind usb .*/{stick.path}$')
        guest.events.mark()
        assert 'disarmed' in arm(guest, RULES.replace('enforce', 'audit'))
        guest.events.wait('KERNEL add block .*/sda$')
        assert guest.run('cat /sys/module/usbcore/parameters/authorized_default') == '-1'
        assert guest.call(f'ls {" ".join(FILES)}')[1] == ''
        stick.unplug()
        guest.events.wait('UDEV remove block .*/sda$')
    with guest.plug(usb.storage(image)):
        guest.events.wait('UDEV add block .*/sda$')


# --- as the package brings it ---

@pytest.fixture(scope='module')
def school():
    """Our packages, armed by the units that they bring."""
    with bed.guest(installed=True) as it:
        # A check would compile the rules of the policy in force, and this machine has none.
        # Nothing scans here, and nobody sits here: while logind runs, systemd tells it of each change
        # of any unit.  (At once: for each "mask" systemd reads all its units anew.)
        it.run('systemctl mask -q --runtime --now caretaker-check.service caretaker-poll.service '
               'caretaker-scan.path systemd-logind.service')
        carry(it, '')   # never booted
        yield it


def follow(guest, rules, until):
    """As caretaker-check leaves new rules; then its path unit does the rest."""
    guest.write('/root/gate.rules', rules)
    guest.run('install -m 600 /root/gate.rules /var/lib/caretaker/new && '
              'mv /var/lib/caretaker/new /var/lib/caretaker/gate.rules; '
              'touch /var/lib/caretaker/gate.request')
    guest.until(until, 600)


def sends_files_over_bluetooth(guest):
    """Whether alice's session could start what does."""
    return guest.call(f'runuser -u alice -- {OBEXD} --help')[0] == 0


def test_new_rules_arm_the_gate_and_rules_that_audit_disarm_it(school):
    assert sends_files_over_bluetooth(school)
    follow(school, RULES, 'grep -q "^was" /var/lib/caretaker/gate.armed')
    assert not sends_files_over_bluetooth(school)
    assert school.run(f'{HELPER} status').startswith('gate             armed')
    assert HELPER[1:] in school.run('lsinitramfs /boot/initrd.img-*').split()
    # Somebody takes back what was set, and leaves the mode.
    school.run(f'{QUICK}; dpkg-statoverride --remove {OBEXD}')
    follow(school, RULES.replace('enforce', 'audit'), '! [ -e /var/lib/caretaker/gate.armed ]')
    assert school.call(f'ls {" ".join(FILES)}')[1] == ''
    assert sends_files_over_bluetooth(school)
    follow(school, RULES, 'grep -q "^was" /var/lib/caretaker/gate.armed')


def test_rules_that_come_while_the_last_ones_are_followed_are_followed_too(school):
    # An initramfs takes minutes; while it is made here, the next rules come.
    school.write('/var/lib/bed.rules', RULES, 0o600)
    school.run('rm -f /usr/sbin/update-initramfs; printf "#!/bin/sh\ncd /var/lib\n[ ! -e bed.rules ] || '
               '{ mv bed.rules caretaker/gate.rules; touch caretaker/gate.request; }\n" '
               '> /usr/sbin/update-initramfs; chmod 755 /usr/sbin/update-initramfs')
    follow(school, RULES.replace('enforce', 'audit'),
           '! [ -e /var/lib/bed.rules ] && grep -q "^was" /var/lib/caretaker/gate.armed')
    school.run('ln -sf /bin/true /usr/sbin/update-initramfs')


def test_killed_while_the_initramfs_is_made_it_carries_on(school):
    school.run('rm -f /usr/sbin/update-initramfs; printf "#!/bin/sh\ntouch /run/bed.making\nexec sleep 600\n" '
               '> /usr/sbin/update-initramfs; chmod 755 /usr/sbin/update-initramfs')
    follow(school, RULES.replace('hardware audit', 'hardware enforce'), '[ -e /run/bed.making ]')
    school.run('systemctl kill -s KILL caretaker-gate')
    school.until('! systemctl is-active -q caretaker-gate')
    assert school.read('/var/lib/caretaker/gate.armed').startswith('changing was')
    assert 'half armed' in school.call(f'{HELPER} status')[1]
    # What the kernel and udev go by is there all the same.
    school.run(f'ls {" ".join(FILES)}')
    assert set(school.run('cat /sys/bus/usb/devices/usb*/interface_authorized_default')) == set('0\n')
    school.run('rm /run/bed.making; printf "#!/bin/sh\ntouch /run/bed.making\n" > /usr/sbin/update-initramfs')
    school.run('systemctl start caretaker-gate')   # as the next start does, and the next rules
    school.run('rm /run/bed.making')
    assert school.read('/var/lib/caretaker/gate.armed').startswith('was')
    assert school.run(f'{HELPER} status').startswith('gate             armed')
    school.run('ln -sf /bin/true /usr/sbin/update-initramfs')


# Three kinds at once: what may be used, what is there and closed (nothing scans it here), and what
# is in a port where storage has no business.
PORTS = {'OPEN': '1', 'CLOSED': '2', 'SHUT': '3'}
THREE = RULES.replace('end\n', """set allow any 7
set encrypted none 8
set scan full 8
class-set pico 46f4:0001:OPEN 67108864 9
port front 2-1 10
port front 2-2 10
end
""")
SHOWN = '/run/caretaker/hardware.json'
MADE = '/var/lib/initramfs-was-made'   # its service may not write to anybody's home


@pytest.fixture(scope='module')
def three(school, image):
    """Plugged in and judged; the one that may be used is mounted."""
    school.run(f'rm -f /usr/sbin/update-initramfs; printf "#!/bin/sh\\ntouch {MADE}\\n" '
               '> /usr/sbin/update-initramfs; chmod 755 /usr/sbin/update-initramfs')
    sticks = [school.plug(usb.storage(image, name), port) for name, port in PORTS.items()]
    follow(school, THREE, f'[ -e {node("OPEN")} ] && [ -e {node("CLOSED")} ] && '
           '[ "$(lsblk -dno SERIAL | grep . | sort | tr "\\n" " ")" = "CLOSED OPEN " ] && '
           f'udevadm info {node("OPEN")} | grep -q MEDIUM=open')
    school.run(f'mount {node("OPEN")} /mnt && echo kept > /mnt/file')
    school.until(f'grep -q \'"id":"46f4:0001:SHUT".*"verdict":"refused"\' {SHOWN}')
    yield sticks
    school.call('umount -l /mnt')


def node(name):
    return f'/dev/disk/by-id/usb-QEMU_QEMU_HARDDISK_{name}-0:0'


def is_as_it_was(guest, shut, disks):
    closed = guest.run(f'stat -L -c "%a %U" {node("CLOSED")}; udevadm info {node("CLOSED")}')
    assert closed.startswith('600 root') and 'UDISKS_IGNORE=1' in closed, closed
    assert guest.run('cat /mnt/file; touch /mnt/more') == 'kept'
    assert authorized(guest, shut) == {'1.0': '0'}
    assert guest.disks() == disks


def test_the_daemon_killed_and_the_package_upgraded_open_nothing(school, three):
    disks = school.disks()
    deb = next(path for path in bed.packages() if path.name.startswith('caretaker_'))
    school.run('systemctl kill -s KILL caretakerd')
    is_as_it_was(school, three[2], disks)
    school.until('systemctl is-active -q caretakerd')
    school.push(deb, '/root/again.deb')
    school.run(f'rm -f {SHOWN}; dpkg --force-confold -i /root/again.deb', timeout=300)
    school.until(f'[ -e {SHOWN} ]')   # the new daemon has looked at all of it
    school.settle()
    assert school.run(f'{HELPER} status').startswith('gate             armed')
    is_as_it_was(school, three[2], disks)


def test_a_removed_package_gives_the_kernel_back_as_it_was(school, three, image):
    school.events.mark()
    school.run(f'rm -f {MADE}')
    assert not sends_files_over_bluetooth(school)
    school.run('dpkg -r caretaker', timeout=300)
    assert sends_files_over_bluetooth(school)
    school.events.wait('KERNEL add block .*/sd.$')   # what was shut
    school.run(f'ls {MADE}')
    assert school.call(f'ls {" ".join(FILES)}')[1] == ''
    assert school.run('cat /sys/module/usbcore/parameters/authorized_default') == '-1'
    assert set(school.run('cat /sys/bus/usb/devices/usb*/interface_authorized_default '
                          '/sys/bus/usb/devices/usb*/authorized_default')) == set('1\n')
    school.settle()
    for name in PORTS:
        said = school.run(f'stat -L -c "%a %U %G" {node(name)}; udevadm info {node(name)}')
        assert said.startswith('660 root disk') and 'UDISKS_' not in said, said
    assert school.run('cat /mnt/file') == 'kept'
    with school.plug(usb.storage(image)):
        school.events.wait('UDEV add block .*/sd.$')


# --- from power-on, on a machine whose own disk is a USB disk ---

@pytest.fixture(scope='module')
def from_usb(image):
    """Nothing of ours is there yet."""
    with bed.boot(from_usb=True, plugged=[usb.storage(image, serial='EARLY'), usb.keyboard()]) as it:
        yield it


@pytest.fixture(scope='module')
def armed(from_usb):
    """Its initramfs made anew; to be booted again."""
    for device in from_usb.plugged:
        device.unplug()
    install(from_usb)
    carry(from_usb, FROM_USB)
    said = arm(from_usb)
    assert 'armed' in said, said
    return from_usb


@pytest.fixture(scope='module')
def started(armed, image):
    with bed.boot(after=armed, from_usb=True,
                  plugged=[usb.storage(image, serial='EARLY'), usb.keyboard()]) as it:
        it.settle()
        yield it


def loaded_before_the_root(guest):
    """What the kernel said while only the initramfs was there."""
    log = guest.run('dmesg').splitlines()
    root = next(at for at, line in enumerate(log) if 'EXT4-fs' in line and 'mounted' in line)
    return '\n'.join(log[:root])


def test_without_us_a_stick_that_is_there_at_the_start_is_a_disk(from_usb):
    from_usb.until('lsblk -dno SERIAL | grep -qx EARLY')
    assert sorted(from_usb.disks()) == ['sda', 'sdb']
    root = from_usb.run('findmnt -no SOURCE /')
    assert from_usb.run(f'lsblk -dno SERIAL,TRAN {root}').split() == ['ROOT', 'usb']
    assert 'usb-storage' in loaded_before_the_root(from_usb)


def test_the_disk_that_holds_the_system_is_found_when_the_gate_is_armed(armed):
    assert armed.run('cat /etc/caretaker/gate.system') == f'46f4:0001:ROOT 2-{usb.PORTS}'
    carried = armed.run('lsinitramfs /boot/initrd.img-* | grep -E "caretaker|gate"').split('\n')
    for name in (*FILES, HELPER, '/etc/caretaker/gate.alias'):
        assert name[1:] in carried, carried


def test_what_is_plugged_in_at_the_start_is_shut_but_for_the_keyboard_and_the_system(started):
    assert started.disks() == ['sda']
    assert started.run('lsblk -dno SERIAL $(findmnt -no SOURCE /)') == 'ROOT'
    stick, keyboard = started.plugged
    assert authorized(started, stick) == {'1.0': '0'}
    assert authorized(started, keyboard) == {'1.0': '1'}
    assert started.run(f'ls /sys/bus/usb/devices/{keyboard.path}:1.0/*/input')
    assert started.run(f'{HELPER} status').startswith('gate             armed')
    opened_by_hand(started, f'{stick.path}:1.0')
    assert started.disks() == ['sda', 'sdb']


def test_a_stick_that_claims_to_be_the_system_s_disk_stays_shut(started, image):
    before = started.disks()
    with started.plug(usb.storage(image, serial='ROOT')) as twin:
        started.until(f'[ -e /sys/bus/usb/devices/{twin.path}:1.0 ]')
        started.settle()
        assert authorized(started, twin) == {'1.0': '0'}
        assert started.disks() == before


def test_the_word_on_the_command_line_opens_everything_for_one_boot(started, image):
    with bed.boot(after=started, from_usb=True, append='caretaker.usb=off',
                  plugged=[usb.storage(image, serial='EARLY'), usb.keyboard()]) as it:
        it.until('lsblk -dno SERIAL | grep -qx EARLY')
        assert sorted(it.disks()) == ['sda', 'sdb']
        assert 'caretaker.usb=off' in it.call(f'{HELPER} status')[1]
        it.push(bed.build() / 'facts', '/usr/bin/facts')
        tamper = json.loads(it.run('facts --state /run tamper'))
        assert (tamper['verdict'], tamper['why']) == ('fail', 'started-with-usb-off')
        assert tamper['evidence']['started_with'] == 'caretaker.usb=off'
        with it.plug(usb.storage(image, serial='LATE')):
            it.until('lsblk -dno SERIAL | grep -qx LATE')
        carry(it, '')
        assert 'disarmed' in arm(it, RULES.replace('enforce', 'off'))
        assert it.call(f'ls {" ".join(FILES)}')[1] == ''
        assert it.call('lsinitramfs /boot/initrd.img-* | grep caretaker')[1] == ''
