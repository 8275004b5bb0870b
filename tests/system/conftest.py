# What every system test needs: where the programs are, and running them.
# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import subprocess
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parents[1])]
import collector_fixture  # noqa: E402
import wire_device  # noqa: E402


@pytest.fixture(scope='session')
def build():
    path = pathlib.Path(os.environ.get('CARETAKER_BUILD', 'build/linux')).resolve()
    assert path.is_dir(), f'{path}: run "make" first, or name its folder in CARETAKER_BUILD'
    return path


@pytest.fixture
def program(build):
    """Runs a program of ours: program('caretaker-check', 'run').  Nothing waits for ever."""
    def run(name, *args, **kwargs):
        kwargs.setdefault('timeout', 120)
        return subprocess.run([build / name, *map(str, args)], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, **kwargs)
    return run


@pytest.fixture
def site(build, tmp_path):
    """Real collectors and machines: collector_fixture.py."""
    site = collector_fixture.Site(build, tmp_path)
    yield site
    site.close()


@pytest.fixture
def collector(site):
    return site.collector().make().start()


@pytest.fixture
def device(collector):
    """Enrolled, with two heartbeats acknowledged: these must still be there afterwards."""
    device = wire_device.Device(collector)
    assert device.enrol().status == 200
    device.ack(device.beat())
    device.ack(device.beat())
    yield device
    assert [row['seq'] for row in collector.chain(device.uuid)][:2] == [1, 2]
    assert collector.wrong_counts() == {}
