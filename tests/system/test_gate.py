# caretaker-gate below a folder of its own: a sysfs made by hand, where what the program writes lies
# in plain files.  What a real kernel makes of it is tests/vm/test_gate_vm.py.
# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import subprocess

import pytest

PROGRAM = pathlib.Path(os.environ.get('CARETAKER_BUILD', 'build/linux')) / 'caretaker-gate'
UDEV = 'etc/udev/rules.d/10-caretaker-gate.rules'
MODPROBE = 'etc/modprobe.d/caretaker-gate.conf'
RULES = '''caretaker-gate 1
policy example 1
clock 1795328400 3600 boot
mode storage enforce 4
mode hardware enforce 5
stick 0951:1666:60A4 0 any - 7
person alice 0 any - 8
refuse class network 9
end
'''
STORAGE, KEYBOARD, VENDOR, NETWORK, HUB = '08/06/50', '03/01/01', 'ff/00/00', '02/06/00', '09/00/00'
# A kernel that takes 0419:aace for a disk whatever it claims to be.
ALIASES = '''alias usb:v0419pAACEd*dc*dsc*dp*ic*isc*ip*in* usb_storage
alias usb:v*p*d*dc*dsc*dp*ic08isc06ip50in* usb_storage
alias usb:v*p*d*dc*dsc*dp*ic03isc*ip*in* usbhid
'''


class Machine:
    """A machine's files in a folder: two buses and what is plugged into them."""

    def __init__(self, root):
        self.root = root
        self.put('proc/cmdline', 'quiet\n')
        self.put('proc/1/mountinfo', '21 1 8:1 / / rw - ext4 /dev/sda1 rw\n')
        self.put('proc/swaps', 'Filename\tType\tSize\tUsed\tPriority\n')
        self.put('sys/module/usbcore/parameters/authorized_default', '-1\n')
        self.put('sys/bus/usb/drivers_probe', '')
        self.put('modules/modules.alias', ALIASES)
        self.put('modules/modules.builtin.modinfo', 'ext4.alias=fs-ext4\0')
        self.folder('sys/class/block')
        self.folder('sys/dev/block')
        self.disk('sda', '8:0', 'sda1', '8:1', 'sys/devices/pci0/ata1')
        for bus in ('1', '2'):
            hub = f'sys/devices/pci0/usb{bus}'
            for name in ('interface_authorized_default', 'authorized_default', 'authorized'):
                self.put(f'{hub}/{name}', '1\n')
            self.device(f'usb{bus}', '1d6b:0002', '', {f'{bus}-0:1.0': HUB}, hub)

    def folder(self, name):
        (self.root / name).mkdir(parents=True, exist_ok=True)

    def put(self, name, text):
        self.folder(pathlib.Path(name).parent)
        (self.root / name).write_text(text)

    def text(self, name):
        return (self.root / name).read_text()

    def link(self, name, target):
        self.folder(pathlib.Path(name).parent)
        (self.root / name).symlink_to(self.root / target)

    def disk(self, disk, number, part, part_number, where):
        for name, at, folder in ((disk, number, f'{where}/block/{disk}'),
                                 (part, part_number, f'{where}/block/{disk}/{part}')):
            self.folder(f'{folder}/slaves' if name == disk else folder)
            self.put(f'{folder}/dev', at + '\n')
            self.link(f'sys/class/block/{name}', folder)
            self.link(f'sys/dev/block/{at}', folder)
        self.put(f'{where}/block/{disk}/{part}/partition', '1\n')

    def device(self, port, ids, serial, interfaces, folder=None):
        folder = folder or f'sys/devices/pci0/usb{port[0]}/{port}'
        vendor, product = ids.split(':')
        self.put(f'{folder}/idVendor', vendor + '\n')
        self.put(f'{folder}/idProduct', product + '\n')
        self.put(f'{folder}/serial', serial + '\n')
        self.put(f'{folder}/authorized', '1\n')
        self.put(f'{folder}/bNumInterfaces', f'{len(interfaces):2}\n')
        self.link(f'sys/bus/usb/devices/{port}', folder)
        for number, (name, classes) in enumerate(interfaces.items()):
            at = f'{folder}/{name}'
            c, s, p = classes.split('/')
            self.put(f'{at}/bInterfaceClass', c + '\n')
            self.put(f'{at}/authorized', '0\n')
            self.put(f'{at}/modalias', f'usb:v{vendor.upper()}p{product.upper()}d0100dc00dsc00dp00'
                     f'ic{c.upper()}isc{s.upper()}ip{p.upper()}in{number:02X}\n')
            self.link(f'sys/bus/usb/devices/{name}', at)

    def run(self, *words, status=0):
        done = subprocess.run([PROGRAM, *words, '--root', self.root, '--state', '/state',
                               '--modules', self.root / 'modules'], text=True,
                              capture_output=True)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def is_open(self, interface):
        return self.text(f'sys/bus/usb/devices/{interface}/authorized').strip() == '1'

    def probed(self):
        return self.text('sys/bus/usb/drivers_probe')

    def arm(self, rules=RULES):
        self.put('state/gate.rules', rules)
        return self.run('follow')


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_the_keyboard_of_a_composite_opens_and_its_storage_does_not(machine):
    machine.device('2-1', '1234:5678', 'S', {'2-1:1.0': STORAGE, '2-1:1.1': KEYBOARD})
    assert '2-1:1.0 waits for caretakerd (driver)' in machine.run('device', '2-1')
    assert not machine.is_open('2-1:1.0') and machine.is_open('2-1:1.1')
    assert machine.probed() == '2-1:1.1'


@pytest.mark.parametrize('classes', [KEYBOARD, VENDOR, STORAGE, '06/01/01'])
def test_what_the_kernel_would_take_for_a_disk_stays_shut_whatever_it_claims(machine, classes):
    machine.device('2-1', '0419:aace', 'S', {'2-1:1.0': classes})
    machine.run('device', '2-1')
    assert not machine.is_open('2-1:1.0') and machine.probed() == ''


def test_an_ordinary_vendor_device_opens(machine):
    machine.device('2-1', '0403:6001', 'S', {'2-1:1.0': VENDOR})
    machine.run('device', '2-1')
    assert machine.is_open('2-1:1.0')


def test_the_kernels_own_built_in_aliases_count_too(machine):
    machine.put('modules/modules.alias', '')
    machine.put('modules/modules.builtin.modinfo',
                'ext4.license=GPL\0usb_storage.alias=usb:v0419pAACEd*\0')
    machine.device('2-1', '0419:aace', 'S', {'2-1:1.0': VENDOR})
    machine.run('device', '2-1')
    assert not machine.is_open('2-1:1.0')


def test_without_the_kernels_tables_vendor_devices_wait_and_keyboards_do_not(machine):
    (machine.root / 'modules/modules.alias').unlink()
    machine.device('2-1', '0403:6001', 'S', {'2-1:1.0': VENDOR, '2-1:1.1': KEYBOARD})
    assert 'more than usual waits' in machine.run('device', '2-1')
    assert not machine.is_open('2-1:1.0') and machine.is_open('2-1:1.1')


def test_in_the_initramfs_the_list_of_the_whole_system_counts(machine):
    machine.put('etc/caretaker/gate.alias', ALIASES)
    (machine.root / 'modules/modules.alias').unlink()
    machine.device('2-1', '0403:6001', 'S', {'2-1:1.0': VENDOR})
    machine.device('2-2', '0419:aace', 'S', {'2-2:1.0': VENDOR})
    machine.run('device', '2-1')
    machine.run('device', '2-2')
    assert machine.is_open('2-1:1.0') and not machine.is_open('2-2:1.0')


def test_aliases_for_the_initramfs_are_those_of_storage_alone(machine):
    machine.put('modules/modules.builtin.modinfo', 'uas.alias=usb:v1*\0usbhid.alias=usb:v2*\0')
    assert machine.run('aliases') == (ALIASES.rsplit('alias', 1)[0] + 'alias usb:v1* uas\n')


def test_nothing_happens_before_all_interfaces_are_there(machine):
    machine.device('2-1', '1234:5678', 'S', {'2-1:1.0': KEYBOARD, '2-1:1.1': KEYBOARD})
    machine.put('sys/devices/pci0/usb2/2-1/bNumInterfaces', ' 3\n')
    machine.run('device', '2-1')
    assert not machine.is_open('2-1:1.0')
    machine.put('sys/devices/pci0/usb2/2-1/bNumInterfaces', '\n')  # no configuration yet
    machine.run('device', '2-1')
    assert not machine.is_open('2-1:1.0')
    machine.put('sys/devices/pci0/usb2/2-1/bNumInterfaces', ' 2\n')
    machine.run('device', '2-1:1.1')  # an interface stands for its device
    assert machine.is_open('2-1:1.0') and machine.is_open('2-1:1.1')


def test_a_root_hub_begins_shut_and_opens_its_own_interface(machine):
    machine.device('2-1', '1234:5678', 'S', {'2-1:1.0': KEYBOARD})
    machine.put('sys/devices/pci0/usb2/2-1/authorized', '0\n')
    machine.put('sys/devices/pci0/usb2/authorized_default', '0\n')
    machine.run('hub', 'usb2')
    assert machine.text('sys/devices/pci0/usb2/interface_authorized_default').startswith('0')
    assert machine.text('sys/devices/pci0/usb2/authorized_default').startswith('1')
    assert machine.text('sys/devices/pci0/usb2/2-1/authorized').startswith('1')
    machine.run('device', 'usb2')
    assert machine.is_open('2-0:1.0')
    machine.put('sys/devices/pci0/usb2/2-0:1.0/authorized', '0\n')
    machine.run('device', '2-0:1.0')
    assert machine.is_open('2-0:1.0')


@pytest.mark.parametrize('line, off', [
    ('quiet caretaker.usb=off', True), ('caretaker.usb=off quiet', True),
    ('caretaker.usb=on', False), ('xcaretaker.usb=off', False), ('caretaker.usb=offside', False),
    ('caretaker.usb=off caretaker.usb=on', False)])
def test_the_boot_word_opens_everything(machine, line, off):
    machine.put('proc/cmdline', line + '\n')
    machine.device('2-1', '0951:1666', 'S', {'2-1:1.0': STORAGE})
    machine.run('hub', 'usb2')
    machine.run('device', '2-1')
    assert machine.is_open('2-1:1.0') == off
    want = '1' if off else '0'
    assert machine.text('sys/devices/pci0/usb2/interface_authorized_default').startswith(want)


@pytest.mark.parametrize('name', ['../x', 'usbx', '', '2-1/../3-1', 'a' * 40, 'USB1'])
def test_names_that_udev_does_not_give_are_refused(machine, name):
    machine.run('hub', name, status=1)


def test_arming_writes_the_files_and_shuts_controllers_and_nothing_that_works(machine):
    machine.device('2-1', '0951:1666', 'S', {'2-1:1.0': STORAGE})
    machine.put('sys/devices/pci0/usb2/2-1/2-1:1.0/authorized', '1\n')
    assert 'armed' in machine.arm()
    assert machine.text(MODPROBE).endswith('options usbcore authorized_default=0\n')
    assert '/caretaker-gate device %k' in machine.text(UDEV) and '@' not in machine.text(UDEV)
    assert machine.text('sys/module/usbcore/parameters/authorized_default').startswith('0')
    for bus in ('1', '2'):
        assert machine.text(f'sys/devices/pci0/usb{bus}/interface_authorized_default')[0] == '0'
    assert machine.is_open('2-1:1.0')
    assert machine.run('status').startswith('gate             armed')


def test_what_the_initramfs_carries_names_no_person_and_no_stick(machine):
    machine.arm()
    rules = machine.text('etc/caretaker/gate.rules')
    assert 'refuse class network' in rules and 'mode storage enforce' in rules
    for word in ('alice', '60A4', '1795328400'):
        assert word not in rules
    assert (machine.root / 'etc/caretaker/gate.rules').stat().st_mode & 0o777 == 0o600


def test_the_helper_cannot_tell_the_time_and_opens_nothing_by_an_exception(machine):
    approved, excepted = 'pass model 0b95:1790 0 - 8\n', 'pass model 0bda:8153 1999999999 EX-5 0\n'
    machine.device('2-1', '0b95:1790', 'S', {'2-1:1.0': NETWORK})
    machine.device('2-2', '0bda:8153', 'T', {'2-2:1.0': NETWORK})
    machine.arm(RULES.replace('refuse class', approved + 'refuse class'))
    # Nothing is armed anew for it: the initramfs would be made again for each.
    assert machine.arm(RULES.replace('refuse class', approved + excepted + 'refuse class')) == ''
    rules = machine.text('etc/caretaker/gate.rules')
    assert 'pass model 0b95:1790 0 - 0\n' in rules and '0bda:8153' not in rules
    machine.run('device', '2-1')
    assert machine.is_open('2-1:1.0')
    assert '2-2:1.0 waits for caretakerd (policy)' in machine.run('device', '2-2')
    assert not machine.is_open('2-2:1.0')
    # Nor would it, were it told.
    machine.put('etc/caretaker/gate.rules', RULES.replace('refuse class', excepted + 'refuse class'))
    machine.run('device', '2-2')
    assert not machine.is_open('2-2:1.0')


def test_rules_that_only_tell_another_time_change_nothing(machine):
    machine.arm()
    before = {p: p.stat().st_ino for p in (machine.root / 'etc').rglob('*') if p.is_file()}
    assert machine.arm(RULES.replace('1795328400', '1795400000').replace(' 9\n', ' 19\n')) == ''
    assert before == {p: p.stat().st_ino for p in before}
    assert 'armed' in machine.arm(RULES.replace('class network', 'class modem'))


@pytest.mark.parametrize('rules', [RULES.replace('enforce', 'audit'),
                                   RULES.replace('enforce', 'off')])
def test_where_nothing_is_enforced_nothing_is_touched(machine, rules):
    def state():
        return {p: p.read_bytes() for p in machine.root.rglob('*') if p.is_file()}
    machine.put('state/gate.rules', rules)
    before = state()
    assert machine.run('follow') == ''
    assert 'neither removable-storage nor hardware is in mode enforce' in machine.run(
        'arm', status=1)
    machine.run('disarm')
    assert state() == before


def test_before_enrolment_there_are_no_rules_and_nothing_is_touched(machine):
    assert machine.run('follow') == ''
    assert not (machine.root / 'etc').exists()


def test_disarming_brings_the_defaults_back_and_opens_what_is_plugged_in(machine):
    machine.arm()
    machine.device('2-1', '0951:1666', 'S', {'2-1:1.0': STORAGE})
    machine.device('2-2', '0951:1667', 'S', {'2-2:1.0': STORAGE})
    machine.put('sys/devices/pci0/usb2/2-2/authorized', '0\n')
    machine.run('device', '2-1')
    assert not machine.is_open('2-1:1.0')
    assert 'disarmed' in machine.arm(RULES.replace('enforce', 'audit'))
    assert machine.is_open('2-1:1.0')
    assert machine.text('sys/devices/pci0/usb2/2-2/authorized')[0] == '1'
    assert machine.text('sys/module/usbcore/parameters/authorized_default').startswith('-1')
    assert machine.text('sys/devices/pci0/usb1/interface_authorized_default')[0] == '1'
    left = [str(p) for p in machine.root.rglob('*gate*')]
    assert left == [str(machine.root / 'state/gate.rules')]


def test_a_request_is_taken_away_before_the_rules_are_read(machine):
    machine.put('state/gate.request', '')
    machine.put('state/gate.rules', RULES.replace('enforce', 'off')[:-4])   # cut: nobody reads it to its end
    assert 'the gate stays as it is' in machine.run('follow', status=1)
    assert not (machine.root / 'state/gate.request').exists()


def test_without_rules_the_gate_is_open_as_before_an_enrolment(machine):
    assert machine.run('follow') == ''
    machine.arm()
    (machine.root / 'state/gate.rules').unlink()
    assert 'disarmed' in machine.run('follow')
    assert [str(p) for p in machine.root.rglob('*gate*')] == []


def test_a_mark_that_is_lost_locks_no_keyboard_out(machine):
    was = machine.text('sys/module/usbcore/parameters/authorized_default')
    machine.arm()
    (machine.root / 'state/gate.armed').unlink()
    (machine.root / 'state/gate.rules').unlink()
    assert 'disarmed' in machine.run('follow')
    assert machine.text('sys/module/usbcore/parameters/authorized_default').strip() == was.strip() == '-1'
    assert machine.text('sys/devices/pci0/usb1/authorized_default')[0] == '1'


def test_killed_while_it_arms_the_next_follow_carries_on(machine):
    machine.put('usr/sbin/update-initramfs', '')
    made = 'not run below a root of its own: update-initramfs'
    assert made in machine.arm()
    assert made not in machine.arm()   # nothing to do
    # What it writes, in that order; after each of them it may be killed.
    files = ['etc/caretaker/gate.rules', 'etc/caretaker/gate.system', UDEV, MODPROBE]
    whole = {name: machine.text(name) for name in files}
    for count in range(len(files) + 1):
        for name in files[count:]:
            (machine.root / name).unlink()
        machine.put('state/gate.armed', 'changing was -1\n')
        machine.put('sys/module/usbcore/parameters/authorized_default', '0\n')
        assert 'half armed' in machine.run('status', status=1)
        assert made in machine.run('follow')
        assert {name: machine.text(name) for name in files} == whole
        assert machine.text('state/gate.armed') == 'was -1\n'
        assert machine.run('status').startswith('gate             armed')
    machine.arm(RULES.replace('enforce', 'audit'))
    assert machine.text('sys/module/usbcore/parameters/authorized_default').startswith('-1')


def test_rules_that_were_cut_open_nothing(machine):
    machine.arm()
    machine.put('state/gate.rules', RULES.replace('enforce', 'off')[:-4])
    assert 'the gate stays as it is' in machine.run('follow', status=1)
    assert (machine.root / MODPROBE).exists()


def test_the_helper_without_rules_holds_storage(machine):
    machine.arm()
    machine.put('etc/caretaker/gate.rules', 'caretaker-gate 1\n')
    machine.device('2-1', '0951:1666', 'S', {'2-1:1.0': STORAGE, '2-1:1.1': KEYBOARD})
    assert 'all storage waits' in machine.run('device', '2-1')
    assert not machine.is_open('2-1:1.0') and machine.is_open('2-1:1.1')


def test_a_refused_class_waits_and_in_audit_it_does_not(machine):
    machine.arm()
    machine.device('2-1', '0b95:1790', 'S', {'2-1:1.0': NETWORK})
    assert '(policy)' in machine.run('device', '2-1')
    machine.arm(RULES.replace('mode hardware enforce', 'mode hardware audit'))
    machine.run('device', '2-1')
    assert machine.is_open('2-1:1.0')


def test_dracut_is_refused_in_words(machine):
    machine.put('boot/initramfs-6.1.img', '')
    machine.put('state/gate.rules', RULES)
    assert 'dracut is not supported yet' in machine.run('follow', status=1)
    assert not (machine.root / MODPROBE).exists()


# --- the disk that holds the system ---

def usb_system(machine, port='2-1', serial='SYSTEM1'):
    """The root file system lies on a USB disk, behind LUKS and LVM."""
    machine.device(port, '152d:0578', serial, {f'{port}:1.0': STORAGE})
    where = f'sys/devices/pci0/usb2/{port}/{port}:1.0/host1'
    machine.disk('sdb', '8:16', 'sdb1', '8:17', where)
    for name, number, below in (('dm-0', '253:0', 'sdb1'), ('dm-1', '253:1', 'dm-0')):
        machine.folder(f'sys/devices/virtual/block/{name}/slaves/{below}')
        machine.link(f'sys/class/block/{name}', f'sys/devices/virtual/block/{name}')
        machine.link(f'sys/dev/block/{number}', f'sys/devices/virtual/block/{name}')
    machine.put('proc/1/mountinfo', '21 1 253:1 / / rw - ext4 /dev/mapper/vg-root rw\n')


def test_a_usb_disk_that_holds_the_system_is_named_and_let_through(machine):
    usb_system(machine)
    machine.arm()
    assert machine.text('etc/caretaker/gate.system') == '152d:0578:SYSTEM1 2-1\n'
    machine.run('device', '2-1')
    assert machine.is_open('2-1:1.0')


def test_at_another_port_it_is_let_through_but_no_twin_of_it(machine):
    usb_system(machine)
    machine.arm()
    machine.device('1-4', '152d:0578', 'SYSTEM1', {'1-4:1.0': STORAGE})
    machine.run('device', '1-4')
    assert not machine.is_open('1-4:1.0')
    (machine.root / 'sys/bus/usb/devices/2-1').unlink()
    machine.run('device', '1-4')
    assert machine.is_open('1-4:1.0')


def test_without_a_serial_number_only_its_port_counts(machine):
    usb_system(machine, serial='')
    machine.arm()
    (machine.root / 'sys/bus/usb/devices/2-1').unlink()
    machine.device('1-4', '152d:0578', '', {'1-4:1.0': STORAGE})
    machine.run('device', '1-4')
    assert not machine.is_open('1-4:1.0')


def test_a_swap_and_a_key_on_usb_count_as_the_system(machine):
    usb_system(machine)
    machine.put('proc/1/mountinfo', '21 1 8:1 / / rw - ext4 /dev/sda1 rw\n')
    machine.put('dev/sdb1', '')  # a file: it lies on this machine's own disk
    machine.put('proc/swaps', 'Filename Type\n/dev/none partition 1 0 -2\n')
    machine.put('state/gate.rules', RULES)
    assert "it cannot be told whether '/dev/none' lies on one" in machine.run('follow', status=1)
    machine.put('proc/swaps', '')
    machine.put('etc/crypttab', '# x\nroot UUID=1 /dev/disk/by-label/KEY:/key luks\n')
    assert "'/dev/disk/by-label/KEY'" in machine.run('follow', status=1)
    machine.put('etc/crypttab', 'swap /dev/sda2 /dev/urandom swap\nroot UUID=1 none luks\n')
    machine.run('follow')


def test_a_root_that_cannot_be_followed_is_refused_while_a_usb_disk_is_in(machine):
    machine.put('proc/1/mountinfo', '21 1 0:30 / / rw - overlay overlay rw\n')
    machine.arm()  # no USB disk is there: it cannot be on one
    machine.run('disarm')
    usb_system(machine)
    machine.put('proc/1/mountinfo', '21 1 0:30 / / rw - overlay overlay rw\n')
    machine.put('state/gate.rules', RULES)
    assert "it cannot be told whether '/' lies on one" in machine.run('follow', status=1)
    assert not (machine.root / MODPROBE).exists()


def test_a_mount_of_the_users_own_is_no_system(machine):
    usb_system(machine)
    machine.put('proc/1/mountinfo', '21 1 8:1 / / rw - ext4 /dev/sda1 rw\n'
                '22 21 8:17 / /media/alice/STICK rw - vfat /dev/sdb1 rw\n')
    machine.arm()
    assert machine.text('etc/caretaker/gate.system') == ''


# --- memory cards ---

MMC = 'sys/bus/mmc'


def slot(machine, name='mmc1:aaaa', kind='SD', serial='0x1a2b3c4d', where='pci0'):
    machine.put(f'{MMC}/drivers_autoprobe', '1\n')
    machine.put(f'{MMC}/drivers_probe', '')
    folder = f'sys/devices/{where}/mmc_host/{name.split(":")[0]}/{name}'
    for key, value in {'type': kind, 'manfid': '0x000003', 'oemid': '0x5344', 'serial': serial,
                       'name': 'SU08G'}.items():
        machine.put(f'{folder}/{key}', value + '\n')
    machine.link(f'{MMC}/devices/{name}', folder)
    return folder


def bound(machine):
    return machine.text(f'{MMC}/drivers_probe')


def test_a_card_waits_and_the_bus_binds_none_by_itself(machine):
    slot(machine)
    machine.arm()
    assert machine.text(f'{MMC}/drivers_autoprobe')[0] == '0'
    machine.put(f'{MMC}/drivers_autoprobe', '1\n')
    machine.run('hub', 'mmc1:aaaa')
    assert machine.text(f'{MMC}/drivers_autoprobe')[0] == '0'
    assert 'mmc1:aaaa waits for caretakerd (card)' in machine.run('device', 'mmc1:aaaa')
    assert bound(machine) == ''
    assert 'shut cards       1' in machine.run('status')
    machine.arm(RULES.replace('enforce', 'audit'))
    assert machine.text(f'{MMC}/drivers_autoprobe')[0] == '1' and bound(machine) == 'mmc1:aaaa'


@pytest.mark.parametrize('kind, rules, where', [
    ('MMC', RULES, 'pci0'), ('SDIO', RULES, 'pci0'),
    ('SD', RULES.replace('storage enforce 4', 'storage audit 4'), 'pci0'),
    ('SD', RULES.replace('stick', 'set kinds usb 6\nstick'), 'pci0'),
    ('SD', RULES, 'pci0/usb1/1-4/1-4:1.0')])   # waits with its reader
def test_what_is_no_card_to_be_held_is_bound(machine, kind, rules, where):
    if 'usb1' in where:
        machine.device('1-4', '0bda:0129', '', {'1-4:1.0': VENDOR})
    slot(machine, kind=kind, where=where)
    machine.arm(rules)
    machine.run('device', 'mmc1:aaaa')
    assert bound(machine) == 'mmc1:aaaa'


def test_the_boot_word_opens_cards(machine):
    slot(machine)
    machine.arm()
    machine.put('proc/cmdline', 'caretaker.usb=off\n')
    machine.run('hub', 'mmc1')
    machine.run('device', 'mmc1:aaaa')
    assert machine.text(f'{MMC}/drivers_autoprobe')[0] == '1' and bound(machine) == 'mmc1:aaaa'


def test_the_card_that_holds_the_system_is_named_and_bound_and_in_the_initramfs_any(machine):
    machine.disk('mmcblk1', '179:0', 'mmcblk1p1', '179:1', slot(machine))
    machine.put('proc/1/mountinfo', '21 1 179:1 / / rw - ext4 /dev/mmcblk1p1 rw\n')
    machine.arm()
    assert machine.text('etc/caretaker/gate.system') == '0003:5344:1a2b3c4d mmc1:aaaa\n'
    machine.run('device', 'mmc1:aaaa')
    assert bound(machine) == 'mmc1:aaaa'
    slot(machine, 'mmc2:0001', serial='0x00c0ffee')
    machine.run('device', 'mmc2:0001')
    assert bound(machine) == ''
    machine.put('etc/caretaker/gate.alias', ALIASES)   # the copy of a card starts as well
    machine.run('device', 'mmc2:0001')
    assert bound(machine) == 'mmc2:0001'


def test_an_initramfs_leaves_slots_as_they_are_until_a_card_is_in_one(machine):
    slot(machine)
    machine.arm()
    machine.put('etc/caretaker/gate.alias', ALIASES)
    machine.put(f'{MMC}/drivers_autoprobe', '1\n')
    machine.run('hub', 'mmc0')   # eMMC may be in it, and the system on that
    assert machine.text(f'{MMC}/drivers_autoprobe')[0] == '1'
    machine.run('hub', 'mmc1:aaaa')
    machine.run('device', 'mmc1:aaaa')
    assert machine.text(f'{MMC}/drivers_autoprobe')[0] == '0' and bound(machine) == ''


# --- disks that are made of media: what a stick holds once it is unlocked ---

def mapped(machine, name, number, *below):
    machine.folder(f'sys/devices/virtual/block/{name}/slaves')
    for each in below:
        machine.folder(f'sys/devices/virtual/block/{name}/slaves/{each}')
    machine.link(f'sys/class/block/{name}', f'sys/devices/virtual/block/{name}')
    machine.link(f'sys/dev/block/{number}', f'sys/devices/virtual/block/{name}')


def test_only_what_is_made_of_media_alone_is_taken_for_one(machine):
    machine.disk('sdb', '8:16', 'sdb1', '8:17', 'sys/devices/pci0/usb2/2-1/2-1:1.0')
    mapped(machine, 'dm-0', '253:0', 'sda1')
    mapped(machine, 'dm-1', '253:1', 'sdb1')
    mapped(machine, 'dm-2', '253:2', 'dm-1', 'sda1')
    mapped(machine, 'dm-3', '253:3', 'dm-1')
    for name, status in (('dm-0', 1), ('dm-1', 0), ('dm-2', 1), ('dm-3', 0), ('dm-9', 1), ('../x', 1)):
        machine.run('plugged', name, status=status)
    # Where the system lies on it, it is the machine's own.
    machine.put('proc/1/mountinfo', '21 1 253:1 / /home rw - ext4 /dev/mapper/home rw\n')
    machine.run('plugged', 'dm-1', status=1)
