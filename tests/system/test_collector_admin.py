# caretaker-collector's commands, as a technician types them: the real program, real folders.
# SPDX-License-Identifier: Apache-2.0
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import time

import pytest

from collector_fixture import FAILED

WRONG_USAGE = 2
INI = '[policy]\nname = {}\n'


@pytest.fixture
def made(site):
    return site.collector().make()


def sign(collector, out, serial, *options, name='Hill', key=None, code=0):
    ini = collector.folder / 'draft.ini'
    ini.write_text(INI.format(name))
    return collector.cmd('policy', 'sign', '--key', key or collector.data / 'policy.key',
                         '--serial', serial, '--output', out, *options, ini, code=code)


# --- init ---

def test_init_leaves_only_private_files(made):
    for path in made.data.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(made.data.stat().st_mode) == 0o700
    assert stat.S_IMODE(made.kit.stat().st_mode) == 0o600


def test_init_refuses_a_folder_that_holds_a_collector(made):
    before = {p.name: p.read_bytes() for p in made.data.glob('*.key')}
    said = made.cmd('init', '--host', 'localhost', code=FAILED)
    assert 'holds a collector already; nothing was changed' in said
    assert before == {p.name: p.read_bytes() for p in made.data.glob('*.key')}


def test_the_server_certificate_is_back_dated_and_verifies(made):
    pem = made.data / 'server.pem'
    done = subprocess.run(['openssl', 'verify', '-x509_strict', '-CAfile', made.data / 'ca.crt', pem],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    year_ago = int(time.time()) - 300 * 86400
    for at in (year_ago, int(time.time()) + 300 * 86400):
        done = subprocess.run(['openssl', 'verify', '-attime', str(at), '-CAfile',
                               made.data / 'ca.crt', pem], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_a_command_without_a_collector_says_what_to_do(site):
    empty = site.collector('empty')
    said = empty.cmd('rollup', code=FAILED)
    assert 'make one with "caretaker-collector init"' in said


def test_an_unknown_key_in_the_configuration_names_file_line_and_the_nearest(site):
    collector = site.collector('c', config='[devices]\nlisen = [::]:1\n')
    said = collector.cmd('school', 'list', code=FAILED)
    assert "collector.ini:4: unknown key 'lisen' in [devices]; did you mean 'listen'?" in said


# --- the recovery kit ---

def test_the_recovery_kit_and_a_backup_make_the_same_collector_again(made, site):
    made.publish(INI.format('Before'))
    org = made.query("SELECT value FROM meta WHERE name = 'org'")[0][0]
    epoch = made.query("SELECT value FROM meta WHERE name = 'epoch'")[0][0]
    keys = {n: (made.data / n).read_bytes() for n in ('policy.key', 'ca.key', 'ca.crt',
                                                      'online.key', 'keys.jws')}
    backup = made.folder / 'backup'
    made.cmd('backup', backup)
    assert not (backup / 'policy.key').exists() and not (backup / 'ca.key').exists()
    shutil.rmtree(made.data)
    made.cmd('restore', '--kit', made.kit, backup)
    assert {n: (made.data / n).read_bytes().strip() for n in keys} == \
        {n: b.strip() for n, b in keys.items()}
    assert made.query("SELECT value FROM meta WHERE name = 'org'")[0][0] == org
    assert made.query("SELECT value FROM meta WHERE name = 'epoch'")[0][0] != epoch
    assert 'ok: keys, store' in made.cmd('check')
    made.publish(INI.format('After'))  # the policy key is really back


def test_the_recovery_kit_alone_makes_a_collector_with_the_same_identity(made, site):
    org = made.query("SELECT value FROM meta WHERE name = 'org'")[0][0]
    again = site.collector('again', school=None)
    again.cmd('init', '--recover', made.kit, '--kit', again.folder / 'kit2.txt')
    assert again.query("SELECT value FROM meta WHERE name = 'org'")[0][0] == org
    assert (again.data / 'policy.key').read_bytes().strip() == \
        (made.data / 'policy.key').read_bytes().strip()
    (old,), (new,) = (c.json('keys', 'list')['key_sets'] for c in (made, again))
    assert new['serial'] > old['serial'] and new['policy'] == old['policy'], \
        'devices that pinned the old set take the new one'


@pytest.mark.parametrize('spoil, why', [
    (lambda t: t.replace('CA key:', 'CA kei:'), "part 'CA key:' is missing or cut"),
    (lambda t: re.sub('org: .*', 'org: 12', t), "line 'org: ...' or 'serial: ...' has a typing error"),
    (lambda t: t.split('online key:')[0], "part 'online key:' is missing or cut"),
])
def test_a_kit_with_a_slip_is_refused_with_its_place(made, site, spoil, why):
    bad = made.folder / 'bad.txt'
    bad.write_text(spoil(made.kit.read_text()))
    again = site.collector('again', school=None)
    assert why in again.cmd('init', '--recover', bad, code=FAILED)
    assert not again.data.exists()


def test_a_kit_of_another_collector_restores_nothing(made, site):
    other = site.collector('other').make()
    backup = made.folder / 'backup'
    made.cmd('backup', backup)
    fresh = site.collector('fresh', school=None)
    said = fresh.cmd('restore', '--kit', other.kit, backup, code=FAILED)
    assert 'the kit is of the collector' in said and not fresh.data.exists()


def test_restore_refuses_a_folder_that_holds_a_collector(made):
    backup = made.folder / 'backup'
    made.cmd('backup', backup)
    assert 'move it away first, nothing was changed' in made.cmd('restore', backup, code=FAILED)


def test_a_backup_taken_while_serving_is_whole(collector):
    backup = collector.folder / 'backup'
    collector.cmd('backup', backup)
    assert sorted(p.name for p in backup.iterdir()) == \
        ['ca.crt', 'keys.jws', 'online.key', 'server.pem', 'store.db']


# --- policy ---

def test_a_policy_signed_offline_is_published_by_its_file_alone(made):
    away = made.folder / 'usb-stick.key'
    os.rename(made.data / 'policy.key', away)
    org = made.query("SELECT value FROM meta WHERE name = 'org'")[0][0]
    signed = made.folder / 'signed.jws'
    # Where there is no collector at all: the key and the org are enough.
    done = subprocess.run(
        [made.build / 'caretaker-collector', '--data', made.folder / 'nowhere', 'policy', 'sign',
         '--key', away, '--org', org, '--serial', '7', '--output', signed,
         _write(made.folder / 'p.ini', INI.format('Away'))], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    made.cmd('policy', 'publish', signed, '--school', made.school)
    (policy,) = made.json('policy', 'list')['policies']
    assert (policy['serial'], policy['name'], policy['groups']) == (7, 'Away', 1)
    assert made.one('SELECT jws FROM policy') == signed.read_text().strip()


def reload(collector):
    """SIGHUP, and its word that it has read keys and configuration anew."""
    before = collector.log.read_text().count('reloaded: SIGHUP')
    collector.process.send_signal(signal.SIGHUP)
    end = time.monotonic() + 20
    while collector.log.read_text().count('reloaded: SIGHUP') == before:
        assert time.monotonic() < end, collector.log.read_text()[-2000:]
        time.sleep(0.02)  # no event to wait for but the log's line


def _write(path, text):
    path.write_text(text)
    return path


def test_publishing_without_the_policy_key_says_where_to_name_it(made):
    os.unlink(made.data / 'policy.key')
    ini = _write(made.folder / 'p.ini', INI.format('x'))
    said = made.cmd('policy', 'publish', ini, '--all', code=FAILED)
    assert 'it may lie offline' in said and '--key FILE' in said
    assert made.query('SELECT * FROM policy') == []


@pytest.mark.parametrize('serial', [3, 2])
def test_a_serial_that_does_not_rise_is_refused(made, serial):
    first, second = made.folder / 'a.jws', made.folder / 'b.jws'
    sign(made, first, 3)
    sign(made, second, serial, name='Later')
    made.cmd('policy', 'publish', first, '--all')
    made.cmd('group', 'add', 'laptops')
    # Whatever the group: a device may change its group.
    said = made.cmd('policy', 'publish', second, '--school', made.school, '--group', 'laptops',
                    code=FAILED)
    assert f'serial {serial} is not above 3' in said and '--serial 4' in said
    assert [p['serial'] for p in made.json('policy', 'list')['policies']] == [3]
    assert made.one("SELECT policy FROM grp WHERE name = 'laptops'") == 0


def test_a_policy_by_a_key_that_is_not_ours_is_refused(made, site):
    other = site.collector('other').make()
    signed = made.folder / 'b.jws'
    org = made.query("SELECT value FROM meta WHERE name = 'org'")[0][0]
    sign(made, signed, 1, '--org', org, key=other.data / 'policy.key')
    said = made.cmd('policy', 'publish', signed, '--all', code=FAILED)
    assert 'policy' in said and made.query('SELECT * FROM policy') == []


def test_a_policy_for_another_org_is_refused(made):
    signed = made.folder / 'b.jws'
    sign(made, signed, 1, '--org', '00000000-0000-4000-8000-000000000000')
    made.cmd('policy', 'publish', signed, '--all', code=FAILED)
    assert made.query('SELECT * FROM policy') == []


def test_a_changed_policy_is_refused(made):
    signed = made.folder / 'b.jws'
    sign(made, signed, 1)
    head, payload, signature = signed.read_text().strip().split('.')
    signed.write_text('.'.join([head, payload[:-6] + 'AAAA' + payload[-2:], signature]))
    made.cmd('policy', 'publish', signed, '--all', code=FAILED)
    assert made.query('SELECT * FROM policy') == []


def test_a_policy_with_an_error_is_neither_signed_nor_published(made):
    bad = _write(made.folder / 'bad.ini', '[policy]\nname = x\n[anti-virus]\nmoed = audit\n')
    for command in (('lint', bad), ('sign', '--serial', '1', bad), ('publish', '--all', bad)):
        said = made.cmd('policy', *command, code=FAILED)
        assert 'bad.ini:4' in said and "'mode'" in said
    assert made.query('SELECT * FROM policy') == []


def test_diff_goes_by_meaning(made):
    one = _write(made.folder / 'one.ini', '[policy]\nname = x\n[anti-virus]\nmode = audit\n')
    two = _write(made.folder / 'two.ini', '; moved about\n[anti-virus]\nmode = off\n[policy]\nname = x\n')
    made.cmd('policy', 'publish', one, '--all')
    said = made.cmd('policy', 'diff', 1, two)
    assert said.splitlines() == ['[anti-virus] mode: audit -> off', '1 setting differs']
    assert made.cmd('policy', 'show', 1) == one.read_text()


# --- schools, groups, rooms, codes ---

def test_names_that_are_there_already_are_refused_by_name(made):
    assert "there is a school 'oakfield' already" in made.cmd('school', 'add', 'oakfield', code=FAILED)
    assert "there is a group 'Default' already" in made.cmd('group', 'add', 'Default', code=FAILED)


def test_an_unknown_school_names_the_nearest(made):
    said = made.cmd('code', 'new', '--school', 'Oakfeld', code=FAILED)
    assert "there is no school 'Oakfeld'; did you mean 'Oakfield'?" in said


def test_with_two_schools_the_school_has_to_be_named(made):
    made.cmd('school', 'add', 'Elm')
    assert 'there are 2 schools; name one' in made.cmd('code', 'new', code=FAILED)


def test_a_code_is_printed_once_and_kept_out_of_lists(made):
    text = made.code()
    assert re.fullmatch(r'CT1-[A-Za-z0-9_-]+', text)
    assert text not in made.cmd('--json', 'code', 'list')
    assert text in made.cmd('--json', 'code', 'list', '--show')
    (code,) = made.json('code', 'list')['codes']
    made.cmd('code', 'revoke', code['id'])
    assert made.json('code', 'list')['codes'][0]['state'] == 'revoked'
    assert 'there is no code' in made.cmd('code', 'revoke', code['id'], code=FAILED)


def test_a_bad_subnet_is_refused_with_how_to_write_it(made):
    said = made.cmd('room', 'add', 'ICT1', '--subnets', '10.1.2.0/33', code=FAILED)
    assert "10.1.2.0/33" in said and made.query('SELECT * FROM room') == []


def test_a_csv_names_file_and_line_of_what_is_wrong(made):
    csv = _write(made.folder / 'rooms.csv', 'serial,room\nSN1,ICT1\n,ICT1\n')
    assert 'rooms.csv:3: serial or room is empty' in made.cmd('room', 'import', csv, code=FAILED)
    csv.write_text('number,room\nSN1,ICT1\n')
    assert "names no column 'serial'" in made.cmd('room', 'import', csv, code=FAILED)


def test_a_placeholder_serial_cannot_be_preregistered(made):
    csv = _write(made.folder / 'pre.csv', 'serial\nTo be filled by O.E.M.\n')
    assert 'identifies nothing' in made.cmd('preregister', csv, code=FAILED)


# --- with devices ---

def test_rooms_come_by_pattern_subnet_and_csv(site):
    collector = site.collector().make()
    collector.cmd('room', 'add', 'ICT1', '--names', 'ict1-*')
    collector.cmd('room', 'add', 'Loop', '--subnets', '127.0.0.0/8')
    csv = _write(collector.folder / 'rooms.csv', '\ufeffSerial;Room\nSNLIB1;Library\n')
    collector.cmd('room', 'import', csv)
    collector.start()
    by_name = site.enrolled(collector, 'ict1-07', serial='SNICT7')
    by_subnet = site.enrolled(collector, 'office-1', serial='SNOFF1')
    by_serial = site.enrolled(collector, 'anything', serial='SNLIB1')
    rooms = {d['device']: d['room'] for d in collector.json('devices')['devices']}
    assert rooms[by_name.uuid] == 'ICT1'
    assert rooms[by_subnet.uuid] == 'Loop'
    assert rooms[by_serial.uuid] == 'Library'
    # Rules that come later place what has no room; a CSV moves what has one.
    csv.write_text('serial,room\nSNOFF1,Office\n')
    collector.cmd('room', 'import', csv)
    assert {d['device']: d['room'] for d in collector.json('devices')['devices']}[by_subnet.uuid] == \
        'Office'
    assert collector.wrong_counts() == {}


def test_a_shared_code_waits_for_a_yes_and_a_preregistered_serial_does_not(site):
    collector = site.collector().make()
    collector.cmd('preregister', _write(collector.folder / 'pre.csv', 'serial\nSNKNOWN\n'))
    collector.start()
    site.enrolled(collector, 'known', serial='SNKNOWN', options=('--shared', '--uses', '5'))
    stranger = site.machine('stranger', serial='SNOTHER')
    done = subprocess.run(stranger.command('enrol', collector.code('--shared', '--uses', '5')),
                          capture_output=True, text=True, env=stranger.env)
    assert 'wait' in done.stdout + done.stderr
    (waiting,) = collector.json('waiting', 'list')['devices']
    assert waiting['name'] == 'stranger'
    collector.cmd('waiting', 'accept', waiting['device'])
    assert collector.json('waiting', 'list')['devices'] == []
    assert {d['status'] for d in collector.json('devices')['devices']} == {'active'}
    assert collector.wrong_counts() == {}


def test_what_is_looked_at_and_changed_is_in_the_audit_trail(collector, site):
    machine = site.enrolled(collector)
    collector.cmd('--who', 'mo', 'device', machine.uuid)
    collector.cmd('--who', 'mo', 'device', 'retire', '--why', 'sold', machine.uuid)
    rows = [(r['who'], r['action'], r['object'])
            for r in collector.query('SELECT * FROM audit ORDER BY id')]
    assert ('mo', 'device', machine.uuid) in rows
    assert ('mo', 'device retired', machine.uuid) in rows
    with pytest.raises(Exception, match='append-only'):
        import sqlite3
        sqlite3.connect(collector.data / 'store.db').execute('DELETE FROM audit')


def test_an_erased_device_leaves_a_chain_that_verifies(collector, site, program):
    machine = site.enrolled(collector, 'secret-name')
    machine.beat()
    machine.beat()
    assert 'say --yes' in collector.cmd('device', 'erase', machine.uuid, code=FAILED)
    before = collector.cmd('export', machine.uuid)
    key = _write(collector.folder / 'key.jwk', collector.cmd('export', '--keys', machine.uuid))
    chain = _write(collector.folder / 'chain.txt', before)
    done = program('caretaker', 'verify', '--key', key, chain)
    assert done.returncode == 0, done.stdout + done.stderr
    collector.cmd('device', 'erase', '--yes', machine.uuid)
    after = collector.cmd('export', machine.uuid)
    assert len(after.splitlines()) == len(before.splitlines())
    for line in after.splitlines():
        assert set(json.loads(line)) == {'seq', 'hash', 'prev'}
    assert collector.one('SELECT name FROM device') == ''
    assert collector.query('SELECT * FROM device_control') == []
    assert collector.wrong_counts() == {}


def test_the_rollup_says_what_to_fix_and_which_policy_is_run(collector, site):
    collector.publish(INI.format('Hill rules'))
    machine = site.enrolled(collector)
    machine.beat()
    machine.beat()
    said = collector.cmd('rollup')
    assert 'what to fix first' in said and 'policies that devices really run' in said
    assert re.search(r'1\s+serial 1\s+Hill rules', said), said
    rollup = collector.json('rollup', '--by', 'control')
    assert rollup['total']['devices'] == 1
    assert {r['name'] for r in rollup['rows']} >= {'updates', 'firewall', 'anti-virus'}
    assert 'its chain' not in said
    one = collector.cmd('device', 'pc')
    assert machine.uuid in one and 'whole: one end' in one and "it runs 'Hill rules', serial 1" in one


# --- keys and moving ---

def test_keys_rotate_with_the_policy_key_offline(collector, site):
    machine = site.enrolled(collector)
    away = collector.folder / 'stick.key'
    os.rename(collector.data / 'policy.key', away)
    draft, signed = collector.folder / 'draft', collector.folder / 'signed'
    before = (collector.data / 'online.key').read_bytes()
    collector.cmd('keys', 'rotate-online', '--draft', draft)
    assert (collector.data / 'online.key').read_bytes() == before, 'not before it is signed'
    collector.cmd('keys', 'sign', '--key', away, '--output', signed, draft)
    collector.cmd('keys', 'publish', signed)
    assert (collector.data / 'online.key').read_bytes() != before
    collector.stop()
    collector.start()
    machine.beat()
    machine.beat()
    assert collector.device(machine.uuid)['keys_serial'] == 2


def test_a_draft_signed_by_a_stranger_changes_nothing(made, site):
    other = site.collector('other').make()
    draft, signed = made.folder / 'draft', made.folder / 'signed'
    made.cmd('keys', 'rotate-online', '--draft', draft)
    made.cmd('keys', 'sign', '--key', other.data / 'policy.key', '--output', signed, draft)
    before = (made.data / 'keys.jws').read_bytes(), (made.data / 'online.key').read_bytes()
    made.cmd('keys', 'publish', signed, code=FAILED)
    assert before == ((made.data / 'keys.jws').read_bytes(), (made.data / 'online.key').read_bytes())


def test_the_policy_key_rotates_under_devices_and_codes(collector, site):
    collector.publish(INI.format('Before'))
    machine = site.enrolled(collector)
    old_code = collector.code()
    collector.cmd('keys', 'rotate-policy')
    reload(collector)
    assert [s['serial'] for s in collector.json('keys', 'list')['key_sets']] == [1, 2, 3]
    for _ in range(4):
        machine.beat()
    row = collector.device(machine.uuid)
    assert (row['keys_serial'], row['policy_serial'], row['policy_name']) == (3, 2, 'Before')
    late = site.machine('late')  # with a code that names the key of before
    late.check('enrol', old_code)
    new = site.enrolled(collector, 'new')  # and with one that names the new key
    assert new.uuid != machine.uuid


def test_a_school_moves_to_another_collector_and_no_device_is_touched(site):
    old = site.collector('old').make().start()
    old.publish(INI.format('Carried'))
    machine = site.enrolled(old)
    machine.beat()
    machine.beat()
    new = site.collector('new', school='Elsewhere').make().start()
    # "localhost:PORT" as devices will reach it.
    new.stop()
    shutil.rmtree(new.data)
    new.cmd('init', '--host', f'localhost:{new.port}', '--names', '127.0.0.1,localhost', '--kit',
            new.kit)
    public, archive = site.folder / 'new.pub', site.folder / 'oakfield.school'
    new.cmd('keys', 'show', '--output', public)
    old.cmd('school', 'export', '--to', public, old.school, archive)
    new.cmd('school', 'import', archive)
    new.start()
    machine.beat()  # export and import alone change nothing for it
    heard_here = len(old.chain(machine.uuid))
    old.cmd('school', 'handover', old.school, archive)
    reload(old)
    for _ in range(4):
        machine.beat()
    assert len(old.chain(machine.uuid)) <= heard_here + 1, 'it went over with the next one'
    row = new.device(machine.uuid)
    assert row['keys_serial'] == 3, 'it believes the new collector alone'
    assert row['policy_name'] == 'Carried'
    # Its chain there has all that was acknowledged here.
    assert {r['hash'] for r in old.chain(machine.uuid)} <= {r['hash'] for r in new.chain(machine.uuid)}
    assert new.wrong_counts() == {} and 'ok: keys' in new.cmd('check')
    # The old collector gone, the device goes on.
    old.kill()
    heard_there = len(new.chain(machine.uuid))
    machine.beat()
    assert len(new.chain(machine.uuid)) > heard_there


def test_a_school_exported_for_another_collector_is_refused(made, site):
    right, wrong = site.collector('right', school=None).make(), site.collector('w', school=None).make()
    public, archive = site.folder / 'pub', site.folder / 'a.school'
    right.cmd('keys', 'show', '--output', public)
    made.cmd('school', 'export', '--to', public, made.school, archive)
    assert 'exported for another collector' in wrong.cmd('school', 'import', archive, code=FAILED)
    assert wrong.json('school', 'list')['schools'] == []
    right.cmd('school', 'import', archive)
    said = right.cmd('school', 'import', '--name', 'Twice', archive)
    assert 'imported' in said  # without devices there is nothing that could be twice


# --- exceptions, tokens ---

def test_an_exception_reaches_the_device_it_is_for(collector, site):
    machine, other = site.enrolled(collector, 'a'), site.enrolled(collector, 'b')
    said = collector.cmd('exceptions', 'add', 'removable-storage', '--device', machine.uuid, '--reason',
                         'exam work', '--asked', 'Ms Lee', '--approved', 'Head', '--days', 7)
    assert 'signed for 1 device' in said
    for m in (machine, other):
        m.beat()
        m.beat()
    assert collector.device(machine.uuid)['exceptions_serial'] == 1
    assert collector.device(other.uuid)['exceptions_serial'] == 0
    (row,) = collector.json('exceptions', 'list')['exceptions']
    collector.cmd('exceptions', 'end', row['id'])
    machine.beat()
    machine.beat()
    assert collector.device(machine.uuid)['exceptions_serial'] == 2, 'an empty list is signed too'
    assert collector.json('exceptions', 'list')['exceptions'] == []


@pytest.mark.parametrize('options, why', [
    (('--asked', 'a', '--approved', 'b', '--days', '1', '--school', 'Oakfield'), '--reason'),
    (('--reason', 'r', '--asked', 'a', '--approved', 'b', '--school', 'Oakfield'), 'needs an end'),
    (('--reason', 'r', '--asked', 'a', '--approved', 'b', '--days', '1'), 'say for whom'),
    (('--reason', 'r', '--asked', 'a', '--approved', 'b', '--until', '2001-01-01', '--school',
      'Oakfield'), 'a day to come'),
])
def test_an_exception_without_what_is_recorded_of_it_is_refused(made, options, why):
    assert why in made.cmd('exceptions', 'add', 'updates', *options, code=FAILED)
    assert made.query('SELECT * FROM exception') == []


def test_the_store_keeps_the_hash_of_a_token_alone(made):
    token = made.cmd('token', 'new', 'nagios').strip()
    assert token.encode() not in (made.data / 'store.db').read_bytes()
    assert made.json('token', 'list')['tokens'][0]['role'] == 'technician'
    assert "there is a token 'nagios' already" in made.cmd('token', 'new', 'nagios', code=FAILED)


def test_every_command_explains_itself(made):
    said = subprocess.run([made.build / 'caretaker-collector', '--help'], capture_output=True,
                          text=True).stdout
    commands = re.findall(r'^  ([a-z]+(?: [a-z-]+)?)  ', said.split('options')[0], re.M)
    assert len(commands) > 50
    for command in commands:
        done = subprocess.run([made.build / 'caretaker-collector', *command.split(), '--help'],
                              capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout.startswith('usage:'), command
