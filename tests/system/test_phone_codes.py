"""A code read out over the phone, with the real programs: what a machine without a network shows, the school
answers, and the gate is given; and what both sides have on record once it is heard again.
SPDX-License-Identifier: Apache-2.0"""
import json
import subprocess
import time
from datetime import datetime, timedelta

import pytest

from test_approval import STICK, rules, shown

POLICY = ('[policy]\nname = Sticks\n[privacy]\nusers = name\n[exceptions]\nstorage = any\nphone_code_days = 2\n'
          '[removable-storage]\nmode = enforce\nallow = none\n')
REASON = ('--reason', 'the assembly')


@pytest.fixture
def pc(site, collector):
    pc = site.enrolled(collector)
    collector.publish(POLICY)
    pc.beat()
    (pc.run_dir / 'hardware.json').write_text(shown(why='not-allowed'))
    (pc.run_dir / 'ask').mkdir(mode=0o1733)
    pc.beat()   # the school knows what policy it has
    collector.stop()
    pc.check('poll')
    return pc


def codes(pc):
    return json.loads((pc.run_dir / 'phone-codes.json').read_text())


def challenge(pc):
    return codes(pc)['sticks'][0]['challenge']


def type_code(pc, code):
    """Somebody types it, and caretaker-check, which the folder starts, looks at it."""
    typed = subprocess.Popen([pc.build / 'caretaker', '--run', pc.run_dir, '--state', pc.state, 'hardware', 'code',
                              code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while typed.poll() is None and not list((pc.run_dir / 'ask').glob('*')):
        time.sleep(0.02)
    pc.check('poll')
    out, err = typed.communicate(timeout=60)
    return typed.returncode, out + err


def sticks(pc):
    return [line.split(' ') for line in rules(pc) if line.startswith('stick ')]


def test_a_code_opens_the_stick_and_both_sides_have_it_on_record(collector, pc):
    text = challenge(pc)
    said = collector.json('requests', 'code', pc.uuid[:8], text.lower(), *REASON, '--asked', 'Ms Lee', '--approved',
                          'Mrs Hill')
    assert said['device'] == pc.uuid and said['challenge'] == text and said['day'] == datetime.now().date().isoformat()
    row, = collector.json('requests', 'codes')['codes']
    assert (row['state'], row['reason'], row['approved'], row['asked']) == ('read out', 'the assembly', 'Mrs Hill',
                                                                           'Ms Lee')
    assert 'request code' in collector.cmd('audit') and said['code'] not in collector.cmd('audit')
    assert not sticks(pc)
    code, words = type_code(pc, said['code'])
    assert code == 0 and 'K7Q2MX opens until the end of ' + said['day'] in words, words
    stick, = sticks(pc)
    end = datetime.now().replace(hour=23, minute=59, second=59, microsecond=0)
    assert stick[:5] == ['stick', STICK, str(int(end.timestamp())), 'read-only,scanned', f'code-{text}']
    # It has another challenge now, and the code is good for nothing more.
    assert challenge(pc) != text
    pc.check('poll')
    collector.start()
    pc.beat()
    row, = collector.json('requests', 'codes')['codes']
    assert (row['state'], row['what'], row['user']) == ('used', STICK, 'root')
    used, = [e for e in collector.json('device', pc.uuid)['events'] if e['type'] == 'phone-code-used']
    assert used['data']['challenge'] == text and used['data']['reference'] == 'K7Q2MX'


def test_wrong_codes_are_counted_and_the_sixth_has_to_wait(collector, pc):
    good = collector.json('requests', 'code', pc.uuid, challenge(pc), *REASON)['code']
    other = collector.json('requests', 'code', pc.uuid, '2AX1-RD73', *REASON)['code']   # of another stick
    for left in '4 tries are left', '3 tries', '2 tries', '1 try is left', 'the last try for an hour':
        code, words = type_code(pc, other)
        assert code == 1 and left in words, words
    code, words = type_code(pc, good)
    assert code == 1 and 'try again in' in words and not sticks(pc)
    collector.start()
    pc.beat()
    refused = [e for e in collector.json('device', pc.uuid)['events'] if e['type'] == 'phone-code-refused']
    assert sorted((e['data']['why'], e['count']) for e in refused) == [('too-many', 1), ('wrong', 4)]
    assert {row['state'] for row in collector.json('requests', 'codes')['codes']} == {'read out'}


def test_the_school_hears_why_it_gets_no_code(collector, pc):
    text = challenge(pc)
    slip = text[:-1] + ('0' if text[-1] != '0' else '1')
    later = (datetime.now() + timedelta(days=2)).date().isoformat()
    for args, why in (((pc.uuid, slip, *REASON), 'a typing error: a character is wrong'),
                      (('Nowhere', text, *REASON), "no device has 'Nowhere'"),
                      ((pc.uuid, text), '--reason TEXT: why it is allowed'),
                      ((pc.uuid, text, *REASON, '--until', later), 'lets a code last for 2 days, today counted'),
                      ((pc.uuid, text, *REASON, '--until', '2020-01-01'), 'that day is over'),
                      ((pc.uuid, text, *REASON, '--until', 'tomorrow'), "'tomorrow' is no day")):
        assert why in collector.cmd('requests', 'code', *args, code=1)
    assert collector.json('requests', 'codes')['codes'] == []
    tomorrow = (datetime.now() + timedelta(days=1)).date().isoformat()
    said = collector.cmd('requests', 'code', pc.uuid, text, *REASON, '--until', tomorrow)
    assert f'until the end of {tomorrow}.' in said
    code, words = type_code(pc, said.split('\n')[0])
    assert code == 0 and tomorrow in words, words


def test_who_reads_a_code_out_must_be_among_the_approvers(collector, pc):
    text = challenge(pc)
    collector.start()
    collector.publish(POLICY.replace('storage = any', 'approvers = office'))
    pc.beat()
    pc.beat()
    collector.stop()
    make = ('requests', 'code', pc.uuid, text, *REASON, '--approved', 'Mr Day')
    assert 'not admin: say whose word it is by --role' in collector.cmd(*make, code=1)
    assert collector.json('requests', 'codes')['codes'] == []
    collector.cmd(*make, '--role', 'office')
    row, = collector.json('requests', 'codes')['codes']
    assert row['approved'] == 'Mr Day (office)'


def test_a_policy_without_codes_makes_and_takes_none(collector, pc):
    text = challenge(pc)
    good = collector.json('requests', 'code', pc.uuid, text, *REASON)['code']
    collector.start()
    collector.publish(POLICY.replace('phone_code_days = 2', 'phone_code_days = 0'))
    pc.beat()
    pc.beat()
    assert not (pc.run_dir / 'phone-codes.json').exists()
    assert 'opens nothing by codes' in collector.cmd('requests', 'code', pc.uuid, text, *REASON, code=1)
    code, words = type_code(pc, good)
    assert code == 1 and 'opens nothing by codes' in words and not sticks(pc)


def test_a_key_that_was_rotated_agrees_as_well(collector, pc):
    collector.start()
    pc.check('rotate-key')
    pc.beat()   # names the successor
    pc.beat()   # signed by it
    collector.cmd('keys', 'rotate-online')
    collector.stop()   # the machine has not heard of the new online key
    pc.check('poll')
    code, words = type_code(pc, collector.json('requests', 'code', pc.uuid, challenge(pc), *REASON)['code'])
    assert code == 0, words
