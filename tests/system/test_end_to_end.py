"""The whole story with the real agent and the real collector: enrolled, told its policy and its
exceptions, its keys rotated, its clock wrong; what then stands on both sides.  Collectors restored
from a backup and copies of one machine have files of their own.
SPDX-License-Identifier: Apache-2.0"""
import json
import subprocess
import time

import pytest
from jwcrypto import jwk

import relay
from collector_fixture import INI, at_clock, key_of, whole
from minicollector import open_jws, rfc3339, sign, unb64

REFUSED_STICK = '[hardware]\nmode = audit\nrefused_devices = ca5e:0001\n'


def payloads(collector, pc):
    key = key_of(collector, pc.uuid)
    return [open_jws(row['body'], key, 'heartbeat') for row in collector.chain(pc.uuid)]


def control(pc, name):
    (found,) = [c for c in pc.status()['controls'] if c['id'] == name]
    return found


def plug_stick(pc, model='0001'):
    usb = pc.root / f'sys/bus/usb/devices/1-{model}'
    usb.mkdir(parents=True)
    for name, text in ('idVendor', 'ca5e'), ('idProduct', model), ('removable', 'removable'):
        (usb / name).write_text(text + '\n')


# --- this machine itself ---

def test_this_machine_enrols_is_checked_and_stands_in_the_rollup(site, collector):
    """Real facts of the machine that tests, in audit mode: read, never changed."""
    pc = site.machine('this')
    places = ['--state', pc.state, '--conf', pc.conf, '--run', pc.run_dir]

    def caretaker(*args):
        done = subprocess.run([str(a) for a in [site.build / 'caretaker', *places, *args]],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300)
        return done.returncode, done.stdout, done.stderr
    code, out, err = caretaker('enrol', collector.code())
    assert code == 0 and 'Oakfield' in out + err, out + err
    code, out, err = caretaker('check')
    assert code in (0, 1, 2) and 'firewall' in out, out + err
    code, out, err = caretaker('status', '--json')
    status = json.loads(out)
    assert len(status['controls']) >= 14 and status['collector']['acknowledged'] >= 1
    verdicts = {c['id']: c['verdict'] for c in status['controls']}
    assert code == (1 if 'fail' in verdicts.values() else 2 if 'unknown' in verdicts.values() else 0)
    assert verdicts['software'] != 'unknown', status    # dpkg's own list can be read here
    for control in status['controls']:
        assert control['mode'] == 'audit'
        if control['verdict'] in ('fail', 'unknown'):
            assert control['wrong'] and control['todo'], control
    code, out, err = caretaker('explain', 'firewall')
    assert 'firewall' in out and verdicts['firewall'] is not None, out + err
    # The collector says the same of it as the machine itself.
    uuid = status['device']
    told = {c['control']: c['verdict'] for c in collector.json('device', uuid)['controls']}
    assert told == verdicts
    assert 'Oakfield' in collector.cmd('rollup')
    assert collector.wrong_counts() == {}


# --- policy ---

def test_a_published_policy_is_picked_up_and_shown_on_both_sides(site, collector):
    pc = site.enrolled(collector)
    pc.beat()
    assert pc.status()['policy']['name'] == 'default'
    collector.publish(INI.format('Autumn'))
    pc.beat()
    assert (pc.status()['policy']['name'], pc.status()['policy']['serial']) == ('Autumn', 1)
    row = collector.device(pc.uuid)     # told in the same run: it was checked again by it
    assert (row['policy_name'], row['policy_serial']) == ('Autumn', 1)
    assert 'Autumn' in collector.cmd('policy', 'list')


def test_an_older_policy_is_refused_reported_and_the_newer_one_stays(site, collector):
    """Replayed by whoever has the online key: signed by the policy key, but of the past."""
    tap = relay.with_certificate_of(collector)
    try:
        pc = site.machine()
        pc.check('enrol', collector.code(host=f'localhost:{tap.port}'))
        pc.uuid = pc.saved('device.json')['device']
        collector.publish(INI.format('Lax'))
        pc.beat()
        collector.publish(INI.format('Strict'))
        pc.beat()
        assert pc.status()['policy']['name'] == 'Strict'
        old = collector.one('SELECT jws FROM policy WHERE serial = 1')
        online = jwk.JWK.from_pem((collector.data / 'online.key').read_bytes())

        def replay(passage):
            claims = json.loads(unb64(passage.answer.decode().split('.')[1]))
            claims['policy'] = old
            return sign(online, 'ack', claims).encode()
        tap.on_answer = replay
        pc.beat()
        tap.on_answer = None
        policy = pc.status()['policy']
        assert (policy['name'], policy['serial']) == ('Strict', 2)
        assert 'its serial is 1, but 2 was seen' in policy['rejected'][0]['why']
        pc.beat()
        (rejected,) = json.loads(collector.device(pc.uuid)['rejected'])
        assert (rejected['what'], rejected['serial']) == ('policy', 1)
        assert 'an older policy does not come back' in collector.cmd('device', pc.uuid)
    finally:
        tap.close()


# --- exceptions ---

def test_what_an_exception_allows_is_allowed_until_it_ends_whatever_the_clock_on_the_wall_says(
        site, collector):
    pc = site.enrolled(collector, serial='EXC1')
    pc.beat()
    plug_stick(pc)
    collector.publish(INI.format('No sticks') + REFUSED_STICK)
    pc.beat()
    assert control(pc, 'hardware')['verdict'] == 'fail'
    assert standing(collector, pc) == 'to_fix'
    collector.cmd('exceptions', 'add', 'hardware', '--device', pc.uuid, '--reason', 'exam',
                  '--asked', 'Ms Lee', '--approved', 'Head', '--days', '1')
    pc.beat()
    found = control(pc, 'hardware')
    assert (found['verdict'], found['standing']) == ('excepted', 'allowed_until'), found
    until = collector.json('exceptions', 'list')['exceptions'][0]['until']
    assert found['until'] == until
    assert standing(collector, pc) == 'allowed_until'
    # A clock set back does not stretch it, one set on does not end it.
    for wall in '-300d', '+300d':
        pc.env.update(at_clock(wall))
        pc.beat()
        assert control(pc, 'hardware')['verdict'] == 'excepted', wall
    for name in at_clock('+0'):
        del pc.env[name]
    # Two days later, by the collector's time: over, without anybody doing anything.
    collector.stop()
    collector.env.update(at_clock('+2d'))
    collector.start()
    collector.cmd('rollup')
    assert standing(collector, pc) == 'to_fix'     # by time alone, before it was heard again
    pc.beat()
    pc.beat()
    assert control(pc, 'hardware')['verdict'] == 'fail'
    assert collector.wrong_counts() == {}


def standing(collector, pc, name='hardware'):
    (found,) = [c['standing'] for c in collector.json('device', pc.uuid)['controls']
                if c['control'] == name]
    return found


# --- coming, going, coming back ---

def test_a_revoked_device_is_told_so_and_told_apart_from_an_outage(site, collector):
    pc = site.enrolled(collector)
    pc.beat()
    collector.cmd('device', 'revoke', pc.uuid, '--why', 'stolen')
    pc.beat()
    assert 'this device was revoked' in pc.status()['collector']['trouble']
    assert len(collector.chain(pc.uuid)) == 1
    assert collector.one('SELECT count FROM counter WHERE scope = 0 AND control = -2 '
                         'AND standing = 4') == 1
    whole(collector, pc)


def test_a_reimaged_machine_is_adopted_with_its_history(site, collector):
    before = site.enrolled(collector, 'ict1-07', serial='REIMAGED')
    before.beat()
    before.beat()
    after = site.enrolled(collector, 'desktop-x', serial='REIMAGED')
    after.beat()
    stranger = site.machine('elsewhere', serial='ANOTHER')
    stranger.configure('[device]\nname = ict1-07\n')      # the same name: two machines
    stranger.check('enrol', collector.code())
    stranger.uuid = stranger.saved('device.json')['device']
    stranger.beat()
    (offer,) = collector.json('adopt', 'list')['devices']
    assert offer['device'] == after.uuid
    collector.cmd('adopt', 'accept', '--all')
    assert collector.json('adopt', 'list')['devices'] == []
    assert {d['device']: d['status'] for d in collector.json('devices')['devices']
            if d['status'] == 'active'} == {after.uuid: 'active', stranger.uuid: 'active'}
    assert before.uuid in collector.cmd('--json', 'device', after.uuid)
    after.beat()
    assert after.status()['collector']['trouble'] == ''
    before.beat()     # the old disk, found in a drawer and started once more
    assert 'this device was retired' in before.status()['collector']['trouble']
    assert collector.wrong_counts() == {}
    collector.cmd('check')


def test_placeholder_serials_make_no_two_machines_one(site, collector):
    for name in 'a', 'b':
        pc = site.machine(name)
        pc.firmware('To be filled by O.E.M.', '00000000-0000-0000-0000-000000000000')
        pc.check('enrol', collector.code())
        pc.beat()
    assert collector.json('adopt', 'list')['devices'] == []
    assert collector.one('SELECT count(*) FROM device WHERE status = 1') == 2


def test_a_machine_that_waits_is_let_in_by_a_yes_and_turned_away_by_a_no(site, collector):
    code = collector.code('--shared', '--uses', '0')
    yes, no = site.machine('yes', serial='YES1'), site.machine('no', serial='NO1')
    for pc in yes, no:
        pc.check('enrol', code)
        assert pc.status()['collector']['enrolment'] == 'waiting'
        pc.beat()
    assert collector.one('SELECT count(*) FROM heartbeat') == 0
    waiting = {d['name']: d['device'] for d in collector.json('waiting', 'list')['devices']}
    collector.cmd('waiting', 'accept', waiting['yes'])
    collector.cmd('waiting', 'refuse', waiting['no'])
    for pc in yes, no:
        pc.beat()
    assert yes.status()['collector']['enrolment'] == 'enrolled'
    assert yes.status()['collector']['acknowledged'] >= 1
    assert no.status()['collector']['enrolment'] != 'enrolled'
    assert 'revoked' in no.status()['collector']['trouble']
    assert collector.wrong_counts() == {}


# --- keys ---

def test_the_devices_key_is_rotated_with_its_chain_unbroken(site, collector, program):
    pc = site.enrolled(collector)
    pc.beat()
    first = collector.query('SELECT kid, role FROM device_key')
    pc.check('rotate-key')
    pc.beat()
    pc.beat()
    keys = {row['kid']: row['role'] for row in collector.query('SELECT kid, role FROM device_key')}
    assert len(keys) == 2 and keys[first[0]['kid']] == 0     # the one before
    signers = [json.loads(unb64(row['body'].split('.')[0]))['kid']
               for row in collector.chain(pc.uuid)]
    assert signers[0] == first[0]['kid'] and signers[-1] != first[0]['kid']
    whole(collector, pc)
    # caretaker verify takes the successor that the old key named.
    chain, key = site.folder / 'chain.jws', site.folder / 'key.jwk'
    chain.write_text(collector.cmd('export', pc.uuid))
    key.write_text(collector.cmd('export', '--keys', pc.uuid).splitlines()[0])
    done = program('caretaker', 'verify', '--key', key, chain)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_device_that_slept_through_two_rotations_of_both_keys_catches_up(site, collector):
    pc, sleeper = site.enrolled(collector, 'awake'), site.enrolled(collector, 'asleep')
    pc.beat()
    sleeper.beat()
    for _ in range(2):
        for what in 'rotate-online', 'rotate-policy':
            collector.cmd('keys', what)
            collector.stop()
            collector.start()
            pc.beat()
            pc.beat()
    collector.publish(INI.format('Under new keys'))
    for _ in range(4):
        sleeper.beat()
        pc.beat()
    for machine in pc, sleeper:
        row = collector.device(machine.uuid)
        assert row['keys_serial'] == len((collector.data / 'keys.jws').read_text().split()), machine
        assert row['policy_name'] == 'Under new keys'
        assert machine.status()['collector']['trouble'] == ''
        whole(collector, machine)


# --- clocks ---

@pytest.mark.parametrize('when', ['1970-01-02', '2099-06-01'])
def test_a_device_whose_clock_is_impossible_reports_is_believed_and_counted_today(site, collector,
                                                                                 when):
    pc = site.machine(serial='CLOCK1')
    pc.env.update(at_clock(f'@{when} 00:00:00'))
    pc.check('enrol', collector.code())
    pc.uuid = pc.saved('device.json')['device']
    pc.beat()
    plug_stick(pc)
    collector.stop()
    pc.beat()       # and spooled while nobody is there
    collector.start()
    pc.beat()
    row = collector.device(pc.uuid)
    off = time.mktime(time.strptime(when, '%Y-%m-%d')) - time.time()
    assert abs(row['skew_s'] - off) < 2 * 86400, row['skew_s']
    assert abs(row['last_seen'] - time.time()) < 300
    assert (row['status'], row['presence']) == (1, 0)
    chain = collector.chain(pc.uuid)
    assert [r['seq'] for r in chain] == list(range(1, len(chain) + 1)) and len(chain) >= 3
    assert all(p['at'].startswith(when[:4]) for p in payloads(collector, pc))
    (event,) = collector.events(pc.uuid, 'hardware-new')
    assert abs(event['at'] - time.time()) < 300      # by the best time, not the wall's
    # A control of which a delta has but new evidence leaves out what its base said.
    since = {c['since'][:4] for p in payloads(collector, pc) for c in p['controls'] if 'since' in c}
    assert since == {rfc3339(time.time())[:4]}
    whole(collector, pc)


def test_a_collector_whose_clock_was_wrong_for_a_day_does_not_strand_its_devices(site, collector):
    pc = site.enrolled(collector)
    pc.beat()
    collector.stop()
    collector.env.update(at_clock('+400d'))
    collector.start()
    pc.beat()
    assert pc.status()['at'][:4] > rfc3339(time.time())[:4]      # it goes by the signed time
    collector.stop()
    for name in at_clock('+0'):
        collector.env.pop(name)
    collector.start()
    pc.beat()
    pc.beat()
    assert pc.status()['at'][:10] == rfc3339(time.time())[:10]
    whole(collector, pc)
    assert collector.device(pc.uuid)['presence'] == 0


# --- versions apart ---

def test_an_agent_takes_the_answers_of_a_collector_one_version_newer(site, collector):
    tap = relay.with_certificate_of(collector)
    online = jwk.JWK.from_pem((collector.data / 'online.key').read_bytes())

    def newer(passage):
        typ = json.loads(unb64(passage.answer.decode().split('.')[0]))['typ'][10:-4]
        claims = json.loads(unb64(passage.answer.decode().split('.')[1]))
        claims.update(colour='green', dicts=[1, 2, 9], later={'deep': [1, {'er': None}]})
        return sign(online, typ, claims).encode()
    tap.on_answer = newer
    try:
        pc = site.machine()
        pc.check('enrol', collector.code(host=f'localhost:{tap.port}'))
        pc.uuid = pc.saved('device.json')['device']
        pc.beat()
        collector.publish(INI.format('Autumn'))
        pc.beat()
        pc.beat()
        assert pc.status()['collector']['trouble'] == ''
        assert pc.status()['policy']['name'] == 'Autumn'
        whole(collector, pc)
    finally:
        tap.close()


def test_nothing_signed_for_one_purpose_is_taken_for_another(site, collector):
    """The online key's word, under a typ that the agent does not expect there."""
    tap = relay.with_certificate_of(collector)
    online = jwk.JWK.from_pem((collector.data / 'online.key').read_bytes())
    try:
        pc = site.machine()
        pc.check('enrol', collector.code(host=f'localhost:{tap.port}'))
        pc.uuid = pc.saved('device.json')['device']
        for typ in 'enrolled', 'exceptions', 'next':
            tap.on_answer = lambda passage: sign(online, typ, json.loads(
                unb64(passage.answer.decode().split('.')[1]))).encode()
            pc.beat()
            assert "the answer is not the collector's" in pc.status()['collector']['trouble'], typ
            assert pc.status()['collector']['acknowledged'] == 0
        tap.on_answer = None
        pc.beat()
        assert pc.status()['collector']['acknowledged'] >= 1
        whole(collector, pc)
    finally:
        tap.close()
