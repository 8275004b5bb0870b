# The agent against a small collector of the tests': heartbeats, acknowledgements, and everything
# that can go wrong between them.
# SPDX-License-Identifier: Apache-2.0
import json
import pathlib
import random
import shutil
import signal
import subprocess
import time

import pytest
from agent_helpers import Machine
from minicollector import MiniCollector, new_key, open_jws, rfc3339, sha256_b64, sign

POLICY = '[policy]\nname = {name}\n'


@pytest.fixture
def collector(tmp_path):
    collector = MiniCollector(tmp_path / 'collector')
    yield collector
    collector.close()


@pytest.fixture
def machine(build, tmp_path, collector):
    machine = Machine(build, tmp_path / 'machine')
    machine.check('enrol', collector.code())
    return machine


def seqs(collector):
    return [h['seq'] for h in collector.order]


def chain_is_whole(collector):
    """One branch, every number once, each naming the one before."""
    device = collector.device()
    assert len(device.branches) == 1, [b['seq'] for b in device.branches]
    assert seqs(collector) == list(range(1, len(collector.order) + 1))
    ids = [e['id'] for e in collector.events()]
    assert len(ids) == len(set(ids)), 'an event came twice'


def test_an_acknowledgement_lost_after_the_commit_changes_nothing(collector, machine):
    machine.beat()

    def lose(path, body):
        collector.take(body)
        raise ConnectionAbortedError

    collector.script = [lose]
    machine.beat()
    assert machine.saved()['acked_seq'] == 1 and 2 in machine.spool()
    machine.beat()
    assert machine.saved()['acked_seq'] == 3
    chain_is_whole(collector)


def test_one_heartbeat_is_in_flight_while_the_collector_is_away(collector, machine):
    machine.beat()
    refuse = lambda path, body: collector.problem(503, 'busy', 'come back later')
    collector.script = [refuse] * 3
    for _ in range(3):
        machine.beat()
    assert machine.spool() == [1, 2], 'signed once, and not again'
    assert 'come back later' in machine.status()['collector']['trouble']
    machine.beat()
    chain_is_whole(collector)
    assert seqs(collector) == [1, 2, 3]


def test_an_unsigned_refusal_only_changes_when_to_try_again(collector, machine):
    machine.beat()
    collector.script = [lambda p, b: (403, 'text/html', '<h1>Blocked by policy</h1>',
                                      {'Retry-After': '86400'})]
    machine.beat()
    posts = collector.posts
    machine.check('run')
    assert collector.posts == posts, 'not before its time'
    after = int((machine.run_dir / 'next').read_text().split()[1])
    assert 3000 < after <= 3600, 'within the hour, whatever it says'
    machine.beat()
    assert seqs(collector) == [1, 2, 3]


@pytest.mark.parametrize('how', ['altered', 'another key', 'another device', 'another typ', 'cut'])
def test_a_proxy_that_alters_the_answer_is_found_out(collector, machine, how):
    machine.beat()

    def alter(path, body):
        status, kind, text, headers = collector.take(body)
        payload = open_jws(text, collector.online_key, 'ack')
        if how == 'altered':
            head, _, tail = text.split('.')
            import base64
            data = base64.urlsafe_b64encode(json.dumps(dict(payload, acked=9)).encode())
            text = f'{head}.{data.decode().rstrip("=")}.{tail}'
        elif how == 'another key':
            text = sign(new_key(), 'ack', payload)
        elif how == 'another device':
            text = sign(collector.online_key, 'ack',
                        dict(payload, device='00000000-0000-4000-8000-000000000000'))
        elif how == 'another typ':
            text = sign(collector.online_key, 'exceptions', payload)
        else:
            text = text[:len(text) // 2]
        return status, kind, text, headers

    collector.script = [alter]
    machine.beat()
    assert "the answer is not the collector's" in machine.status()['collector']['trouble']
    assert machine.saved()['acked_seq'] == 1 and 2 in machine.spool()
    machine.beat()
    chain_is_whole(collector)


@pytest.mark.parametrize('request_', [sha256_b64('another body'), None])
def test_an_acknowledgement_of_another_request_is_not_taken(collector, machine, request_):
    machine.beat()
    collector.ack_extra = {'request': request_} if request_ else {'time': collector.now()}

    def forget(path, body):
        status, kind, text, headers = collector.take(body)
        payload = open_jws(text, collector.online_key, 'ack')
        if not request_:
            del payload['request']
        return status, kind, sign(collector.online_key, 'ack', payload), headers

    collector.script = [forget]
    machine.beat()
    assert 'to another request' in machine.status()['collector']['trouble']
    assert machine.saved()['acked_seq'] == 1 and 2 in machine.spool()
    machine.beat()
    chain_is_whole(collector)


def test_an_acknowledgement_of_a_hash_that_is_not_ours_forgets_nothing(collector, machine):
    machine.beat()
    collector.script = [lambda p, b: collector.take(b) and None]  # stored, answer dropped
    machine.beat()
    collector.ack_extra = {'acked': 2, 'head': sha256_b64('another heartbeat 2')}
    machine.beat()
    assert machine.saved()['acked_seq'] == 1 and 2 in machine.spool()
    machine.beat()
    assert machine.saved()['acked_seq'] == 3
    chain_is_whole(collector)


def test_a_policy_is_taken_and_an_older_one_refused(collector, machine):
    machine.beat()
    collector.publish(POLICY.format(name='second'), 2)
    machine.beat()
    assert machine.status()['policy'] | {'audit_until': None} == {
        'name': 'test', 'serial': 2, 'audit_until': None, 'rejected': []}
    assert collector.order[-1]['policy']['serial'] == 2, 'it was checked and told at once'
    collector.publish(POLICY.format(name='first'), 1)
    machine.beat()
    machine.beat()
    assert machine.status()['policy']['serial'] == 2
    rejected = collector.order[-1]['rejected']
    assert rejected[0]['what'] == 'policy' and rejected[0]['serial'] == 1
    assert 'an older policy does not come back' in rejected[0]['why']


@pytest.mark.parametrize('ini, key, why', [
    ('[anti-virus]\nmax_age = 3\n', None, 'unknown key'),
    (POLICY.format(name='x'), 'online', 'sign'),
    (POLICY.format(name='x'), 'stranger', 'sign'),
])
def test_a_bad_policy_is_refused_and_the_good_one_stays(collector, machine, ini, key, why):
    collector.publish(POLICY.format(name='good'), 1)
    machine.beat()
    signer = {'online': collector.online_key, 'stranger': new_key()}.get(key)
    collector.publish(ini, 2, key=signer)
    machine.beat()
    machine.beat()
    assert machine.status()['policy']['serial'] == 1
    assert collector.order[-1]['rejected'][0]['what'] == 'policy'
    assert key or why in collector.order[-1]['rejected'][0]['why']


def test_new_keys_are_believed_when_a_policy_key_of_the_set_before_signed_them(collector, machine):
    machine.beat()
    old_policy, old_online = collector.policy_key, collector.online_key
    collector.policy_key, new_online = new_key(), new_key()
    collector.keys_serial = 2
    collector.keys = collector.sign_keys(old_policy, 2, [collector.policy_key], [new_online])
    machine.beat()  # delivered in an acknowledgement by the old online key
    collector.online_key = new_online
    collector.publish(POLICY.format(name='by the new key'), 1)
    machine.beat()
    machine.beat()
    assert machine.status()['policy']['serial'] == 1
    assert collector.order[-1]['keys'] == 2
    assert machine.saved()['acked_seq'] == len(collector.order)


def test_a_key_set_by_a_stranger_is_refused(collector, machine):
    machine.beat()
    stranger = new_key()
    collector.keys_serial = 2
    collector.keys = collector.sign_keys(stranger, 2, [stranger], [collector.online_key])
    machine.beat()
    machine.beat()
    assert collector.order[-1]['keys'] == 1
    assert collector.order[-1]['rejected'][0]['what'] == 'keys'


def test_an_exception_lets_a_failing_control_be_until_it_ends(collector, machine):
    collector.publish(POLICY.format(name='x') +
                      '[exceptions]\ncontrols = anti-virus\nmax_days = 3\n', 1)
    machine.beat()
    verdict = {c['id']: c for c in collector.order[0]['controls']}
    assert verdict['anti-virus']['verdict'] == 'fail', verdict['anti-virus']
    device = collector.device().uuid
    collector.except_(device, 1, [{'control': 'anti-virus', 'until': rfc3339(time.time() + 9 * 86400)},
                                  {'control': 'updates'}])
    machine.beat()
    machine.beat()
    now = {c['id']: c for c in machine.status()['controls']}
    assert now['anti-virus']['verdict'] == 'excepted'
    end = now['anti-virus']['until']
    assert end <= rfc3339(time.time() + 3 * 86400 + 60), "not for longer than the policy's max_days"
    assert now['updates']['verdict'] != 'excepted', 'the policy lets no exception be made to it'
    collector.except_(device, 2, [])
    machine.beat()
    machine.beat()
    now = {c['id']: c for c in machine.status()['controls']}
    assert now['anti-virus']['verdict'] == 'fail', 'an empty list takes it back'


def test_the_key_is_rotated_with_the_chain_unbroken(collector, machine):
    machine.beat()
    before = (machine.state / 'device.key').read_bytes()
    machine.check('rotate-key')
    assert (machine.state / 'device.key').read_bytes() == before, 'not before the acknowledgement'
    collector.script = [lambda p, b: collector.take(b) and None]  # acknowledgement lost
    machine.beat()
    assert (machine.state / 'device.key').read_bytes() == before
    machine.beat()
    assert (machine.state / 'device.key').read_bytes() != before
    assert not (machine.state / 'device.key.next').exists()
    machine.beat()
    assert len(collector.device().keys) == 2
    chain_is_whole(collector)


def test_a_machine_that_was_set_back_goes_on_from_its_true_head(collector, machine, tmp_path):
    machine.beat()
    machine.beat()
    shutil.copytree(machine.state, tmp_path / 'snapshot')
    for _ in range(3):
        machine.beat()
    shutil.rmtree(machine.state)
    shutil.copytree(tmp_path / 'snapshot', machine.state)
    machine.beat()
    machine.beat()
    device = collector.device()
    assert len(device.branches) == 2, 'the one it opened before it was told, and the trunk'
    assert collector.order[-1]['seq'] > 5
    assert len(collector.events('rewound')) == 1
    assert collector.order[-1]['full'] or any(
        h['full'] for h in collector.order[-2:]), 'all is told again'


def test_a_restored_collector_is_sent_what_it_lost(collector, machine):
    for _ in range(6):
        machine.beat()
    device = collector.device()
    # Yesterday's backup: heartbeats 1 to 3, and a new epoch.
    branch = device.branches[0]
    branch['all'] = branch['all'][:3]
    lost = [h for h in collector.heartbeats if h not in branch['all']]
    for hash_ in lost:
        del collector.heartbeats[hash_]
    collector.order = collector.order[:3]
    branch.update(seq=3, head=branch['all'][-1])
    collector.epoch = '11111111-1111-4111-8111-111111111111'

    def not_yet(payload):
        heads = {b['head'] for b in device.branches}
        known = any(payload['seq'] == h['seq'] for h in collector.order)
        return None if payload['prev'] in heads or known else 'the one before it is not known'

    collector.refuse = not_yet
    machine.beat()
    collector.refuse = None
    machine.beat()
    assert seqs(collector) == list(range(1, len(collector.order) + 1)), seqs(collector)
    assert len(collector.order) >= 7
    chain_is_whole(collector)


def test_a_refused_heartbeat_does_not_stop_the_chain(collector, machine):
    machine.beat()
    collector.refuse = lambda payload: 'evidence of control too long' if payload['seq'] == 2 else None
    machine.beat()
    collector.refuse = None
    machine.beat()
    assert 2 not in seqs(collector) and seqs(collector)[-1] >= 3
    refused = collector.events('heartbeat-refused')
    assert refused and 'evidence of control too long' in refused[0]['data']['why']
    assert (machine.state / 'spool/refused').exists()


@pytest.mark.parametrize('name', ['state.json', 'pending.json', 'cache/memory.json', 'policy.jws',
                                  'exceptions.jws'])
@pytest.mark.parametrize('damage', ['cut', 'flipped', 'empty', 'random'])
def test_a_damaged_file_is_set_aside_and_costs_no_heartbeat(collector, machine, name, damage):
    collector.publish(POLICY.format(name='x'), 1)
    collector.except_(collector.device().uuid, 1, [])
    machine.beat()
    machine.beat()
    path = machine.state / name
    data = path.read_bytes()
    broken = {'cut': data[:len(data) // 2], 'flipped': data[:5] + bytes([data[5] ^ 0x40]) + data[6:],
              'empty': b'', 'random': random.Random(1).randbytes(len(data))}[damage]
    path.write_bytes(broken)
    machine.beat()
    machine.beat()
    assert len(collector.device().branches) <= 2
    assert machine.saved()['acked_seq'] == max(seqs(collector))
    assert machine.status()['policy']['serial'] == 1, 'the policy is in force again'


def test_a_damaged_heartbeat_in_flight_is_set_aside_and_told(collector, machine):
    machine.beat()
    collector.script = [lambda p, b: collector.problem(503, 'busy', 'later')]
    machine.beat()
    path = machine.state / 'spool/2.jws'
    path.write_bytes(path.read_bytes()[:-10] + b'AAAAAAAAAA')
    machine.beat()
    assert 2 not in seqs(collector), 'its number is not used for another'
    assert [e['data'] for e in collector.events('spool-damaged')] == [{'seq': '2'}]
    assert collector.order[-1]['full']


@pytest.mark.parametrize('when', ['1970-01-02 00:00:00', '2099-06-01 00:00:00'])
def test_an_impossible_clock_is_reported_and_loses_nothing(collector, machine, when):
    machine.beat()
    library = next(pathlib.Path('/usr/lib').rglob('libfaketime.so.1'))
    machine.env.update(LD_PRELOAD=str(library), FAKETIME='@' + when, DONT_FAKE_MONOTONIC='1')
    machine.beat()
    machine.beat()
    chain_is_whole(collector)
    assert collector.order[-1]['at'].startswith(when[:4]), 'as it is: the collector sees the skew'
    assert machine.status()['at'][:4] == rfc3339(time.time())[:4], 'and the device knows better'
    for event in collector.events():
        assert event['at'][:4] == rfc3339(time.time())[:4]


def test_a_machine_set_back_at_each_start_begins_an_announced_chain(collector, build, tmp_path):
    machine = Machine(build, tmp_path / 'frozen')
    machine.configure('[device]\nvolatile = yes\n')
    machine.check('enrol', collector.code())
    machine.beat()
    assert collector.request['volatile'] is True
    state = machine.saved()
    state['boot'] = '22222222-2222-4222-8222-222222222222'  # as if it had been started again
    (machine.state / 'state.json').write_text(json.dumps(state))
    machine.beat()
    machine.beat()
    assert [(h['seq'], h.get('volatile', False)) for h in collector.order] == [
        (1, False), (1, True), (2, False)]
    assert collector.order[1]['prev'] == collector.device().root and collector.order[1]['full']
    assert not collector.events('rewound')


def test_killed_at_random_instants_nothing_is_lost_or_told_twice(collector, machine):
    """kill -9 while it runs, 60 times; more with the real collector in test_kill.py."""
    rng = random.Random(20261122)
    machine.beat()
    begun = time.monotonic()
    machine.beat()
    whole = time.monotonic() - begun  # instants spread over a run, however fast this machine is
    kills = 0
    # on a machine whose pace changes, until enough of them got through to be worth killing
    while kills < 60 or (len(collector.order) <= 10 and kills < 400):
        child = machine.start('run', '--now')
        time.sleep(rng.uniform(0.1, 1.2) * whole)  # the instant itself is what is tested
        child.kill()
        child.communicate()
        kills += 1
        if kills % 7 == 0:
            collector.ack_extra = {'need': 'full'}
    assert len(collector.order) > 10, 'some got through before they were killed'
    machine.beat()
    chain_is_whole(collector)
    acked = machine.saved()
    assert acked['acked_seq'] == collector.order[-1]['seq']
    assert acked['acked_hash'] == collector.device().branches[0]['head']


def test_a_full_disk_is_reported_and_loses_nothing(collector, machine, tmp_path):
    """The state folder on a tmpfs of 900 KiB, filled up."""
    machine.beat()
    small = tmp_path / 'small'
    small.mkdir()
    script = '''
        mount -t tmpfs -o size=900k,mode=700 tmpfs "$1" || exit 77
        cp -a "$2"/. "$1"/ && shift 2
        "$@" --state "$SMALL" run --now || exit 1
        dd if=/dev/zero of="$SMALL/filler" bs=1k count=2000 2>/dev/null
        for i in 1 2 3; do "$@" --state "$SMALL" run --now; echo "exit $?"; done
        rm "$SMALL/filler"
        "$@" --state "$SMALL" run --now || exit 1
        ls "$SMALL/spool"; cat "$SMALL/state.json"'''
    command = [str(machine.build / 'caretaker-check'), '--conf', str(machine.conf), '--run',
               str(machine.run_dir), '--root', str(machine.root)]
    done = subprocess.run(['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh',
                           str(small), str(machine.state), *command], capture_output=True, text=True,
                          env=dict(machine.env, SMALL=str(small)), timeout=120)
    if done.returncode in (1, 77) and 'unshare' in done.stderr or done.returncode == 77:
        pytest.skip('a mount namespace needs root')
    assert done.returncode == 0, done.stdout + done.stderr
    chain_is_whole(collector)
    assert collector.events('disk-full'), 'it is told'
    assert len(collector.order) >= 4, 'heartbeats went on'


def test_the_daemon_has_the_machine_checked_and_ends_on_sigterm(collector, machine):
    (machine.conf / 'caretakerd.ini').write_text('[daemon]\nsettle_s = 1\ngap_s = 5\n')
    daemon = subprocess.Popen([machine.build / 'caretakerd', '--state', machine.state, '--conf',
                               machine.conf, '--run', machine.run_dir], stderr=subprocess.PIPE,
                              text=True)
    try:
        posts = collector.posts
        collector.wait_posts(posts + 1, 120)
        assert daemon.poll() is None
    finally:
        daemon.send_signal(signal.SIGTERM)
        _, errors = daemon.communicate(timeout=10)
    assert daemon.returncode == 0, errors
    assert 'ready' in errors and 'ended' in errors
