# A guest with our packages in which tests put the gate's rules in force, as caretaker-check would, and
# see what becomes of what they plug in.
# SPDX-License-Identifier: Apache-2.0
import json
import time

import bed

ENFORCE = 'mode storage enforce 3\nmode hardware audit 9\n'
FREE = 'set encrypted none 5\nset scan none 6\n'
BLOCK = ENFORCE + FREE + 'set allow none 4\n'
ANY = ENFORCE + FREE + 'set allow any 4\n'
READ_ONLY = ANY + 'set read_only yes 7\n'
APPROVED = ENFORCE + FREE + 'set allow approved 4\n'
ENCRYPTED = ENFORCE + 'set allow any 4\nset encrypted luks,bitlocker 5\nset scan none 6\n'
SCAN = ENFORCE + 'set allow any 4\nset encrypted none 5\nset scan full 6\n'
AUDIT = 'mode storage audit 3\nmode hardware audit 9\n' + FREE + 'set allow none 4\n'
STICK = '46f4:0001'   # QEMU's stick; its serial is the test's
DISK_GROUP = 6   # Debian's "disk"
LATE = 60   # seconds that anything here may take in an emulated machine
STATE, RUN = '/var/lib/caretaker', '/run/caretaker'


class Seat:
    """The guest, and what the agent says of what is plugged into it."""

    def __init__(self, guest, checks=False):
        """'checks': the agent's own go on, and so do the rules of its policy."""
        self.guest = guest
        # An initramfs takes a minute, and is test_gate_vm's matter.
        guest.run('mv /boot/initrd* /usr/sbin/update-initramfs /root/')
        if not checks:   # the rules and the events are the tests' own
            # One that runs already would take rules away: this machine is not enrolled.
            guest.run('systemctl mask -q --now caretaker-check.path caretaker-poll.path '
                      'caretaker-check.service caretaker-poll.service 2>/dev/null')
        self.run, self.call, self.plug = guest.run, guest.call, guest.plug
        self.disks, self.gadget = guest.disks, guest.gadget
        self.serial, self.armed = 0, None

    def rules(self, text, clock='0 0 -'):
        """Puts rules in force, as caretaker-check does, and waits until they are."""
        self.serial += 1
        self.guest.write(f'{STATE}/gate.rules', 'caretaker-gate 1\n'
                         f'policy school {self.serial}\nclock {clock}\n{text}end\n', 0o600)
        self.guest.write(f'{STATE}/gate.request', '', 0o600)
        self.until(lambda: self.shown().get('serial') == self.serial, 'the rules are in force')
        if ('enforce' in text) != self.armed:
            self.is_armed('enforce' in text)

    def is_armed(self, armed):
        """Waits until the gate is shut, or open."""
        self.until(lambda: (self.call('/usr/libexec/caretaker/caretaker-gate status')[0] == 0)
                   == armed, f'the gate is {"shut" if armed else "open"}')
        self.armed = armed

    def shown(self):
        return json.loads(self.guest.read(f'{RUN}/hardware.json') or '{}')

    def of(self, name):
        """What is shown of a device, by its serial or another part of its id."""
        return next((d for d in self.shown().get('devices', []) if name in d.get('id', '')), {})

    def verdict(self, name, verdict, why=None):
        """Waits until that is a device's verdict; all that is shown of it then."""
        said = {}

        def there():
            said.clear()
            said.update(self.of(name))
            return said.get('verdict') == verdict and why in (None, said.get('why'))
        self.until(there, lambda: f'{name} is {verdict} ({why}); it is {said}')
        return said

    def events(self, name):
        text = self.guest.read(f'{STATE}/hardware/events.jsonl') or ''
        lines = [json.loads(line) for line in text.splitlines()]
        return [each for each in lines if name in each.get('id', '')]

    def event(self, name, kind):
        found = []

        def there():
            found[:] = [each for each in self.events(name) if each['type'] == kind]
            return found
        self.until(there, f'an event {kind} of {name}')
        return found[-1]

    def until(self, done, what):
        end, pause = time.monotonic() + LATE, 0.1
        while not done():
            if time.monotonic() > end:
                log = self.run('journalctl -q -o short -u caretakerd -u caretaker-gate -u caretaker-scan | tail -n 20'
                               f'; cat {RUN}/hardware.json; ls /sys/block')
                raise bed.GuestError(f'not within {LATE} s: {what() if callable(what) else what}'
                                     f'\n{log}')
            time.sleep(pause)   # each look is work for the guest, which is slow enough
            pause = min(pause * 1.4, 0.5)

    def disk(self, device):
        """The disk of a plugged stick, as the kernel calls it; '' when it has none."""
        return '\n'.join(sorted(
            name for name, place in self.guest.inside('links', '/sys/block').items()
            if name.startswith('s') and f'/{device.path}/' in place))

    def has_disk(self, device):
        self.until(lambda: self.disk(device), f'{device.path} has a disk')
        return self.disk(device)

    def has_none(self, device):
        self.until(lambda: not self.disk(device), f'{device.path} has no disk any more')

    def mounted(self):
        return ' /mnt ' in self.guest.read('/proc/self/mountinfo')

    def is_open(self, disk):
        """To users and udisks, by its node and udev's word."""
        node = self.guest.inside('node', f'/dev/{disk}')
        said = node and self.guest.read(f'/run/udev/data/b{node[3]}:{node[4]}')
        return bool(said) and node[:3] == (0o660, 0, DISK_GROUP) and 'UDISKS_' not in said

    def asked_to_scan(self, disk):
        """Waits until a scan is asked for; the path of the question, to whose ".state" it is said."""
        asked = []

        def there():
            if 'scan' in self.guest.names(RUN):
                asked[:] = [name for name in self.guest.names(f'{RUN}/scan')
                            if name.endswith(f'-{disk}.ask')]
            return asked
        self.until(there, f'a scan of {disk} is asked for')
        return f'{RUN}/scan/{asked[0].removesuffix(".ask")}'

    def says_clean(self, asked):
        """As caretaker-scan would."""
        self.guest.write(f'{asked}.state', 'clean 1 2\n', 0o600)

    def clear(self):
        """Pulls everything out and forgets what happened."""
        for device in reversed(self.guest.devices):   # a hub after what is in it
            if device.name:
                device.unplug()
        if self.mounted():
            self.run('umount -l /mnt')
        self.until(lambda: not any(each.get('id', '').startswith(STICK)
                                   for each in self.shown()['devices']), 'all is unplugged')
        self.forget()

    def forget(self):
        """What happened."""
        self.run(f'rm -f {STATE}/hardware/events.jsonl')
