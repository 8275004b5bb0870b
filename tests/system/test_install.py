# make install: programs find each other, whatever the prefix.
# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def make(build, *args):
    subprocess.run(['make', '-C', ROOT, f'B={build}', *args], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=600)


@pytest.fixture
def copy(build, tmp_path):
    """Of the build, so that the others go on with theirs: only what names the places is made anew."""
    shutil.copytree(build, tmp_path / 'build', copy_function=shutil.copy2,
                    ignore=shutil.ignore_patterns('unit', 'tests', 'fuzz', 'bench', 'deb', '*.d'))
    return tmp_path / 'build'


def test_programs_find_each_other_below_another_prefix(copy, tmp_path):
    prefix = tmp_path / 'place'
    make(copy, 'install', f'prefix={prefix}', f'sysconfdir={tmp_path}/etc', 'DESTDIR=')
    shutil.rmtree(copy)
    own = ['--state', tmp_path / 'state', '--run', tmp_path / 'run', '--conf', tmp_path / 'conf']
    (tmp_path / 'conf').mkdir()
    done = subprocess.run([prefix / 'bin/caretaker', *own, 'generalise'], capture_output=True,
                          text=True, timeout=120, stdin=subprocess.DEVNULL)
    assert done.returncode == 0 and 'can be cloned' in done.stdout, done.stderr
    units = prefix / 'lib/systemd/system'
    assert f'{prefix}/libexec/caretaker/caretaker-check' in (units / 'caretaker-check.service').read_text()
    for unit in units.iterdir():
        assert '/usr/libexec' not in unit.read_text() and 'dir@' not in unit.read_text(), unit


@pytest.mark.skipif(os.geteuid() != 0, reason='needs root, to put a folder in the place of another')
def test_a_package_made_in_a_folder_runs_where_it_is_unpacked(copy, tmp_path):
    staged = tmp_path / 'staged'
    make(copy, 'install', 'prefix=/usr/local', f'DESTDIR={staged}')
    own = f'--state {tmp_path}/state --run {tmp_path}/run --conf {tmp_path}'
    done = subprocess.run(
        ['unshare', '--mount', 'sh', '-ec', f'mount --bind {staged}/usr/local /usr/local; '
         f'/usr/local/bin/caretaker {own} generalise'],
        capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    assert done.returncode == 0 and 'can be cloned' in done.stdout, done.stderr
