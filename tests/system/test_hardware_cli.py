"""caretaker hardware: what everyone at a machine sees of the gate, and asks of the school.
SPDX-License-Identifier: Apache-2.0"""
import json
import os
import subprocess
import threading
import time

import pytest

SHOWN = {
    'v': 1, 'at': 1790000000, 'policy': 'staff', 'serial': 7, 'storage': 'enforce', 'hardware': 'audit',
    'rules': 'in force', 'ask': True,
    'devices': [
        {'id': '046d:c077:', 'port': '1-1', 'kind': 'input', 'verdict': 'passed', 'enforced': True,
         'why': 'free'},
        {'reference': 'K7Q2MX', 'id': '0951:1666:60A44C41', 'port': '2-1', 'kind': 'storage',
         'maker': 'Kingston', 'model': 'DataTraveler', 'verdict': 'refused', 'enforced': True,
         'why': 'not-approved', 'line': 14, 'may_ask': True},
        {'reference': 'B4N7TY', 'id': '0951:1666:1', 'port': '2-2', 'kind': 'storage', 'verdict': 'read-only',
         'enforced': True, 'why': 'approved-stick', 'exception': 'EX-12', 'until': 1790000000,
         'media': [{'name': 'sda1', 'bytes': 16777216, 'file_system': 'vfat', 'verdict': 'read-only',
                    'why': 'plain'}]},
    ],
}


@pytest.fixture
def machine(build, tmp_path):
    run = tmp_path / 'run'
    run.mkdir()

    def caretaker(*args, **kwargs):
        return subprocess.run([build / 'caretaker', '--run', run, '--state', tmp_path, *args],
                              capture_output=True, text=True, timeout=60, **kwargs)
    caretaker.run_dir = run
    caretaker.show = lambda shown: (run / 'hardware.json').write_text(json.dumps(shown))
    return caretaker


def test_a_table_says_what_became_of_each_and_why(machine):
    machine.show(SHOWN)
    done = machine('hardware')
    assert done.returncode == 1, done.stderr
    assert done.stdout == '''\
Policy:   staff, number 7
Storage:  what is not allowed is refused

K7Q2MX    Kingston DataTraveler, storage, port 2-1
          refused because nobody approved it
          policy line 14
          to ask for it: caretaker hardware ask K7Q2MX --reason "..."
          to approve it: caretaker-collector requests approve K7Q2MX
          its id, for a policy or an exception: 0951:1666:60A44C41
B4N7TY    storage, port 2-2
          read-only because it is approved
          exception EX-12, until 2026-09-21T14:13 UTC
          sda1, 16 MiB, vfat: read-only because it is not encrypted

1 other device the policy lets be.
'''
    said = machine('hardware', '--json')
    assert said.returncode == 0 and json.loads(said.stdout) == SHOWN


@pytest.mark.parametrize('scan, says', [
    ({'stage': 'waiting'}, 'it waits to be scanned'),
    ({'stage': 'scanning', 'files': 3, 'bytes': 4096}, 'being scanned: 3 files, 4096 bytes'),
    ({'stage': 'scanning', 'files': 120, 'bytes': 1 << 30, 'total_bytes': 60 << 30, 'left_s': 89},
     'being scanned: 120 files, 1024 MiB of 60 GiB, about 89 s left'),
    ({'stage': 'scanning', 'files': 120, 'bytes': 1 << 30, 'total_bytes': 60 << 30, 'left_s': 3600},
     'being scanned: 120 files, 1024 MiB of 60 GiB, about 60 min left'),
    ({'stage': 'on-open'}, 'each file is scanned when it is opened'),
    ({'stage': 'on-open', 'not_opened': 'file-too-large'},
     'a file was not opened because a file on it is larger than the anti-virus reads'),
])
def test_a_medium_that_is_scanned_says_how_far_it_is(machine, scan, says):
    medium = {**SHOWN['devices'][2]['media'][0], 'scan': scan}
    machine.show({**SHOWN, 'devices': [{**SHOWN['devices'][2], 'media': [medium]}]})
    assert f'            {says}\n' in machine('hardware').stdout


@pytest.mark.parametrize('why, because, helps', [
    ('wrong-port', 'storage works in the front ports only', 'plug it into a port at the front'),
    ('too-deep', 'it is behind more hubs than storage may be', 'plug it into the computer itself, not into a hub'),
    ('screen-locked', 'it was plugged in while the screen was locked',
     'unlock the screen: then it is looked at again'),
    ('plain', 'it is not encrypted', 'use one that is'),
    ('changed-device', 'it is not the device that was approved, though it says so',
     'use another stick, and show this one to whoever approved it'),
    ('infected', 'the anti-virus found something on it',
     'use it nowhere, and show it to whoever looks after the computers'),
])
def test_whoever_holds_what_was_refused_reads_what_helps(machine, why, because, helps):
    refused = {'id': '0951:1666:1', 'port': '2-2', 'kind': 'storage', 'verdict': 'refused', 'enforced': True,
               'why': why, 'line': 3}
    machine.show(dict(SHOWN, devices=[refused]))
    assert machine('hardware').stdout.split('\n\n')[1] == f'''\
-         storage, port 2-2
          refused because {because}
          policy line 3
          what helps: {helps}
          its id, for a policy or an exception: 0951:1666:1
'''


def test_what_works_is_counted_alone_unless_it_was_storage_before(machine):
    keys = {'reference': 'K7Q2MX', 'id': '0951:1666:1', 'port': '2-2', 'kind': 'input', 'maker': 'Kingston',
            'verdict': 'passed', 'enforced': False, 'why': 'was-storage'}
    machine.show(dict(SHOWN, devices=[keys, SHOWN['devices'][0]]))
    done = machine('hardware')
    assert done.returncode == 0 and done.stdout.split('\n\n')[1:] == ['''\
K7Q2MX    Kingston, input, port 2-2
          works, but it was storage before, and a keyboard or pointer is in it now
          what helps: pull it out unless you know why''', '''\
1 other device the policy lets be.
''']


def test_what_would_be_refused_and_a_machine_without_rules(machine):
    shown = dict(SHOWN, storage='audit', devices=[dict(SHOWN['devices'][1], enforced=False)])
    machine.show(shown)
    done = machine('hardware')
    assert done.returncode == 1
    assert 'only looked at, nothing is refused' in done.stdout
    assert 'would be refused because nobody approved it' in done.stdout
    machine.show(dict(SHOWN, rules='none', devices=[]))
    done = machine('hardware')
    assert done.returncode == 0 and 'No rules are in force' in done.stdout


def test_a_device_s_own_words_cannot_steer_a_terminal(machine):
    bad = dict(SHOWN['devices'][1], maker='\x1b[2Jevil', model='\u202e', why='\x1b[31mnew', reference='\x1b[2J')
    machine.show(dict(SHOWN, devices=[bad]))
    done = machine('hardware')
    assert '\x1b' not in done.stdout and '\u202e' not in done.stdout


@pytest.mark.parametrize('text, says', [
    (None, 'caretakerd does not run'),
    ('{"v":2}', 'of another version of Caretaker'),
    ('{', 'hardware.json'),
    ('{"v":1}', "member 'devices'"),
])
def test_without_its_file_it_cannot_tell(machine, text, says):
    if text is not None:
        (machine.run_dir / 'hardware.json').write_text(text)
    done = machine('hardware')
    assert done.returncode == 2 and says in done.stderr


def test_asking_leaves_a_frame_that_only_its_owner_made(machine):
    machine.show(SHOWN)
    ask = machine.run_dir / 'ask'
    ask.mkdir(mode=0o1733)
    done = machine('hardware', 'ask', 'K7Q2MX', '--reason', 'for the assembly')
    assert done.returncode == 0 and 'Asked for K7Q2MX' in done.stdout, done.stderr
    frame, = ask.iterdir()
    assert frame.stat().st_mode & 0o777 == 0o600 and frame.stat().st_uid == os.getuid()
    assert frame.read_bytes() == (b'CTASK1\0\0' + b'K7Q2MX'.ljust(16, b'\0') +
                                  b'for the assembly'.ljust(201, b'\0') + b'\0' * 31)


@pytest.mark.parametrize('args, says', [
    (['B4N7TY'], 'nobody can be asked'),
    (['ZZZZ99'], "nothing with the reference 'ZZZZ99' is plugged in"),
    (['../../etc'], 'is no reference'),
    (['K7Q2MX', '--reason', 'x' * 201], 'longer than 200 bytes'),
    (['K7Q2MX', '--reason', 'a\x1b[2Jb'], 'cannot be shown'),
    (['K7Q2MX'], 'leave a request in'),
])
def test_asking_says_why_it_cannot(machine, args, says):
    machine.show(SHOWN)
    done = machine('hardware', 'ask', *args)
    assert done.returncode == 2 and says in done.stderr
    assert not (machine.run_dir / 'ask').exists()


def test_ports_end_without_a_name_where_nothing_was_plugged(machine):
    done = machine('hardware', 'ports', input='\nq\n')
    if done.returncode == 2:
        pytest.skip(f'this machine has no USB to look at: {done.stderr.strip()}')
    assert 'Nothing new is plugged in.' in done.stdout and 'No port was named.' in done.stdout


def test_explain_names_what_is_checked_and_its_settings(machine):
    done = machine('explain', 'removable-storage')
    assert 'USB sticks and other removable storage stay out unless allowed.' in done.stdout
    for key in ('allow', 'encrypted', 'plain', 'scan', 'weak_serial', 'classroom', 'max_hubs', 'ask'):
        assert f'\n  {key} = ' in done.stdout


# --- codes that are read out over the phone ---

CODE = 'BDAQ-X4YH-T5G5'   # a good one by its check character, for nothing here


def codes(**changes):
    return {'v': 1, 'machine': '0a0a0a0a', 'days': 1, 'today': '2026-11-22', 'clock': True,
            'sticks': [{'reference': 'K7Q2MX', 'challenge': '2AX1-RD73'}], 'answers': [], **changes}


def answer(machine, **said):
    """Answers the next code that is left, as caretaker-check would: a thread that waits for it."""
    folder = machine.run_dir / 'ask'
    folder.mkdir(exist_ok=True)

    def wait():
        end = time.monotonic() + 30
        while not (left := list(folder.iterdir())) or left[0].stat().st_size != 256:
            assert time.monotonic() < end
            time.sleep(0.01)
        frame = left[0].read_bytes()
        assert frame[:8] == b'CTCODE1\0' and frame[8:21] == CODE.replace('-', '').encode() + b'\0'
        left[0].unlink()
        said['ticket'] = frame[21:37].decode()
        new = machine.run_dir / '.codes'
        new.write_text(json.dumps(codes(answers=[{'ticket': '0' * 16, 'answer': 'wrong'}, said])))
        new.rename(machine.run_dir / 'phone-codes.json')
    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_a_refused_stick_shows_what_to_read_out(machine):
    machine.show(SHOWN)
    assert 'without a network' not in machine('hardware').stdout
    (machine.run_dir / 'phone-codes.json').write_text(json.dumps(codes()))
    said = machine('hardware').stdout
    host = os.uname().nodename.split('.')[0]
    assert f'read this out to the school: {host}, 0a0a0a0a, 2AX1-RD73\n' in said
    assert said.count('caretaker hardware code CODE') == 1
    (machine.run_dir / 'phone-codes.json').write_text(json.dumps(codes(sticks=[])))
    assert 'within a minute this shows what to read out' in machine('hardware').stdout
    (machine.run_dir / 'phone-codes.json').write_text(json.dumps(codes(sticks=[], days=0)))
    assert 'without a network' not in machine('hardware').stdout


@pytest.mark.parametrize('said, code, words', [
    ({'answer': 'opened', 'reference': 'K7Q2MX', 'until': 1795391999}, 0,
     'K7Q2MX opens until the end of 2026-11-22, to be read'),
    ({'answer': 'wrong', 'left': 3}, 1, "today's date, which is 2026-11-22 for this machine.\n3 tries are left."),
    ({'answer': 'wrong', 'left': 0}, 1, 'That was the last try for an hour.'),
    ({'answer': 'wait', 'wait_s': 1800}, 1, 'try again in 30 minutes'),
    ({'answer': 'none'}, 1, "The school's policy opens nothing by codes."),
    ({'answer': 'clock'}, 1, 'Set the clock first'),
    ({'answer': 'full'}, 1, 'as many sticks here as can be open at once'),
])
def test_a_code_is_left_and_its_answer_told(machine, said, code, words):
    thread = answer(machine, **said)
    done = machine('hardware', 'code', *CODE.lower().split('-'))
    thread.join()
    assert done.returncode == code and words in done.stdout, done.stdout + done.stderr


def test_a_slip_is_told_at_once_and_is_no_try(machine):
    (machine.run_dir / 'ask').mkdir()
    for code, why in (('BDAQ-X4YH-T5G6', 'a character is wrong, or two changed places'),
                      ('BDAQ-X4YH', 'it has 8 characters, not 12'),
                      ('BDAQ-X4YH-T5GU', 'there are digits and letters, but no U')):
        done = machine('hardware', 'code', code)
        assert done.returncode == 2 and 'a typing error' in done.stderr and why in done.stderr, done.stderr
    assert not list((machine.run_dir / 'ask').iterdir())
