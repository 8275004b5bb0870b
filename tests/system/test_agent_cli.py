# caretaker, the command that people type.
# SPDX-License-Identifier: Apache-2.0
import json
import os
import subprocess

import pytest
from agent_helpers import Machine
from jwcrypto import jwk
from minicollector import MiniCollector


@pytest.fixture
def collector(tmp_path):
    collector = MiniCollector(tmp_path / 'collector')
    yield collector
    collector.close()


@pytest.fixture
def machine(build, tmp_path):
    return Machine(build, tmp_path / 'machine')


def caretaker(machine, *args):
    places = ['--state', machine.state, '--run', machine.run_dir, '--conf', machine.conf]
    return subprocess.run([machine.build / 'caretaker', *map(str, [*places, *args])],
                          capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)


def write_status(machine, *verdicts):
    machine.run_dir.mkdir(parents=True, exist_ok=True)
    controls = [{'id': i, 'mode': 'audit', 'verdict': v, 'since': '2026-11-01T00:00:00Z',
                 'due_at': due, 'until': None, 'wrong': f'{i} is wrong.', 'todo': f'Mend {i}.'}
                for i, v, due in verdicts]
    (machine.run_dir / 'status.json').write_text(json.dumps({
        'v': 1, 'at': '2026-11-22T06:00:00Z', 'clock_off_s': 0, 'device': '',
        'collector': {'enrolment': 'enrolled', 'host': 'c:8443', 'school': 'Oakfield',
                      'contact_at': '2026-11-22T06:00:00Z', 'trouble': ''},
        'policy': {'name': 'staff', 'serial': 4, 'audit_until': None}, 'controls': controls}))


@pytest.mark.parametrize('verdicts, code, says', [
    ([('firewall', 'pass', None)], 0, 'All is well'),
    ([('firewall', 'fail', None), ('backup', 'unknown', None)], 1, '1 thing to fix, 1 that cannot'),
    ([('firewall', 'pass', None), ('backup', 'unknown', None)], 2, 'Nothing to fix that could be'),
    ([('firewall', 'pass', None), ('hours', 'not-applicable', None)], 0, 'All is well'),
    ([('updates', 'pass', '2126-12-01T00:00:00Z')], 0, 'due by 2126-12-01'),
    ([('updates', 'fail', '2026-11-01T00:00:00Z')], 1, 'overdue since 2026-11-01'),
    ([], 2, ''),
])
def test_status_says_it_in_words_and_in_its_exit_code(machine, verdicts, code, says):
    write_status(machine, *verdicts)
    done = caretaker(machine, 'status')
    assert done.returncode == code, done.stdout + done.stderr
    assert says in done.stdout
    assert '\033' not in done.stdout, 'colours are for terminals'
    assert caretaker(machine, 'status', '--json').returncode == code


def test_status_tells_what_is_wrong_and_what_to_do_only_where_something_is(machine):
    write_status(machine, ('firewall', 'fail', None), ('backup', 'pass', None))
    out = caretaker(machine, 'status').stdout
    assert 'firewall is wrong.' in out and 'Mend firewall.' in out
    assert 'backup is wrong.' not in out


def test_status_before_the_first_check_says_what_to_do(machine):
    done = caretaker(machine, 'status')
    assert done.returncode == 2 and ': sudo caretaker check' in done.stderr


def as_nobody(machine, *args):
    """Without its own --state: as an ordinary user on a machine with Caretaker types it."""
    if os.geteuid() != 0:
        pytest.skip('needs root, to be somebody else')
    for folder in [machine.run_dir, *machine.run_dir.parents]:      # pytest makes it root's alone
        folder.chmod(folder.stat().st_mode | 0o011)
    return subprocess.run([machine.build / 'caretaker', '--run', machine.run_dir, *args], user=65534,
                          capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
                          cwd='/')


@pytest.mark.parametrize('args, typed', [(['check'], 'check'), (['enrol', 'CT1-x'], 'enrol CODE'),
                                         (['generalise'], 'generalise')])
def test_an_ordinary_user_is_told_what_to_type_as_root(machine, args, typed):
    machine.run_dir.mkdir()
    done = as_nobody(machine, *args)
    assert done.returncode == 2 and done.stdout == ''
    assert done.stderr == f'caretaker: only root may do that: sudo caretaker {typed}\n'


def test_an_ordinary_user_sees_the_status_and_whom_to_show_it(machine):
    write_status(machine, ('firewall', 'fail', None))
    done = as_nobody(machine, 'status')
    assert done.returncode == 1, done.stderr
    assert 'firewall is wrong.' in done.stdout
    assert 'To mend it takes an administrator: show them this.' in done.stdout
    assert 'administrator' not in caretaker(machine, 'status').stdout
    (machine.run_dir / 'status.json').chmod(0o600)
    done = as_nobody(machine, 'status')
    assert done.returncode == 2
    assert f"only root may read '{machine.run_dir}/status.json': sudo caretaker status" in done.stderr


def test_foreign_text_cannot_steer_the_terminal(machine):
    write_status(machine, ('firewall', 'fail', None))
    path = machine.run_dir / 'status.json'
    path.write_text(path.read_text().replace('firewall is wrong.', 'x\\u001b[2Jy'))
    assert '\033' not in caretaker(machine, 'status').stdout


def test_check_checks_reports_and_shows(machine, collector):
    machine.check('enrol', collector.code())
    done = caretaker(machine, 'check')
    assert done.returncode in (0, 1, 2) and 'Collector: 127.0.0.1' in done.stdout, done.stderr
    assert len(collector.order) == 1
    data = json.loads(caretaker(machine, 'status', '--json').stdout)
    assert {c['id'] for c in data['controls']} >= {'anti-virus', 'updates', 'firewall'}


def test_enrol_hands_the_code_on(machine, collector):
    done = caretaker(machine, 'enroll', collector.code())
    assert done.returncode == 0 and 'is enrolled with' in done.stdout, done.stderr


def test_explain_names_settings_clauses_and_the_finding(machine, collector):
    machine.check('enrol', collector.code())
    machine.beat()
    done = caretaker(machine, 'explain', 'anti-virus')
    assert 'clause' in done.stdout and '\nNow: ' in done.stdout and 'as built in' in done.stdout
    collector.publish('[policy]\nname = x\n\n[updates]\nfix_days = 9\n', 1)
    machine.beat()
    out = caretaker(machine, 'explain', 'updates').stdout
    assert "as this school's policy says" in out and 'fix_days = 9' in out


def test_explain_of_a_slip_names_the_nearest(machine):
    done = caretaker(machine, 'explain', 'antivirus')
    assert done.returncode == 2
    assert done.stderr == "caretaker: unknown control 'antivirus'; did you mean 'anti-virus'?\n"


def test_lint_names_file_line_and_the_nearest_key(machine, tmp_path):
    good, bad = tmp_path / 'good.ini', tmp_path / 'bad.ini'
    good.write_text('[policy]\nname = x\n')
    bad.write_text('[policy]\nname = x\n[updates]\nfix_day = 3\n')
    assert caretaker(machine, 'policy', 'lint', good).returncode == 0
    done = caretaker(machine, 'policy', 'lint', good, bad)
    assert done.returncode == 1
    assert f"{bad}:4:" in done.stderr and "'fix_days'" in done.stderr


def test_verify_holds_a_chain_to_its_key(machine, collector, tmp_path):
    machine.check('enrol', collector.code())
    for _ in range(3):
        machine.beat()
    chain = tmp_path / 'chain.jws'
    lines = [(machine.state / f'spool/{n}.jws').read_text() for n in machine.spool()]
    chain.write_text('\n'.join(lines) + '\n')
    key, other = tmp_path / 'key.pem', tmp_path / 'other.json'
    device_key = next(iter(collector.device().keys.values()))
    key.write_bytes(device_key.export_to_pem())
    other.write_text(jwk.JWK.generate(kty='EC', crv='P-256').export_public())
    done = caretaker(machine, 'verify', '--key', key, chain)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is the collector's word" in done.stdout
    assert caretaker(machine, 'verify', '--key', other, chain).returncode == 1
    unchecked = caretaker(machine, 'verify', chain)
    assert unchecked.returncode == 2 and 'Signatures were not checked' in unchecked.stdout
    chain.write_text(lines[0] + '\n' + lines[2] + '\n')
    gap = caretaker(machine, 'verify', '--key', key, chain)
    assert gap.returncode == 1 and 'line 2' in gap.stdout
