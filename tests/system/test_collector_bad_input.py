"""Bad input to the collector: for each, what the sender is told, what is recorded, and that nothing
that was acknowledged is lost.
SPDX-License-Identifier: Apache-2.0"""
import json
import socket
import time

import pytest

from minicollector import new_key, public, rfc3339, sha256_b64, unb64
from wire_device import CONTROL, Device, connect, post, seqs, sign_raw


def event_types(collector, device):
    return [row['type'] for row in collector.events(device.uuid)]


# --- one heartbeat ---

def test_a_wrong_signature_is_refused_and_nothing_recorded(collector, device):
    text = device.beat(advance=False)
    head, payload, _ = text.split('.')
    other = device.beat(advance=False, controls=[]).split('.')[2]
    answer = device.send(f'{head}.{payload}.{other}')
    assert (answer.status, answer.problem_name) == (403, 'bad-signature')
    assert answer.problem['detail'] == 'the signature does not hold'
    assert seqs(collector, device) == [1, 2]
    device.ack(text)


def test_an_unknown_key_is_told_so(collector, device):
    stranger = new_key()
    answer = device.send(device.beat(key=stranger, advance=False))
    assert (answer.status, answer.problem_name) == (403, 'unknown-device')
    assert 'enrol it' in answer.problem['title']
    assert seqs(collector, device) == [1, 2]


def test_a_revoked_device_is_told_so_and_its_past_stays(collector, device):
    collector.cmd('device', 'revoke', device.uuid, '--why', 'stolen')
    answer = device.send(device.beat())
    assert (answer.status, answer.problem_name) == (403, 'device-revoked')
    assert seqs(collector, device) == [1, 2]
    again = device.enrol()
    assert (again.status, again.problem_name) == (403, 'device-revoked')


def test_another_devices_heartbeat_is_refused(collector, device):
    other = Device(collector)
    other.enrol()
    # Signed by this device's key, naming the other.
    ack = device.ack(device.beat(device=other.uuid, advance=False))
    (refused,) = ack['refused']
    assert (refused['i'], refused['seq'], refused['why']) == \
        (0, 3, 'it names another device than the one whose key signed it')
    # In one request with another's: it is that one's request.
    ack = device.ack(device.beat(), other.beat(advance=False))
    assert ack['acked'] == 3
    (refused,) = ack['refused']
    assert (refused['i'], refused['why']) == \
        (1, "it is another device's: a request carries those of one")
    assert seqs(collector, other) == []
    assert seqs(collector, device) == [1, 2, 3]


def test_a_replay_is_acknowledged_again_and_counted_once(collector, device):
    text = device.beat(events=[{'id': 5, 'at': rfc3339(time.time()), 'type': 'virus-found'}])
    first, second = device.ack(text), device.ack(text)
    assert (first['acked'], first['head']) == (second['acked'], second['head']) == \
        (3, sha256_b64(text))
    assert seqs(collector, device) == [1, 2, 3]
    assert event_types(collector, device).count('virus-found') == 1


def test_an_acknowledgement_lost_after_the_commit_changes_nothing(collector, device):
    text = device.beat()
    with connect(collector) as tls:
        tls.sendall(b'POST /v1/heartbeats HTTP/1.1\r\nHost: localhost\r\n'
                    b'Content-Type: application/jose\r\nContent-Length: %d\r\n\r\n' % len(text)
                    + text.encode())
        # Gone before the answer is read.
        tls.shutdown(socket.SHUT_RDWR)
    ack = device.ack(text)
    assert (ack['acked'], ack['head'], ack['refused']) == (3, sha256_b64(text), [])
    assert seqs(collector, device) == [1, 2, 3]


def test_a_gap_is_recorded_and_closed_when_the_missing_come(collector, device):
    missing, late = device.beat(), device.beat()
    ack = device.ack(late)
    assert (ack['acked'], ack['refused']) == (4, [])
    assert event_types(collector, device) == ['chain-gap']
    ack = device.ack(missing)
    assert (ack['acked'], ack['head']) == (4, sha256_b64(late))
    assert event_types(collector, device) == ['chain-gap', 'chain-joined']
    assert seqs(collector, device) == [1, 2, 3, 4]


def test_a_rewound_device_is_told_its_true_head_and_goes_on(collector, device):
    snapshot = device.saved()
    trunk = device.beat()
    device.ack(trunk)
    device.restore(snapshot)
    ack = device.ack(device.beat())
    assert ack['trunk'] == {'seq': 3, 'head': sha256_b64(trunk)}
    assert event_types(collector, device) == ['chain-rewind']
    device.restore((3, sha256_b64(trunk)))
    ack = device.ack(device.beat(events=[{'id': 1, 'at': rfc3339(time.time()), 'type': 'rewound'}]))
    assert ack['acked'] == 4 and 'trunk' not in ack
    assert event_types(collector, device) == ['chain-rewind', 'rewound']
    assert seqs(collector, device) == [1, 2, 3, 3, 4]


def test_two_machines_with_one_key_are_reported_as_a_fork(collector, device):
    image, first_boot = device.saved(), device.boot
    device.ack(device.beat())
    original = device.saved()
    device.restore(image)
    device.boot = '11111111-2222-4333-8444-555555555555'
    device.ack(device.beat())
    device.restore(original)
    device.boot = first_boot
    device.ack(device.beat())
    assert event_types(collector, device) == ['chain-rewind', 'chain-fork']
    assert seqs(collector, device) == [1, 2, 3, 3, 4]


def test_two_machines_with_one_key_fill_a_row_a_day_not_one_a_heartbeat(collector, device):
    """Each is told the other's end, goes on from there and says so: for ever."""
    say = lambda n: [{'id': n, 'at': rfc3339(time.time()), 'type': 'rewound', 'data': {}}]
    for n in range(1, 4):
        behind = device.saved()
        device.ack(device.beat(events=say(n)))
        ahead = device.saved()
        device.restore(behind)
        device.ack(device.beat(events=say(n + 10)))
        device.restore(ahead)
    rows = [(e['type'], e['count']) for e in collector.events(device.uuid)]
    assert rows.count(('rewound', 6)) == 1 and rows.count(('chain-rewind', 3)) == 1, rows
    collector.cmd('check')


def test_a_delta_over_what_we_lack_is_stored_and_a_full_one_asked_for(collector, device):
    device.beat()
    ack = device.ack(device.beat(full=False))
    assert (ack['acked'], ack['need']) == (4, 'full')
    ack = device.ack(device.beat(full=True))
    assert 'need' not in ack


@pytest.mark.parametrize('data, why', [
    (b'{"v":1', 'ends in the middle'),
    (b'[' * 100 + b']' * 100, 'deep'),
    (b'{"v":1}', "member 'device'"),
    (b'\xff', ''),
    (b'{"v":1,"v":1}', 'twice'),
])
def test_json_that_is_none_or_too_deep_is_refused_by_name(collector, device, data, why):
    good = device.beat(advance=False)
    ack = device.ack(sign_raw(device.key, 'heartbeat', data, True, 1))
    (refused,) = ack['refused']
    assert refused['i'] == 0 and refused['why']
    assert ack['acked'] == 2
    device.ack(good)
    assert seqs(collector, device) == [1, 2, 3]


def test_an_oversized_heartbeat_is_refused(collector, device):
    big = [{**CONTROL, 'id': f'c{i}', 'evidence': {'x': 'y' * 16000}} for i in range(20)]
    text = device.beat(zip_=False, controls=big, advance=False)
    assert len(text) > 256 * 1024
    answer = device.send(text)
    assert (answer.status, answer.problem_name) == (400, 'bad-heartbeat')
    assert 'at most 262144' in answer.problem['detail']
    answer = device.send('x' * (1024 * 1024 + 1))
    assert (answer.status, answer.problem_name) == (413, 'too-large')
    assert seqs(collector, device) == [1, 2]


def test_a_deflate_bomb_is_never_inflated_past_its_bound(collector, device):
    bomb = sign_raw(device.key, 'heartbeat', b' ' * (100 << 20), True)
    assert len(bomb) < 256 * 1024
    before = memory_of(collector)
    ack = device.ack(bomb)
    assert 'more than 2097152 bytes' in ack['refused'][0]['why']
    assert memory_of(collector) - before < 16 << 10
    # Unsigned it is not inflated at all.
    head, payload, _ = bomb.split('.')
    answer = device.send(f'{head}.{payload}.{"A" * 86}')
    assert answer.problem_name == 'bad-signature'


def memory_of(collector):
    for line in open(f'/proc/{collector.process.pid}/status'):
        if line.startswith('VmHWM:'):
            return int(line.split()[1])
    raise AssertionError('no VmHWM')


@pytest.mark.parametrize('cut', [0, 1, 40, 200, -1, -43])
def test_a_truncated_jws_is_no_jws(collector, device, cut):
    text = device.beat(advance=False)
    answer = device.send(text[:cut])
    assert answer.status in (400, 403) and answer.problem
    assert seqs(collector, device) == [1, 2]


def test_one_bad_heartbeat_among_good_ones_is_named_and_the_good_are_stored(collector, device):
    good = [device.beat() for _ in range(3)]
    bad = 'e30.e30.' + 'A' * 86
    ack = device.ack(good[0], bad, good[1], good[2])
    assert ack['acked'] == 5
    (refused,) = ack['refused']
    assert refused['i'] == 1 and 'JWS header' in refused['why'] and 'seq' not in refused
    assert seqs(collector, device) == [1, 2, 3, 4, 5]


def test_more_than_64_in_a_request_are_too_many(collector, device):
    saved = device.saved()
    texts = [device.beat() for _ in range(65)]
    answer = device.send(*texts)
    assert (answer.status, answer.problem_name) == (413, 'too-many')
    assert seqs(collector, device) == [1, 2]
    ack = device.ack(*texts[:64])
    assert ack['acked'] == saved[0] + 64


@pytest.mark.parametrize('at', ['1970-01-01T00:00:10Z', '2099-06-01T00:00:00Z'])
def test_a_clock_that_is_wrong_is_measured_and_never_refused(collector, device, at):
    ack = device.ack(device.beat(at=at))
    assert (ack['acked'], ack['refused']) == (3, [])
    assert abs(collector.device(device.uuid)['skew_s']) > 86400
    (event,) = collector.events(device.uuid, 'clock-off')
    assert json.loads(event['data'])['number'] == collector.device(device.uuid)['skew_s']


def test_a_newer_agents_words_are_kept(collector, device):
    newer = {**CONTROL, 'id': 'quantum-lock', 'verdict': 'fail', 'why': 'entangled', 'new': [1]}
    ack = device.ack(device.beat(controls=[CONTROL, newer], agent='9.9.9', future={'a': 1}))
    assert (ack['acked'], ack['refused']) == (3, [])
    assert collector.one('SELECT count(*) FROM device_control WHERE control >= 1000') == 1


def test_an_older_agent_without_dictionary_or_newer_members_is_understood(collector, device):
    ack = device.ack(device.beat(dict_=None, keys=None))
    assert (ack['acked'], ack['refused']) == (3, [])
    ack = device.ack(device.beat(zip_=False))
    assert (ack['acked'], ack['refused']) == (4, [])


def test_the_ninth_chain_of_a_key_is_refused_with_what_to_do(collector, device):
    for i in range(7):
        device.restore((10 * i + 10, sha256_b64(f'never seen {i}')))
        device.ack(device.beat())
    device.restore((500, sha256_b64('never seen')))
    ack = device.ack(device.beat())
    assert '8 chains that live' in ack['refused'][0]['why']
    assert 'revoke it and enrol each machine anew' in ack['refused'][0]['why']
    assert len(seqs(collector, device)) == 9


def test_a_key_gives_way_only_to_the_one_it_named(collector, device):
    successor = new_key()
    assert device.send(device.beat(key=successor, advance=False)).problem_name == 'unknown-device'
    jwk_ = {k: public(successor)[k] for k in ('kty', 'crv', 'x', 'y')}
    device.ack(device.beat(next=jwk_))
    old, device.key = device.key, successor
    device.ack(device.beat())
    ack = device.ack(device.beat(key=old, advance=False))
    assert 'its key was replaced' in ack['refused'][0]['why']
    assert seqs(collector, device) == [1, 2, 3, 4]


# --- enrolling ---

def test_a_wrong_code_is_refused_then_slowed_down(collector):
    device = Device(collector)
    for _ in range(10):
        answer = device.enrol(proof=sha256_b64('guess'))
        assert (answer.status, answer.problem_name) == (403, 'wrong-code')
    answer = device.enrol(proof=sha256_b64('guess'))
    assert (answer.status, answer.problem_name) == (429, 'too-many-codes')
    assert int(answer.retry) <= 600
    assert collector.one('SELECT count(*) FROM device') == 0


def test_a_used_up_code_is_refused_but_not_to_whom_used_it(collector):
    code = collector.code('--uses', '1')
    first, second = Device(collector, code), Device(collector, code)
    assert first.enrol().status == 200
    answer = second.enrol()
    assert (answer.status, answer.problem_name) == (403, 'code-used-up')
    uuid = first.uuid
    assert first.enrol().status == 200 and first.uuid == uuid
    assert first.ack(first.beat())['acked'] == 1
    assert collector.one('SELECT uses FROM code WHERE uses > 0') == 1


def test_an_ended_or_revoked_code_is_refused(collector):
    ended = collector.code('--uses', '0')
    device = Device(collector, ended)
    collector.cmd('code', 'revoke', collector.one('SELECT id FROM code'))
    answer = device.enrol()
    assert (answer.status, answer.problem_name) == (403, 'code-revoked')


def test_an_enrolment_by_another_key_than_it_names_is_refused(collector):
    device = Device(collector)
    text = device.request()
    other = sign_raw(new_key(), 'enrol', unb64(text.split('.')[1]))
    answer = post(collector, '/v1/enrol', other)
    assert answer.status in (400, 403) and answer.problem_name == 'bad-enrolment'
    # Nothing signed for one thing is taken for another.
    answer = post(collector, '/v1/heartbeats', text)
    assert (answer.status, answer.problem_name) == (400, 'bad-heartbeat')
    assert collector.one('SELECT count(*) FROM device') == 0


def test_a_waiting_device_is_told_to_wait(collector):
    device = Device(collector, collector.code('--uses', '0', '--shared'))
    assert device.enrol().status == 202
    assert device.enrolled['status'] == 'waiting'
    answer = device.send(device.beat())
    assert (answer.status, answer.problem_name) == (403, 'device-waiting')
    collector.cmd('waiting', 'accept', device.uuid)
    assert device.enrol().status == 200
    assert device.ack(device.beat())['acked'] == 1
