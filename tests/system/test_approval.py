"""From a refused stick to an approved one, with the real programs: what a person asks at the machine,
the school answers, and the gate is given.  What is plugged in is told by a file as caretakerd writes it.
SPDX-License-Identifier: Apache-2.0"""
import json
import subprocess
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from test_openapi import Api

STICK = '0951:1666:60A44C41'
POLICY = ('[policy]\nname = Sticks\n[privacy]\nusers = name\n[exceptions]\nstorage = read-only\nmax_days = 3\n'
          '[removable-storage]\nmode = enforce\nallow = approved\n')


def shown(**changes):
    device = {'reference': 'K7Q2MX', 'id': STICK, 'port': '2-1', 'kind': 'storage', 'maker': 'Kingston',
              'model': 'DataTraveler', 'verdict': 'refused', 'enforced': True, 'why': 'not-approved',
              'line': 10, 'may_ask': True}
    return json.dumps({'v': 1, 'at': 1790000000, 'storage': 'enforce', 'hardware': 'audit',
                       'rules': 'in force', 'ask': True, 'devices': [{**device, **changes}]})


def rules(pc):
    return (pc.state / 'gate.rules').read_text().splitlines()


def ask(pc, *args):
    return subprocess.run([pc.build / 'caretaker', '--run', pc.run_dir, '--state', pc.state, 'hardware', 'ask',
                           *args], capture_output=True, text=True, timeout=60)


@pytest.fixture
def pc(site, collector):
    pc = site.enrolled(collector)
    collector.publish(POLICY)
    pc.beat()
    (pc.run_dir / 'hardware.json').write_text(shown())
    (pc.run_dir / 'ask').mkdir(mode=0o1733)
    return pc


def requests(collector, *args):
    return collector.json('requests', 'list', *args)['requests']


def test_the_gate_has_its_rules_from_the_enrolment_on(site, collector):
    pc = site.machine()
    pc.check('run', '--no-ship')
    assert not (pc.state / 'gate.rules').exists(), 'nobody enrolled it: the kernel stands as it is'
    pc.check('enrol', collector.code())
    text = rules(pc)
    assert text[0] == 'caretaker-gate 1' and text[-1] == 'end'
    assert 'mode storage audit 0' in text or any(line.startswith('mode storage audit ') for line in text)
    pc.check('generalise')
    assert not (pc.state / 'gate.rules').exists()


def test_a_request_is_listed_approved_and_reaches_the_gate(site, collector, pc):
    assert not any(line.startswith('stick ') for line in rules(pc))
    assert ask(pc, 'K7Q2MX', '--reason', 'the assembly tomorrow').returncode == 0
    pc.check('poll')
    assert (pc.run_dir / 'next').read_text() == 'after 0\nsomebody waits\n'
    assert not list((pc.run_dir / 'ask').iterdir())
    row, = requests(collector)
    assert (row['reference'], row['what'], row['reason'], row['state']) == \
        ('K7Q2MX', STICK, 'the assembly tomorrow', 'open')
    assert row['user'] == 'root' and row['why'] == 'not-approved' and row['device'] == pc.uuid
    said = collector.cmd('requests', 'approve', 'K7Q2MX', '--days', '2', '--approved', 'Mrs Hill')
    assert 'approved K7Q2MX' in said
    assert not requests(collector)
    again, = requests(collector, '--all')
    assert again['state'] == 'approved' and again['exception']
    pc.check('poll')
    stick, = [line for line in rules(pc) if line.startswith('stick ')]
    words = stick.split(' ')
    assert words[1] == STICK and words[3] == 'read-only', 'no more than [exceptions] storage'
    assert words[4] == again['exception']
    assert 'request approve' in collector.cmd('audit')
    # It ends when the school ends it.
    collector.cmd('exceptions', 'end', again['exception'])
    pc.check('poll')
    assert not any(line.startswith('stick ') for line in rules(pc))


def test_a_request_is_refused_and_may_be_made_again(collector, pc):
    ask(pc, 'K7Q2MX')
    pc.check('poll')
    collector.cmd('requests', 'refuse', 'K7Q2MX', '--reason', 'use the school drive')
    assert not requests(collector)
    row, = requests(collector, '--all')
    assert row['state'] == 'refused'
    ask(pc, 'K7Q2MX', '--reason', 'it holds the music')
    pc.check('poll')
    row, = requests(collector)
    assert row['reason'] == 'it holds the music'
    pc.check('poll')
    assert not any(line.startswith('stick ') for line in rules(pc))


def test_an_answer_without_a_request_says_so(collector, pc):
    for verb in 'approve', 'refuse':
        assert "nobody waits for an answer to 'ZZZZ99'" in collector.cmd('requests', verb, 'ZZZZ99', code=1)
    ask(pc, 'K7Q2MX')
    pc.check('poll')
    assert '--open is encrypted, read-only or any' in collector.cmd('requests', 'approve', 'K7Q2MX', '--open',
                                                                   'everything', code=1)
    assert len(requests(collector)) == 1


def test_the_gate_s_events_arrive_once(collector, pc):
    event = {'n': '0123456789abcdef', 'at': 1790000000, 'type': 'storage-refused', 'count': 1,
             'enforced': True, 'reference': 'K7Q2MX', 'id': STICK, 'port': '2-1', 'kind': 'storage',
             'verdict': 'refused', 'why': 'not-approved', 'line': 10, 'user': 'root'}
    (pc.state / 'hardware').mkdir(exist_ok=True)
    (pc.state / 'hardware').chmod(0o700)
    file = pc.state / 'hardware/events.jsonl'
    file.write_text(json.dumps(event) + '\n')
    file.chmod(0o600)
    pc.check('poll')
    pc.check('poll')
    assert not file.exists()
    told = [e for e in collector.json('device', pc.uuid)['events'] if e['type'] == 'storage-refused']
    assert len(told) == 1 and told[0]['data']['id'] == STICK and told[0]['data']['user'] == 'root'


def test_the_api_lists_requests_as_it_is_described(collector, pc):
    api = Api(collector)
    assert api.get('/api/v1/requests') == {'requests': []}
    ask(pc, 'K7Q2MX', '--reason', 'the assembly')
    pc.check('poll')
    row, = api.get('/api/v1/requests?state=open')['requests']
    assert (row['reference'], row['what'], row['reason'], row['exception']) == ('K7Q2MX', STICK, 'the assembly', None)
    collector.cmd('requests', 'approve', 'K7Q2MX')
    assert api.get('/api/v1/requests?state=open')['requests'] == []
    row, = api.get('/api/v1/requests?school=Oakfield')['requests']
    assert row['state'] == 'approved' and row['exception'] and row['answered_at']
    collector.cmd('school', 'add', 'Elm')
    elm = collector.cmd('token', 'new', '--school', 'Elm', 'elm').strip()
    assert api.get('/api/v1/requests', token=elm)['requests'] == []
    assert 'look at requests' in collector.cmd('audit')


def plug_adapter(pc):
    """A USB network adapter of a vendor's own class at port 1-3, as sysfs has one; the machine's only link."""
    usb = pc.root / 'sys/devices/pci0000:00/usb1/1-3'
    (usb / '1-3:1.0/net/eth0').mkdir(parents=True)
    (usb / 'descriptors').write_bytes(bytes([
        18, 1, 0, 2, 0, 0, 0, 64, 0xda, 0x0b, 0x53, 0x81, 0, 0x30, 0, 0, 0, 1,
        9, 2, 18, 0, 1, 1, 0, 0x80, 50, 9, 4, 0, 0, 0, 0xff, 0xff, 0, 0]))
    (usb / '1-3:1.0/bInterfaceNumber').write_text('00\n')
    (usb / '1-3:1.0/authorized').write_text('1\n')
    (usb / '1-3:1.0/net/eth0/operstate').write_text('up\n')
    (usb / '1-3:1.0/net/eth0/device').symlink_to('../..')
    devices = pc.root / 'sys/bus/usb/devices'
    devices.mkdir(parents=True, exist_ok=True)
    (devices / '1-3').symlink_to(usb)
    (devices / '1-3:1.0').symlink_to(usb / '1-3:1.0')
    net = pc.root / 'sys/class/net'
    net.mkdir(parents=True, exist_ok=True)
    (net / 'eth0').symlink_to(usb / '1-3:1.0/net/eth0')


def test_a_policy_that_would_shut_the_only_network_is_refused_and_the_school_is_told(collector, pc):
    plug_adapter(pc)
    collector.publish('[policy]\nname = Shut\n[hardware]\nmode = enforce\nrefused_devices = 0bda:8153\n')
    pc.beat()
    policy = pc.status()['policy']
    assert policy['name'] == 'Sticks', 'the last good one stays'
    assert "the only network of this machine, 'eth0' at port 1-3" in policy['rejected'][0]['why']
    pc.beat()
    told, = collector.json('device', pc.uuid)['rejected']
    assert told['what'] == 'policy' and 'only network' in told['why']
    # What refuses everything else is no reason.  (Storage only looks on: where a kernel's modules.alias is
    # missing, as it may be here, a vendor's own class could be storage, and would wait.)
    collector.publish('[policy]\nname = Strict\n[hardware]\nmode = enforce\nrefused_devices = 1234:*\n'
                      'refused_classes = modem, phone, game\n[removable-storage]\nmode = audit\nallow = none\n')
    pc.beat()
    assert pc.status()['policy']['name'] == 'Strict' and not pc.status()['policy']['rejected']


def ask_for(pc):
    assert ask(pc, 'K7Q2MX').returncode == 0
    pc.check('poll')


def test_the_office_opens_a_stick_scanned_and_read_only_until_the_end_of_the_day(collector, pc):
    ask_for(pc)
    collector.config.write_text(collector.config.read_text().replace(
        '[collector]\n', '[collector]\ntime_zone = Pacific/Auckland\n'))
    said = collector.cmd('requests', 'approve', 'K7Q2MX', '--scanned', '--read-only', '--until-end-of-day')
    there = ZoneInfo('Pacific/Auckland')
    end = datetime.now(there).replace(hour=23, minute=59, second=59, microsecond=0)
    assert f'until {end:%H:%M on %A}' in said and 'read-only scanned, exception' in said
    pc.check('poll')
    stick, = [line for line in rules(pc) if line.startswith('stick ')]
    assert stick.split(' ')[:4] == ['stick', STICK, str(int(end.timestamp())), 'read-only,scanned']


def test_a_grant_says_what_it_opens_in_words_that_go_together(collector, pc):
    ask_for(pc)
    approve = ('requests', 'approve', 'K7Q2MX')
    for args, why in (
            (('--open', 'any', '--read-only'), '--open any and --read-only do not go together'),
            (('--days', '1', '--until-end-of-day'), 'not two of them')):
        assert why in collector.cmd(*approve, *args, code=1)
    collector.config.write_text(collector.config.read_text().replace(
        '[collector]\n', '[collector]\ntime_zone = Europe/Londn\n'))
    assert "no zone 'Europe/Londn'" in collector.cmd(*approve, '--until-end-of-day', code=1)
    collector.config.write_text(collector.config.read_text().replace('Londn', 'London'))
    add = ('exceptions', 'add', 'removable-storage', '--school', 'Oakfield', '--reason', 'r', '--asked', 'a',
           '--approved', 'b', '--days', '1', '--what')
    assert 'and after it what it opens' in collector.cmd(*add, f'{STICK} readonly', code=1)
    collector.cmd(*approve, '--open', 'encrypted', '--read-only', '--scanned')
    pc.check('poll')
    stick, = [line for line in rules(pc) if line.startswith('stick ')]
    assert stick.split(' ')[3] == 'encrypted,read-only,scanned'


def test_who_grants_must_be_among_the_approvers_that_the_policy_names(collector, pc):
    ask_for(pc)
    approve = ('requests', 'approve', 'K7Q2MX', '--approved', 'Mrs Hill')
    add = ('exceptions', 'add', 'removable-storage', '--school', 'Oakfield', '--reason', 'r', '--asked', 'a',
           '--approved', 'b', '--days', '2')
    collector.publish(POLICY.replace('max_days = 3\n', 'approvers = approver, office\n'))
    for command in approve, add:
        for role, who in (((), 'admin'), (('--role', 'technician'), 'technician')):
            assert (f"[exceptions] approvers of policy 'Sticks' (line 7) lets approver, office grant an exception, "
                    f'not {who}: say whose word it is by --role') in collector.cmd(*command, *role, code=1)
        assert "--role 'head': expected approver" in collector.cmd(*command, '--role', 'head', code=1)
        assert "office_max_days of policy 'Sticks' is 1: the office grants nothing for longer" in \
            collector.cmd(*command, '--role', 'office', *(('--days', '2') if command is approve else ()), code=1)
    assert collector.json('exceptions', 'list')['exceptions'] == []
    assert requests(collector)[0]['state'] == 'open'
    office = ('--role', 'office', '--until-end-of-day')
    for opened in (), ('--read-only',), ('--scanned', '--open', 'encrypted'):
        assert 'the office opens media scanned and read-only' in collector.cmd(*approve, *office, *opened, code=1)
    collector.cmd(*approve, *office, '--scanned', '--read-only')
    row, = collector.json('exceptions', 'list')['exceptions']
    assert row['approved'] == 'Mrs Hill (office)'
    collector.cmd(*add, '--role', 'approver')
    # The built-in default names somebody too, but nobody decided that: whoever may run the command may grant.
    collector.publish(POLICY)
    collector.cmd(*add)
