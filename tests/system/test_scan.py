# What caretaker-scan says of a folder, by a real clamd; media themselves are scanned in the VM.
# SPDX-License-Identifier: Apache-2.0
import os
import pathlib

import pytest

from test_controls_software import VIRUS, clamd, needs_root  # noqa: F401  (a fixture)

pytestmark = needs_root


@pytest.fixture
def scan(clamd, build):  # noqa: F811
    """Scans tmp/files with a real clamd: (what is printed, exit code)."""
    def run(before=''):
        said, done = clamd(f'{before} {build}/caretaker-scan try {clamd.folder}/files || '
                           f'echo "exit $?"')
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()
    run.files = pathlib.Path(clamd.folder) / 'files'
    run.clamd = clamd
    return run


def test_a_folder_of_ordinary_files_is_clean_and_each_was_read(scan):
    for i in range(300):
        folder = scan.files / f'term {i % 7}' / 'ä'
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f'{i}.txt').write_bytes(b'x' * (i + 1))
    (scan.files / 'empty').touch()
    assert scan() == f'clean: 300 files, {300 * 301 // 2} bytes'


def test_one_infected_file_among_many_is_found_and_named_by_signature_only(scan):
    for i in range(60):
        (scan.files / f'{i}').write_bytes(b'lesson')
    deep = scan.files / 'a/b/c'
    deep.mkdir(parents=True)
    (deep / 'pupil-name.exe').write_bytes(b'MZ' + VIRUS)
    assert scan() == 'infected: Caretaker.Test.UNOFFICIAL\nexit 1'


def test_a_file_over_the_scanners_limit_is_unscannable_whatever_clamd_answers(scan):
    # clamd itself answers OK here: the virus lies behind its MaxFileSize.
    with open(scan.files / 'film.mp4', 'wb') as file:
        file.truncate(26 << 20)
        file.seek(0, os.SEEK_END)
        file.write(VIRUS)
    conf = scan.clamd.folder / 'etc/clamav/clamd.conf'
    conf.write_text(conf.read_text() + 'MaxFileSize 25M\n')
    assert scan().startswith('unscannable: file-too-large: ')
    conf.write_text(conf.read_text().replace('25M', '50M'))
    assert scan().startswith('infected: ')


def test_what_is_no_file_is_not_opened(scan):
    os.mkfifo(scan.files / 'pipe')
    (scan.files / 'link').symlink_to('/etc/passwd')
    (scan.files / 'loop').symlink_to('.')
    assert scan() == 'clean: 0 files, 0 bytes'


def test_folders_without_end_are_unscannable(scan):
    (scan.files / '/'.join(['d'] * 80)).mkdir(parents=True)
    (scan.files / '/'.join(['d'] * 80) / 'virus').write_bytes(VIRUS)
    assert scan().startswith('unscannable: too-many-files: ')


def test_a_clamd_that_dies_leaves_it_unscannable(scan):
    for i in range(40):
        (scan.files / f'{i}').write_bytes(b'lesson')
    assert scan('kill -9 $clamd; wait $clamd || true; (sleep 60) & clamd=$!;').startswith('unscannable: no-scanner: ')


@pytest.fixture
def asked(program, tmp_path):
    """Puts a request where caretakerd would and has it answered: the answer, None for none."""
    def ask(name):
        folder = tmp_path / 'run/scan'
        folder.mkdir(parents=True, exist_ok=True)
        # No file system that is ever mounted.
        (folder / f'{name}.ask').write_text('caretaker-scan 1 none-such 30\n')
        done = program('caretaker-scan', '--run', tmp_path / 'run', 'run')
        assert done.returncode == 0, done.stderr
        assert not (folder / f'{name}.ask').exists()
        state = folder / f'{name}.state'
        return state.read_text() if state.exists() else None
    return ask


def test_what_was_asked_of_another_disk_is_not_answered_by_the_one_with_its_name(asked):
    numbers = sorted(pathlib.Path('/sys/class/block').glob('*/diskseq'))
    if not numbers:
        pytest.skip('no disk here has a number of its own (diskseq)')
    name, number = numbers[0].parent.name, int(numbers[0].read_text())
    assert asked(f'{number}-{name}') == 'unscannable file-system\n'
    assert asked(f'{number + 1}-{name}') == 'stopped\n'


def test_a_request_without_a_number_is_taken_away_and_not_answered(asked):
    assert asked('sda1') is None
