# The inventory's body: asked for, signed, carried, kept, and what is refused.
# SPDX-License-Identifier: Apache-2.0
import json
import time

import pytest

import relay
from minicollector import new_key, rfc3339, sha256_b64
from wire_device import Device, post, sign_raw

STATUS = """Package: {name}
Status: install ok installed
Architecture: amd64
Version: {version}
Maintainer: Nobody <nobody@example.invalid>
Description: a program

"""
BODY = {'v': 1, 'software': {'dpkg': [['bash', '5.2', 'GPL-3+', 'Debian'],
                                      ['vlc', '3.0', 'GPL-2+', 'Debian']],
                             'pip': [['vlc', '9', 'LGPL-2.1+', 'home']]}, 'hardware': None}


def install(machine, **programs):
    root = machine.root
    (root / 'var/lib/dpkg').mkdir(parents=True, exist_ok=True)
    (root / 'var/lib/dpkg/status').write_text(''.join(
        STATUS.format(name=name, version=version) for name, version in programs.items()))


def text_of(body):
    return json.dumps(body, separators=(',', ':'))


def signed(sender, text, key=None, zip_=True, **change):
    """An inventory's JWS over the body 'text', with members changed as told."""
    members = {'v': 1, 'device': sender.uuid, 'at': rfc3339(time.time()),
               'sha256': sha256_b64(text), **change}
    payload = json.dumps(members, separators=(',', ':'))[:-1] + ',"inventory":' + text + '}'
    return sign_raw(key or sender.key, 'inventory', payload.encode(), zip_)


def kept(collector, uuid):
    return collector.query('SELECT i.* FROM inventory i JOIN device d ON d.id = i.device '
                           'WHERE d.uuid = ?', uuid)


@pytest.fixture
def device(collector):
    device = Device(collector)
    assert device.enrol().status == 200
    ack = device.ack(device.beat(inventory=sha256_b64(text_of(BODY))))
    assert ack['need_inventory'] is True
    return device


def test_the_agent_sends_its_inventory_when_asked_and_once(site, collector):
    machine = site.machine('pc')
    install(machine, bash='5.2-1', vlc='3.0-1')
    machine.check('enrol', collector.code())
    machine.uuid = machine.saved('device.json')['device']
    assert 'inventory' not in machine.beat().stderr
    assert not (machine.state / 'cache/inventory.wanted').exists()
    (row,) = kept(collector, machine.uuid)
    own = (machine.state / 'cache/inventory.json').read_text()
    assert collector.cmd('device', machine.uuid, '--inventory') == own + '\n'
    names = {p['name']: p for p in collector.json('inventory')['software']}
    assert names['vlc']['devices'] == 1 and names['vlc']['versions'] == 1
    machine.beat('--full')
    assert kept(collector, machine.uuid)[0]['received_at'] == row['received_at']
    assert kept(collector, machine.uuid)[0]['jws'] == row['jws'], 'it was not asked for again'

    install(machine, bash='5.2-1', gimp='2.10')
    machine.beat()
    assert {p['name'] for p in collector.json('inventory')['software']} == {'bash', 'gimp'}
    assert collector.json('inventory', '--program', 'vlc')['installed'] == []
    # What nobody has any longer leaves no row; what stayed kept its own.
    assert [tuple(r) for r in collector.query('SELECT name, version FROM software ORDER BY name')] \
        == [('bash', '5.2-1'), ('gimp', '2.10')]
    assert collector.cmd('check')


def test_a_lost_request_and_a_lost_answer_change_nothing(site, collector):
    proxy = relay.with_certificate_of(collector)
    try:
        machine = site.machine('pc')
        install(machine, bash='5.2-1')
        machine.check('enrol', collector.code(host=f'localhost:{proxy.port}'))
        uuid = machine.saved('device.json')['device']

        def request_lost(passage):
            assert passage.path != '/v1/inventory', 'the connection ends here'
            return passage.request

        def answer_lost(passage):
            return None if passage.path == '/v1/inventory' else passage.answer
        for on_request, on_answer, arrived in ((request_lost, None, 0), (None, answer_lost, 1)):
            proxy.on_request, proxy.on_answer = on_request, on_answer
            done = machine.beat()
            assert 'the inventory was not delivered' in done.stderr, done.stderr
            assert len(kept(collector, uuid)) == arrived
            assert (machine.state / 'cache/inventory.wanted').exists()
        before = kept(collector, uuid)[0]
        proxy.on_request = proxy.on_answer = None
        assert 'inventory' not in machine.beat().stderr
        assert not (machine.state / 'cache/inventory.wanted').exists()
        assert tuple(kept(collector, uuid)[0]) == tuple(before)
    finally:
        proxy.close()


def test_software_is_listed_with_its_licences_by_how_many_devices_have_it(collector, device):
    other = Device(collector, name='other')
    assert other.enrol().status == 200
    body = text_of({**BODY, 'software': {'dpkg': BODY['software']['dpkg'][:1]}})
    other.ack(other.beat(inventory=sha256_b64(body)))
    assert post(collector, '/v1/inventory', signed(other, body)).status == 204
    assert post(collector, '/v1/inventory', signed(device, text_of(BODY))).status == 204
    rows = [(p['devices'], p['name'], p['kind'], p['licence'])
            for p in collector.json('inventory')['software']]
    assert rows == [(2, 'bash', 'dpkg', 'GPL-3+'), (1, 'vlc', 'dpkg', 'GPL-2+'),
                    (1, 'vlc', 'pip', 'LGPL-2.1+')]
    holders = collector.json('inventory', '--program', 'VL?')['installed']
    assert [(h['version'], h['licence'], h['device']) for h in holders] == \
        [('3.0', 'GPL-2+', device.uuid), ('9', 'LGPL-2.1+', device.uuid)]
    collector.cmd('school', 'add', 'Elm')
    assert collector.json('inventory', '--school', 'Elm')['software'] == []
    assert device.ack(device.beat(inventory=sha256_b64(text_of(BODY)))).get('need_inventory') is None
    collector.cmd('device', 'erase', device.uuid, '--yes')
    assert kept(collector, device.uuid) == []
    assert len(collector.json('inventory')['software']) == 1
    assert [tuple(r) for r in collector.query('SELECT name FROM software')] == [('bash',)]


def test_the_same_inventory_twice_is_one_and_an_older_one_does_not_come_back(collector, device):
    first = signed(device, text_of(BODY))
    assert post(collector, '/v1/inventory', first).status == 204
    assert post(collector, '/v1/inventory', first).status == 204
    newer = text_of({**BODY, 'software': {}})
    assert device.ack(device.beat(inventory=sha256_b64(newer)))['need_inventory'] is True
    answer = post(collector, '/v1/inventory', first)
    assert (answer.status, answer.problem_name) == (409, 'stale-inventory')
    assert post(collector, '/v1/inventory', signed(device, newer)).status == 204
    assert collector.json('inventory')['software'] == []


def test_what_is_not_the_devices_own_whole_inventory_is_refused(collector, device):
    body = text_of(BODY)
    other = Device(collector, name='other')
    assert other.enrol().status == 200
    head, payload, _ = signed(device, body).split('.')
    bomb = '{"v":1,"software":null,"hardware":{"x":"' + 'a' * (3 << 20) + '"}}'
    tall = text_of({**BODY, 'software': {'dpkg': [['a' * 256, '1', 'x', 'y']]}})
    short = text_of({**BODY, 'software': {'dpkg': [['a', '1', 'x']]}})
    deep = '{"v":1,"software":null,"hardware":' + '[' * 40 + ']' * 40 + '}'
    cases = [
        (f'{head}.{payload}.{signed(device, "{}").split(".")[2]}', 403, 'bad-signature'),
        (signed(device, body, key=new_key()), 403, 'unknown-device'),
        (signed(other, body, device=device.uuid), 403, 'other-device'),
        (signed(device, body, sha256=sha256_b64('x')), 400, 'bad-inventory'),
        (signed(device, bomb), 400, 'bad-inventory'),
        (signed(device, tall), 400, 'bad-inventory'),
        (signed(device, short), 400, 'bad-inventory'),
        (signed(device, deep), 400, 'bad-inventory'),
        (signed(device, '[]'), 400, 'bad-inventory'),
        (device.beat(advance=False), 400, 'bad-inventory'),
        ('x' * (256 * 1024 + 1), 413, None),
        ('', 400, None),
    ]
    for text, status, name in cases:
        answer = post(collector, '/v1/inventory', text)
        assert answer.status == status, (text[:60], answer.status, answer.body)
        assert name is None or answer.problem_name == name, answer.body
    assert kept(collector, device.uuid) == [] and kept(collector, other.uuid) == []
    collector.cmd('device', 'revoke', device.uuid, '--why', 'lost')
    answer = post(collector, '/v1/inventory', signed(device, body))
    assert (answer.status, answer.problem_name) == (403, 'device-revoked')
    assert kept(collector, device.uuid) == []
