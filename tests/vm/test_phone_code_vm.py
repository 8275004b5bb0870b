# A code read out over the phone, under a real kernel: the machine was enrolled with a real collector
# and has no network now; the school's side runs here, and what is read out is carried by hand.
# SPDX-License-Identifier: Apache-2.0
import io
import json
import pathlib
import sys
import tarfile

import pytest

import bed
import usb
from seat import RUN, STATE, Seat

sys.path[:0] = [str(pathlib.Path(__file__).parents[1] / 'system'), str(pathlib.Path(__file__).parents[1])]
import collector_fixture   # noqa: E402

POLICY = ('[policy]\nname = Sticks\n[exceptions]\nstorage = any\nphone_code_days = 1\n'
          '[removable-storage]\nmode = enforce\nallow = none\n')
NOT_HELD = ('reserve', 'lock', 'cache', 'gate.rules')   # of the state folder, what a machine makes anew
LOOK = '/usr/libexec/caretaker/caretaker-check poll'


@pytest.fixture(scope='module')
def school(tmp_path_factory):
    """The school's side, and a machine of it that has last heard of it yesterday."""
    site = collector_fixture.Site(bed.build().resolve(), tmp_path_factory.mktemp('school'))
    collector = site.collector(config='[schools]\naudit_days = 0\n').make().start()
    pc = site.enrolled(collector)
    collector.publish(POLICY)
    pc.check('poll')   # takes the policy, and says that it has
    collector.stop()
    state = pc.saved()
    state['clock'] = {name: value - 86400 if name in ('acked_time', 'best') else value
                      for name, value in state['clock'].items()}
    (pc.state / 'state.json').write_text(json.dumps(state))
    collector.pc = pc
    yield collector
    site.close()


def packed(folder):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode='w') as tar:
        for path in folder.iterdir():
            if path.name not in NOT_HELD:
                tar.add(path, path.name)
    return data.getvalue()


@pytest.fixture(scope='module')
def seat(school):
    with bed.guest(installed=True) as guest:
        it = Seat(guest, checks=True)
        # What people leave is taken as ever; a whole check takes half a minute here, and a scan is
        # test_scan_vm's matter.
        it.run('systemctl mask -q --now caretaker-check.path caretaker-check.service caretaker-poll.path '
               'caretaker-scan.path 2>/dev/null')
        guest.write('/root/state.tar', packed(school.pc.state))
        it.run(f'tar -C {STATE} -xf /root/state.tar && {LOOK}')
        it.until(lambda: it.call('/usr/libexec/caretaker/caretaker-gate status')[0] == 0, 'the gate is shut')
        yield it


def challenge(seat, device):
    shown = json.loads(seat.run(f'cat {RUN}/phone-codes.json'))
    return next(s['challenge'] for s in shown['sticks'] if s['reference'] == device['reference'])


def read_out(school, text):
    """What the school reads back."""
    return school.json('requests', 'code', school.pc.uuid, text, '--reason', 'the assembly')['code']


def test_a_code_opens_the_stick_it_was_read_out_for_in_its_port(school, seat, tmp_path):
    stick = seat.plug(usb.storage(usb.fat(tmp_path / 'one.img'), 'PHONE-1'))
    other = seat.plug(usb.storage(usb.fat(tmp_path / 'two.img'), 'PHONE-2'))
    seat.verdict('PHONE-2', 'refused', 'not-allowed')
    refused = seat.verdict('PHONE-1', 'refused', 'not-allowed')
    seat.run(LOOK)   # as caretakerd has it looked at, some seconds later
    assert challenge(seat, refused) in seat.call('runuser -u alice -- caretaker hardware')[1]
    code = read_out(school, challenge(seat, refused))
    others = read_out(school, challenge(seat, seat.of('PHONE-2')))
    other.unplug()
    seat.until(lambda: not seat.of('PHONE-2'), 'the other one is gone')

    # Another stick's code, five times, and alice has to wait, with the good one too.  What anybody
    # else types opens the stick in its port.
    said = seat.run('types() { runuser -u $1 -- caretaker hardware code $2; echo "$1 ended $?"; }\n'
                    f'for i in 1 2 3 4 5; do types alice {others} & done; wait\n'
                    f'types alice {code}; echo "disks: $(ls -d /sys/block/sd* 2>/dev/null)"; types nobody {code}')
    before, after = said.split('disks:')
    assert before.count('alice ended 1') == 6 and before.count('try for an hour') == 1, said
    assert 'try again in' in before.splitlines()[-2], said
    assert '/sys/block' not in after and 'nobody ended 0' in after and 'opens until the end of' in after, said
    disk = seat.has_disk(stick)
    assert seat.verdict('PHONE-1', 'judging')['exception'].startswith('code-')
    seat.says_clean(seat.asked_to_scan(disk))
    seat.verdict('PHONE-1', 'read-only', 'approved-stick')
    seat.until(lambda: seat.is_open(disk), 'it is open')
    assert seat.run(f'cat /sys/block/{disk}/ro') == '1'
    assert seat.event('PHONE-1', 'storage-opened')['until'] > 0
    events = json.loads(seat.run(f'cat {STATE}/pending.json'))['events']
    assert {'phone-code-used', 'phone-code-refused'} <= {each['type'] for each in events}
