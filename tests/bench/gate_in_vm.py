# What a USB stick waits for at the gate, in the test VM: beside Debian's usbguard with rules that say
# the same, in the same guest, plugged in the same way.  The guest is emulated: its milliseconds are
# no machine's, what they are to each other is worth reading.
# SPDX-License-Identifier: Apache-2.0
import contextlib
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'vm'))
import bed    # noqa: E402
import usb    # noqa: E402
from seat import APPROVED, AUDIT, LATE, STICK, Seat    # noqa: E402

ALLOWED, REFUSED = 'BENCH-ALLOWED', 'BENCH-REFUSED'
# Where usbguard keeps what was plugged in before it, and audits into a file of ours.
USBGUARD = """RuleFile=/etc/usbguard/rules.conf
ImplicitPolicyTarget=block
PresentDevicePolicy=apply-policy
PresentControllerPolicy=keep
InsertedDevicePolicy=apply-policy
AuthorizedDefault=none
RestoreControllerDeviceState=false
DeviceManagerBackend=uevent
IPCAllowedUsers=root
DeviceRulesWithPort=false
AuditBackend=FileAudit
AuditFilePath=/run/usbguard-audit.log
"""
RULES = f'allow with-interface one-of {{ 09:*:* }}\nallow id {STICK} serial "{ALLOWED}"\n'


def allowed(guest, image, times):
    """Seconds from the kernel's first word of the stick until its driver has it, for each time."""
    found = []
    for _ in range(times):
        with guest.plug(usb.storage(image, ALLOWED)) as stick:
            seen = guest.events.wait(f'KERNEL add usb .*/{stick.path}$').time
            found.append(guest.events.wait(f'KERNEL bind usb .*/{stick.path}:1.0$').time - seen)
            disk = guest.events.wait('UDEV add block .*/sd[a-z]+$')
        guest.events.wait(f'UDEV remove block {disk.path}$')
        guest.settle()
    return found


def refused(guest, image, times, told):
    """Seconds from the kernel's first word of the stick until 'told' of it was written."""
    found = []
    offset = float(guest.run('python3 -c "import time; print(time.time() - time.monotonic())"'))
    for _ in range(times):
        before, began = guest.read(told) or '', time.monotonic()
        with guest.plug(usb.storage(image, REFUSED)) as stick:
            seen = guest.events.wait(f'KERNEL add usb .*/{stick.path}$').time
            while (now := guest.read(told) or '') == before or REFUSED not in now:
                if time.monotonic() > began + LATE:
                    raise bed.GuestError(f'{told} does not tell of the stick: {now}')
                time.sleep(0.02)   # a look costs the guest a millisecond
            found.append(float(guest.run(f'stat -c %.9Y {told}')) - offset - seen)
        guest.events.wait(f'UDEV remove usb .*/{stick.path}$')
        guest.settle()
    return found


def trace(guest, image, serial):
    """What kernel and udev say of one stick, in order: a disk would be among it."""
    with guest.plug(usb.storage(image, serial)) as stick:
        first = guest.events.wait(f'KERNEL add usb .*/{stick.path}$').time
        guest.events.wait(f'UDEV bind usb .*/{stick.path}$')
        guest.settle()
        if serial == ALLOWED:
            guest.events.wait('UDEV add block .*/sd[a-z]+$')
        said = [f'{(each.time - first) * 1000:7.1f} ms  {each.who:6} {each.action:6} '
                f'{each.subsystem:5} {each.path.rsplit("/", 1)[-1]}' for each in guest.events.since()]
    guest.events.wait(f'UDEV remove usb .*/{stick.path}$')
    guest.settle()
    return said


def pss(guest, name):
    """KiB of a program, all its processes."""
    return sum(int(size) for size in guest.run(
        f'for pid in $(pgrep -x {name}); do sed -n "s/^Pss: *//p" /proc/$pid/smaps_rollup; done | '
        'cut -d" " -f1').split())


@contextlib.contextmanager
def usbguard(guest):
    guest.run('mkdir -p /etc/usbguard')
    for name, text in (('usbguard-daemon.conf', USBGUARD), ('rules.conf', RULES)):
        guest.write(f'/etc/usbguard/{name}', text)
        guest.run(f'chmod 600 /etc/usbguard/{name}')
    guest.run('systemctl start usbguard')
    guest.until('usbguard list-devices >/dev/null 2>&1')
    yield
    guest.run('systemctl stop usbguard')


def percentiles(times):
    """Median and 99th, in milliseconds."""
    return statistics.median(times) * 1000, statistics.quantiles(times, n=100,
                                                                 method='inclusive')[98] * 1000


def measure(line, say, folder, times):
    image = folder / 'stick'
    usb.fat(image)
    with bed.guest(installed=True) as guest:
        seat = Seat(guest)
        guest.run('systemctl mask -q --now caretaker-scan.path')
        guest.plug(usb.keyboard())   # as any machine has one
        seat.rules(APPROVED + f'stick {STICK}:{ALLOWED} 0 any EX-1 0\n')
        allowed(guest, image, 3)   # what only the first one pays
        ours = allowed(guest, image, times), pss(guest, 'caretakerd')
        before = guest.disks()
        told = refused(guest, image, times, '/run/caretaker/hardware.json')
        window = len(guest.disks()) - len(before)
        traces = {serial: trace(guest, image, serial) for serial in (REFUSED, ALLOWED)}
        seat.rules(AUDIT)
        guest.run('systemctl stop caretakerd')
        with usbguard(guest):
            allowed(guest, image, 3)
            theirs = allowed(guest, image, times), pss(guest, 'usbguard-daemon')
            before = guest.disks()
            told_by_them = refused(guest, image, times, '/run/usbguard-audit.log')
            assert len(guest.disks()) == len(before), 'usbguard did not refuse'
    say(f'{times} times each; usbguard with equivalent rules, in the same emulated machine')
    for name, seconds in (('allowed', ours[0]), ('usbguard-allowed', theirs[0]),
                          ('refused-on-record', told),
                          ('usbguard-refused-on-record', told_by_them)):
        middle, late = percentiles(seconds)
        line(f'usb.{name}-median', middle, 'ms')
        line(f'usb.{name}-p99', late, 'ms')
    line('usb.allowed-over-usbguard', percentiles(ours[0])[0] / percentiles(theirs[0])[0], 'times')
    line('usb.disks-of-refused-sticks', window, 'disks', ('<=', 0))
    for serial, events in traces.items():
        say(f'what kernel and udev said of {serial}:')
        for event in events:
            say(f'  {event}')
    line('usb.pss', ours[1] / 1024, 'MB', ('<=', 2))
    line('usb.usbguard-pss', theirs[1] / 1024, 'MB')
