# The agent against a small collector of the tests': enrolling, and whom it believes.
# SPDX-License-Identifier: Apache-2.0
import json
import socket
import threading
import time

import pytest
from agent_helpers import Machine
from minicollector import Authority, MiniCollector, new_key, rfc3339, sign


@pytest.fixture
def collector(tmp_path):
    collector = MiniCollector(tmp_path / 'collector')
    yield collector
    collector.close()


@pytest.fixture
def machine(build, tmp_path):
    return Machine(build, tmp_path / 'machine')


def test_a_machine_enrols_with_a_code_and_reports_in_full(collector, machine):
    done = machine.check('enrol', collector.code())
    assert 'is enrolled with' in done.stdout and 'Oakfield' in done.stdout
    machine.beat()
    assert [(h['seq'], h['full']) for h in collector.order] == [(1, True)]
    assert collector.order[0]['prev'] == collector.device().root
    assert not (machine.state / 'enrol.json').exists()
    status = machine.status()
    assert status['collector']['enrolment'] == 'enrolled'
    assert status['collector']['acknowledged'] == 1


def test_a_delta_follows_and_says_only_what_changed(collector, machine):
    machine.check('enrol', collector.code())
    machine.beat()
    machine.beat()
    full, delta = collector.order
    assert full['full'] and not delta['full']
    assert len(full['controls']) > 10 and len(delta['controls']) < len(full['controls'])
    assert machine.spool() == [1, 2]


def test_the_code_itself_is_not_carried(collector, machine):
    machine.check('enrol', collector.code())
    assert collector.code() not in json.dumps(collector.request)
    assert collector.secret.decode() not in json.dumps(collector.request)


def test_files_with_secrets_are_roots_alone(collector, machine):
    machine.check('enrol', collector.code())
    machine.beat()
    for path in machine.state.rglob('*'):
        assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize('text, want', [
    ('CT1-abc', 'typing error or is cut'),
    ('hello', 'CT1-'),
])
def test_a_code_with_a_slip_is_refused_before_anything_is_sent(machine, text, want):
    done = machine.check('enrol', text, code=1)
    assert want in done.stderr
    assert not (machine.state / 'device.json').exists()


def test_a_code_the_collector_does_not_know_is_said_in_its_words(collector, machine):
    done = machine.check('enrol', collector.code(secret=b'another secret!!'), code=1)
    assert 'this enrolment code is not known' in done.stderr
    assert not (machine.state / 'device.json').exists()


def test_the_same_code_twice_is_the_same_enrolment(collector, machine):
    machine.check('enrol', collector.code())
    machine.beat()
    first = machine.saved('device.json')
    machine.check('enrol', collector.code())
    machine.beat()
    assert machine.saved('device.json')['device'] == first['device']
    assert [h['seq'] for h in collector.order] == [1, 2], 'the chain goes on'


def test_an_answer_lost_on_the_way_is_asked_for_again(collector, machine):
    def lose(path, body):
        collector.enrol(body)
        raise ConnectionAbortedError

    collector.script = [lose]
    machine.check('enrol', collector.code(), code=1)
    assert not (machine.state / 'device.json').exists()
    machine.beat()
    assert machine.status()['collector']['enrolment'] == 'enrolled'
    assert len({d.uuid for d in collector.devices.values()}) == 1
    assert [h['seq'] for h in collector.order] == [1]


def test_a_machine_that_waits_goes_on_by_itself_after_the_yes(collector, machine):
    collector.waiting = True
    done = machine.check('enrol', collector.code())
    assert "waits for a technician's yes" in done.stdout
    machine.beat()
    assert machine.status()['collector']['enrolment'] == 'waiting' and not collector.order
    collector.waiting = False
    machine.beat()
    assert machine.status()['collector']['enrolment'] == 'enrolled'
    assert [h['seq'] for h in collector.order] == [1]


def test_a_proxy_that_swaps_the_keys_at_enrolment_is_found_out(collector, machine):
    """Whoever opens TLS can put its own key set and signature: the code names another."""
    evil = new_key()

    def swap(path, body):
        status, kind, _, headers = collector.enrol(body)
        keys = sign(evil, 'keys', {
            'v': 1, 'org': collector.org, 'serial': 1, 'at': rfc3339(time.time()),
            'policy': [json.loads(evil.export_public())], 'online': [json.loads(evil.export_public())],
            'cas': []})
        from minicollector import sha256_b64
        return status, kind, sign(evil, 'enrolled', {
            'v': 1, 'device': collector.device().uuid, 'request': sha256_b64(body),
            'status': 'active', 'time': collector.now(), 'org': collector.org, 'keys': keys,
            'epoch': collector.epoch, 'school': 'x', 'group': 'y'}), headers

    collector.script = [swap]
    done = machine.check('enrol', collector.code(), code=1)
    assert 'not from the collector that made the code' in done.stderr
    assert not (machine.state / 'device.json').exists()
    assert not (machine.state / 'keys.jws').exists()


def test_a_wrong_certificate_names_who_opens_tls_and_what_to_do(collector, machine, tmp_path):
    proxy = Authority(tmp_path / 'proxy', 'Smoothwall Filter CA')
    other = MiniCollector(tmp_path / 'proxy', proxy)
    try:
        code = collector.code(host=other.host)
        done = machine.check('enrol', code, code=1)
    finally:
        other.close()
    assert f"'Smoothwall Filter CA' is opening TLS: by-pass {other.host} there or set trust = system" \
        in done.stderr
    assert other.posts == 0, 'nothing was sent to it'


def test_the_system_store_is_believed_where_the_technician_says_so(collector, machine):
    machine.env['SSL_CERT_FILE'] = str(collector.authority.ca_file())
    # The uplink is given an empty environment by its parent: its own configuration is what counts.
    machine.configure('[uplink]\ntrust = system\n')
    done = machine.check('enrol', collector.code(), code=1)
    assert 'this system does not trust' in done.stderr
    machine.configure('[uplink]\ntrust = pinned\n')
    machine.check('enrol', collector.code(trust_system=True))


def test_a_server_for_another_name_is_refused(collector, machine):
    code = collector.code(host=f'localhost.localdomain:{collector.port}')
    done = machine.check('enrol', code, code=1)
    assert 'another name' in done.stderr or 'is not known here' in done.stderr


def test_a_hanging_server_costs_the_timeout_and_no_more(collector, machine):
    release = threading.Event()

    def hang(path, body):
        release.wait(30)
        return None

    collector.script = [hang]
    machine.configure('[uplink]\ntimeout_s = 5\n')
    begun = time.monotonic()
    done = machine.check('enrol', collector.code(), code=1)
    release.set()
    assert time.monotonic() - begun < 15
    assert 'did not answer in time' in done.stderr


def test_nobody_listening_is_said_plainly(collector, machine):
    with socket.socket() as unused:
        unused.bind(('127.0.0.1', 0))
        host = f'127.0.0.1:{unused.getsockname()[1]}'
        done = machine.check('enrol', collector.code(host=host), code=1)
    assert f'{host} takes no connection' in done.stderr


def test_a_captive_portal_is_recognised(collector, machine):
    collector.script = [lambda path, body: (200, 'text/html', '<h1>Welcome to Free WiFi</h1>', {})]
    done = machine.check('enrol', collector.code(), code=1)
    assert 'a log-in page of the network answered' in done.stderr
    collector.script = [lambda path, body: (302, 'text/html', '', {'Location': 'https://portal/'})]
    done = machine.check('enrol', collector.code(), code=1)
    assert 'a log-in page of the network answered' in done.stderr


def test_generalise_leaves_nothing_that_identifies(collector, machine):
    machine.check('enrol', collector.code())
    machine.beat()
    machine.check('generalise')
    left = sorted(p.relative_to(machine.state).as_posix() for p in machine.state.rglob('*')
                  if p.is_file())
    # The gate's service takes the request away.
    assert [name for name in left if name != 'reserve'] == ['gate.request', 'lock']
    machine.check('enrol', collector.code())
    assert len({d.uuid for d in collector.devices.values()}) == 2, 'a new key is a new device'


def test_a_key_found_on_other_hardware_is_left_and_announced(collector, machine):
    machine.firmware('ABC123X', '11111111-2222-4333-8444-abcdefabcdef')
    machine.check('enrol', collector.code())
    machine.beat()
    was = machine.saved('device.json')
    machine.firmware('XYZ987Q', '99999999-2222-4333-8444-abcdefabcdee')
    done = machine.beat()
    assert was['device'] in done.stderr and 'enrol this machine' in done.stderr
    assert not (machine.state / 'device.key').exists()
    machine.check('enrol', collector.code())
    machine.beat()
    moved = [e for e in collector.events('other-hardware')]
    assert [e['data'] for e in moved] == [{'was': was['device']}]


def test_a_new_mainboard_alone_keeps_the_key(collector, machine):
    machine.firmware('ABC123X', '11111111-2222-4333-8444-abcdefabcdef')
    machine.check('enrol', collector.code())
    machine.firmware('ABC123X', '99999999-2222-4333-8444-abcdefabcdee')
    machine.beat()
    assert [h['seq'] for h in collector.order] == [1]
