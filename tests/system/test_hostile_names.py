"""What a device, the network or a spreadsheet calls itself reaches a terminal and a log only as text:
no control characters, nothing that turns the writing round, no line that looks like ours.
SPDX-License-Identifier: Apache-2.0"""
import http.client
import json
import re
import subprocess
import time

import pytest

from agent_helpers import Machine
from minicollector import MiniCollector, b64, rfc3339, sha256_b64, unb64
from test_agent_cli import caretaker, write_status
from wire_device import Device, connect, post, sign_raw

# Clears the screen, sets the title, rings; C1's one-character CSI; overrides, isolates and marks of
# direction; two line ends that are no '\n'; a line of a log of ours.
EVIL = ('\x1b[2J\u009b31m\u202elive\r\n\u2066\u200f\u061c\ufeff\u2028\x7f\x1b]0;owned\x07\n'
        'caretaker-collector: error: not ours')
UNFIT = re.compile('[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]')
HUGE = 'A' * 65536


def evil(name, size=200):
    """Names its place, so that a finding says where it came from."""
    return (name + EVIL).encode()[:size].decode('utf-8', 'ignore')


def fit(data, where):
    """Refuses what must not reach a terminal; returns the text."""
    text = data.decode('utf-8', 'strict')
    found = UNFIT.search(text)
    assert not found, f'{where}: {ascii(text[max(0, found.start() - 60):found.end() + 30])}'
    assert 'caretaker-collector: error: not ours' not in text.splitlines(), where
    return text


# --- the collector ---

def told(collector, *args, codes=(0,)):
    done = subprocess.run(collector.argv(*args), capture_output=True, stdin=subprocess.DEVNULL,
                          timeout=120, env=collector.env)
    where = ' '.join(map(ascii, args))
    assert done.returncode in codes, f'{where}: {done.returncode} {done.stdout}{done.stderr}'
    return fit(done.stdout, where) + fit(done.stderr, where)


def hostile_device(collector):
    """Everything that a device may say in its own words, said in the worst."""
    device = Device(collector, name=evil('name', 60), serial=evil('serial', 60))
    hardware = {key: evil(key, 39) for key in ('serial', 'uuid', 'board', 'vendor', 'model')}
    answer = device.enrol(hardware=hardware, agent=evil('agent', 31))
    assert answer.status == 200, answer.body
    body = {'v': 1, 'software': {'dpkg': [[evil(c, 90) for c in ('program', '1', 'licence', 'from')]]},
            'hardware': {'model': EVIL}}
    names = [evil(f'item{i}') for i in range(3)]
    controls = [{'id': i, 'mode': 'audit', 'verdict': 'fail', 'why': why,
                 'since': '2026-11-01T08:00:00Z', 'evidence': evidence} for i, why, evidence in (
        ('software', 'banned', {'banned': names, EVIL: EVIL}),
        ('hardware', 'not-approved', {'devices': [{'name': n} for n in names]}),
        ('firewall', 'accepts-all', {'product': EVIL}),
        ('updates', 'cannot-tell', {'message': EVIL}),
        ('tamper', 'clock-back', {'back_s': EVIL}),
        ('of-a-newer-agent', 'newer-still', {'x': EVIL}))]
    text = json.dumps(body)
    ack = device.ack(device.beat(
        controls=controls, agent=evil('agent', 31), inventory=sha256_b64(text),
        policy={'name': evil('policy', 60), 'serial': 0},
        rejected=[{'serial': 9, 'what': 'policy', 'why': evil('why', 190)}],
        events=[{'id': 1, 'at': rfc3339(time.time()), 'type': 'virus-found',
                 'data': {'path': EVIL, EVIL: [EVIL]}}]))
    assert not ack['refused'], ack
    payload = json.dumps({'v': 1, 'device': device.uuid, 'at': rfc3339(time.time()),
                          'sha256': sha256_b64(text)})[:-1] + ',"inventory":' + text + '}'
    answer = post(collector, '/v1/inventory', sign_raw(device.key, 'inventory', payload.encode()))
    assert answer.status == 204, answer.body
    return device


def hostile_school(collector):
    """The same of what people and spreadsheets call things."""
    for kind in ('school', 'group', 'room'):
        told(collector, kind, 'add', evil(kind, 60), codes=(1,))
    told(collector, 'room', 'add', 'ICT', '--names', evil('pattern', 60), codes=(0, 1))
    told(collector, 'code', 'new', '--school', 'Oakfield', '--note', evil('note', 60),
         '--host', f'localhost:{collector.port}')
    told(collector, 'token', 'new', evil('token', 40))
    word = EVIL.split('\r', maxsplit=1)[0]
    sheets = (b'serial,room,name\n' + f'"s{word}","r{word}","n{word}"\n'.encode(),
              ('serial,room\n"' + EVIL + '","' + EVIL + '"\n').encode(),
              b'serial,room\n\xff\xfe\x80,\xc3\x28\n', (EVIL + ',' + HUGE + '\n').encode(),
              ('serial,room\n' + HUGE + ',' + HUGE + '\n').encode())
    for i, sheet in enumerate(sheets):
        path = collector.folder / f'sheet{i}{word}.csv'
        path.write_bytes(sheet)
        for command in (['room', 'import'], ['preregister']):
            told(collector, *command, path, codes=(1,))
    policy = collector.folder / f'evil{word}.ini'
    policy.write_bytes(b'[policy]\nname = ' + word.encode() + b'\n[\x1b[2J]\n\xff = \x9b\n')
    told(collector, 'policy', 'lint', policy, codes=(1,))
    policy.write_bytes(b'[policy]\nname = x\n')
    told(collector, 'policy', 'lint', policy)


def lists(device):
    return (['devices'], ['device', device.uuid], ['rollup'], ['rollup', '--by', 'control'],
            ['rollup', '--by', 'room'], ['rollup', '--by', 'group'], ['worklist'], ['inventory'],
            ['inventory', '--program', '*'], ['school', 'list'], ['group', 'list'],
            ['room', 'list'], ['code', 'list'], ['waiting', 'list'], ['adopt', 'list'],
            ['exceptions', 'list'], ['token', 'list'], ['policy', 'list'], ['keys', 'list'],
            ['audit'])


def test_no_word_of_a_device_or_a_spreadsheet_steers_the_technicians_terminal(collector):
    device = hostile_device(collector)
    hostile_school(collector)
    collector.cmd('exceptions', 'add', 'software', '--device', device.uuid, '--what', 'x',
                  '--reason', evil('reason', 60), '--asked', evil('asked', 30), '--approved',
                  evil('approved', 30), '--days', 1)
    for args in lists(device):
        told(collector, *args)
        json.loads(told(collector, '--json', *args))
    json.loads(told(collector, 'device', device.uuid, '--inventory'))
    told(collector, 'export', device.uuid)
    said = told(collector, 'device', device.uuid)
    assert 'name\ufffd[2J' in said and 'item0\ufffd' in said, 'it is shown, cleaned'
    told(collector, 'device', 'revoke', device.uuid, '--why', evil('why', 60))
    told(collector, 'device', device.uuid)
    told(collector, 'device', 'erase', device.uuid, codes=(1,))
    for word in (EVIL, HUGE, '\x1b[2J'):
        told(collector, 'device', word, codes=(1,))
        told(collector, 'rollup', '--school', word, codes=(1,))
        told(collector, 'rollup', '--by', word, codes=(1, 2))


def test_names_of_any_length_are_refused_whole_and_bytes_that_are_no_text_too(collector):
    for change in ({'name': HUGE}, {'agent': HUGE}, {'hardware': {'serial': HUGE}}):
        answer = Device(collector).enrol(**change)
        assert answer.status in (400, 413), answer.status
        fit(answer.body, 'refusal')
    device = Device(collector)
    assert device.enrol().status == 200
    payload = json.dumps(device.payload()).encode()
    for bad in (b'\xff', b'\xc3(', b'\xed\xa0\x80', b'\xc0\xaf', b'\xf4\x90\x80\x80', b'\x00'):
        sent = sign_raw(device.key, 'heartbeat', payload.replace(b'"agent": "0.1.0"',
                                                                 b'"agent": "' + bad + b'"'))
        (refused,) = device.ack(sent)['refused']
        fit(refused['why'].encode(), 'refusal')
    told(collector, 'devices')


def test_nothing_that_comes_over_the_wire_reaches_the_log_raw(collector):
    device = hostile_device(collector)
    raw = EVIL.encode()
    for request in (b'GET /' + raw.replace(b'\r\n', b'') + b' HTTP/1.1\r\n\r\n',
                    b'POST /v1/heartbeats HTTP/1.1\r\nHost: \x1b[2J\r\n'
                    b'Content-Type: \xc2\x9b\x1b]0;x\x07\r\nContent-Length: 3\r\n\r\n\x1b[2',
                    b'\x1b[2J\xff\xfe \x9b \x9b\r\n\r\n',
                    b'GET /v1/' + HUGE.encode() + b' HTTP/1.1\r\nHost: x\r\n\r\n'):
        with connect(collector) as tls:
            try:
                tls.sendall(request)
                answer = tls.recv(65536)
            except OSError:      # hung up on: as good an answer
                continue
            fit(answer.replace(b'\r', b''), 'answer')
    post(collector, '/v1/heartbeats', device.beat(advance=False).replace('.', '..', 1))
    for member in ('alg', 'typ', 'kid'):
        post(collector, '/v1/heartbeats', sign_evil(device, {member: EVIL}))
    assert collector.stop() == 0
    log = fit(collector.log.read_bytes(), 'log')
    assert 'caretaker-collector' in log


def sign_evil(device, header):
    head, payload, signature = device.beat(advance=False).split('.')
    members = {**json.loads(unb64(head)), **header}
    return '.'.join((b64(json.dumps(members).encode()), payload, signature))


def test_the_peoples_interface_escapes_it(collector):
    device = hostile_device(collector)
    token = collector.cmd('token', 'new', 'x').strip()
    for path in ('/api/v1/devices', f'/api/v1/devices/{device.uuid}', '/api/v1/rollup',
                 '/api/v1/rollup?by=control', '/metrics'):
        connection = http.client.HTTPConnection('localhost', collector.people, timeout=30)
        connection.request('GET', path, headers={'Authorization': f'Bearer {token}'})
        answer = connection.getresponse()
        assert answer.status == 200, path
        fit(answer.read(), path)
        connection.close()


# --- the machine ---

@pytest.fixture
def machine(build, tmp_path):
    return Machine(build, tmp_path / 'machine')


def test_status_and_explain_show_text_only(machine):
    write_status(machine, ('firewall', 'fail', None), ('updates', 'unknown', None))
    path = machine.run_dir / 'status.json'
    status = json.loads(path.read_text())
    for control in status['controls']:
        control.update(wrong=evil('wrong'), todo=evil('todo'), mode=EVIL, since=EVIL, due_at=EVIL,
                       until=EVIL)
    status['controls'].append({**status['controls'][0], 'id': EVIL, 'verdict': EVIL})
    status['collector'] = {key: evil(key) for key in ('enrolment', 'host', 'school', 'trouble')}
    status['policy']['name'] = evil('policy')
    for version in (1, EVIL):
        status['v'] = version
        for ascii_ in (True, False):      # as written by us, and by whoever got at the file
            path.write_text(json.dumps(status, ensure_ascii=ascii_))
            for args in (['status'], ['status', '--json'], ['explain', 'firewall'],
                         ['explain', 'updates'], ['explain', EVIL]):
                done = caretaker(machine, *args)
                fit((done.stdout + done.stderr).encode(), f'{args[0]} {version!r}')
    path.write_bytes(b'{"v":1,"\x1b[2J\xff":')
    done = caretaker(machine, 'status')
    fit((done.stdout + done.stderr).encode(), 'damaged')


def test_verify_shows_text_only(machine, collector, tmp_path):
    device = hostile_device(collector)
    chain = tmp_path / 'chain\x1b[2J\u202e.jws'
    lines = [device.beat(), sign_evil(device, {'kid': EVIL}), sign_evil(device, {'typ': EVIL}), EVIL,
             json.dumps({'seq': EVIL, 'hash': EVIL, EVIL: 1}), '{"\x1b[2J', '{' + HUGE]
    chain.write_text('\n'.join(lines))
    key = tmp_path / 'key\x1b[2J'
    key.write_text(json.dumps({'kty': EVIL, EVIL: 1}, ensure_ascii=False))
    for args in (['verify', chain], ['verify', '--json', chain], ['verify', '--key', key, chain],
                 ['verify', '--ca', chain, chain], ['verify', key], ['verify', tmp_path / EVIL[:5]],
                 ['policy', 'lint', chain, key]):
        done = caretaker(machine, *args)
        assert done.returncode in (1, 2)
        fit((done.stdout + done.stderr).encode(), ' '.join(map(ascii, args)))


def test_what_the_collector_says_does_not_steer_the_machine(machine, tmp_path):
    collector = MiniCollector(tmp_path / 'collector')
    collector.school = evil('school', 60)
    try:
        done = caretaker(machine, 'enrol', collector.code())
        assert done.returncode == 0, done.stderr
        fit((done.stdout + done.stderr).encode(), 'enrol')
        collector.script = [lambda path, body: collector.problem(503, EVIL, evil('problem', 900))] * 2
        done = machine.beat()
        fit((done.stdout + done.stderr).encode(), 'log')
        done = caretaker(machine, 'status')
        fit((done.stdout + done.stderr).encode(), 'status')
        collector.refuse = lambda payload: evil('refused', 150)
        done = machine.beat()
        fit((done.stdout + done.stderr).encode(), 'log')
        done = caretaker(machine, 'status')
        fit((done.stdout + done.stderr).encode(), 'status')
    finally:
        collector.close()
