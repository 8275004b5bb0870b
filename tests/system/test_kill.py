"""200 kill -9 of agent, uplink and collector at random instants, with a fleet reporting beside them:
what was acknowledged is in the store, once; what was signed arrives; nothing is counted twice.

CARETAKER_KILLS and CARETAKER_SEED choose how many and which.
SPDX-License-Identifier: Apache-2.0"""
import collections
import hashlib
import json
import os
import pathlib
import random
import signal
import subprocess
import threading
import time

import pytest

import relay
from collector_fixture import key_of
from minicollector import open_jws, unb64

KILLS = int(os.environ.get('CARETAKER_KILLS', '200'))
SEED = int(os.environ.get('CARETAKER_SEED', '20261122'))
MACHINES = 3
FLEET = 12


def raw(text):
    return hashlib.sha256(text.encode()).digest()


def running(pid):
    try:
        state = pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0]
    except OSError:
        return False
    return state not in 'ZX'


class Killed:
    """How many of each died by our hand."""

    def __init__(self):
        self.lock, self.counts = threading.Lock(), collections.Counter()

    def kill(self, what, pid):
        if not running(pid):
            return False
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        with self.lock:
            self.counts[what] += 1
        return True

    def total(self):
        with self.lock:
            return sum(self.counts.values())


class Pupil(threading.Thread):
    """A machine whose checks are killed at random; each time it has one more thing to tell."""

    def __init__(self, machine, killed, seed, quota):
        super().__init__(daemon=True)
        self.machine, self.killed, self.quota = machine, killed, quota
        self.rng = random.Random(seed)
        self.plugged, self.acked, self.error = 0, {}, None
        self.takes = 0.3       # seconds, of the last run that was let be

    def plug(self):
        """Another stick, which stays: an event that has to be told once."""
        self.plugged += 1
        usb = self.machine.root / f'sys/bus/usb/devices/1-{self.plugged}'
        usb.mkdir(parents=True)
        for name, text in ('idProduct', f'{self.plugged:04x}'), ('removable', 'removable'):
            (usb / name).write_text(text + '\n')
        (usb / 'idVendor').write_text('ca5e\n')

    def note(self):
        """What this device holds as acknowledged, at any moment, must be so."""
        saved = self.machine.saved()
        if saved['acked_seq']:
            self.acked[saved['acked_seq']] = saved['acked_hash']

    def uplink_of(self, process):
        """Waits for the child that carries; None when the check ends without."""
        children = pathlib.Path(f'/proc/{process.pid}/task/{process.pid}/children')
        while process.poll() is None:
            try:
                for pid in children.read_text().split():
                    if pathlib.Path(f'/proc/{pid}/comm').read_text().startswith('caretaker-uplin'):
                        return int(pid)
            except OSError:
                pass
            time.sleep(0.001)
        return None

    def once(self):
        self.plug()
        process = self.machine.start('run', '--now')
        if self.rng.random() < 0.4:
            pid = self.uplink_of(process)
            time.sleep(self.rng.uniform(0, 0.04))
            if pid:
                self.killed.kill('uplink', pid)
        else:
            time.sleep(self.rng.uniform(0, self.takes * 1.1))
            self.killed.kill('agent', process.pid)
        process.communicate(timeout=120)
        assert process.returncode in (0, -signal.SIGKILL), process.returncode
        self.note()

    def run(self):
        try:
            for i in range(self.quota):
                if i % 6 == 0:
                    started = time.monotonic()
                    self.machine.beat()
                    self.takes = time.monotonic() - started
                    self.note()
                self.once()
        except BaseException as error:   # told by the test's own thread
            self.error = error


def fleet_command(build, state, *args):
    return [build / 'caretaker-fleet', '--state', state, '--json', '--quiet', *map(str, args)]


@pytest.fixture
def fleet(site, collector):
    state, codes = site.folder / 'fleet', site.folder / 'codes'
    codes.write_text(f"Oakfield\t{collector.code('--uses', str(FLEET))}\n")
    subprocess.run(fleet_command(site.build, state, 'enrol', '--codes', codes, '--devices', FLEET),
                   check=True, stdout=subprocess.DEVNULL, timeout=60)
    process = subprocess.Popen(fleet_command(site.build, state, 'run', '--rate', 20, '--connections',
                                             2), stdout=subprocess.PIPE, text=True)
    yield process, state
    if process.poll() is None:
        process.kill()
        process.communicate()


def acknowledged_by(tap):
    """(device, seq) -> hash, of every acknowledgement that the collector gave through the tap."""
    said = {}
    for passage in tap.passages:
        if passage.status == 200 and passage.path == '/v1/heartbeats':
            claims = json.loads(unb64(passage.answer.decode().split('.')[1]))
            if claims['acked']:
                said[claims['device'], claims['acked']] = claims['head']
    return said


def hash_text(body):
    import base64
    return base64.urlsafe_b64encode(raw(body)).rstrip(b'=').decode()


def test_killed_200_times_nothing_acknowledged_is_lost_and_nothing_counted_twice(site, collector,
                                                                                 fleet):
    print(f'CARETAKER_SEED={SEED} CARETAKER_KILLS={KILLS}')
    rng, killed = random.Random(SEED), Killed()
    tap = relay.with_certificate_of(collector)
    pupils = []
    for i in range(MACHINES):
        # All but one by way of the tap, which is a witness to what the collector acknowledged.
        host = f'localhost:{tap.port if i else collector.port}'
        pc = site.machine(f'pc{i}', '[uplink]\ntimeout_s = 20\n', serial=f'KILL{i}')
        pc.check('enrol', collector.code(host=host))
        pc.uuid = pc.saved('device.json')['device']
        (pc.root / 'sys/bus/usb/devices').mkdir(parents=True)
        pc.beat()
        pupils.append(Pupil(pc, killed, SEED + i + 1, KILLS * 2 // 3 // MACHINES + 1))
    for pupil in pupils:
        pupil.start()
    while any(p.is_alive() for p in pupils) or killed.total() < KILLS:
        time.sleep(rng.uniform(0.05, 0.7) if any(p.is_alive() for p in pupils)
                   else rng.uniform(0, 0.2))
        killed.kill('collector', collector.process.pid)
        collector.kill()
        collector.start()
    errors = [p.error for p in pupils if p.error]
    assert not errors, errors
    process, fleet_state = fleet
    assert process.poll() is None       # it was under load to the end
    process.send_signal(signal.SIGTERM)
    result = json.loads(process.communicate(timeout=60)[0])
    print(dict(killed.counts), result)
    assert killed.total() >= KILLS
    # Enough of each kind that the figure means something.
    assert min(killed.counts[k] for k in ('agent', 'uplink', 'collector')) >= KILLS // 10
    assert result['acknowledged'] > KILLS

    # The dust settles: whatever was signed arrives.
    for pupil in pupils:
        pupil.machine.beat()
        status = pupil.machine.status()['collector']
        assert not status['in_flight'] and status['events_waiting'] == 0, status
    settled = subprocess.run(fleet_command(site.build, fleet_state, 'run', '--beats', 2),
                             stdout=subprocess.PIPE, text=True, timeout=120)
    assert json.loads(settled.stdout)['failed'] == 0, settled.stdout

    by_tap = acknowledged_by(tap)
    tap.close()
    for pupil in pupils:
        pc = pupil.machine
        chain = collector.chain(pc.uuid)
        # One chain, every number once, each naming the one before, just as the device signed it.
        assert [row['seq'] for row in chain] == list(range(1, len(chain) + 1))
        assert collector.one('SELECT count(*) FROM branch b JOIN device d ON d.id = b.device '
                             'WHERE d.uuid = ?', pc.uuid) == 1
        for row, number in zip(chain, pc.spool(), strict=True):
            text = (pc.state / f'spool/{number}.jws').read_text().strip()
            assert (row['seq'], row['hash'], row['body']) == (number, raw(text), text)
        for before, row in zip(chain, chain[1:]):
            assert row['prev'] == before['hash']
        # What it, and the tap, ever saw acknowledged.
        told = dict(pupil.acked)
        told.update({seq: head for (uuid, seq), head in by_tap.items() if uuid == pc.uuid})
        assert len(told) > len(chain) / 4
        for seq, head in told.items():
            assert hash_text(chain[seq - 1]['body']) == head
        # Each stick was told once: in the chain, and in the store's events.
        key = key_of(collector, pc.uuid)
        models = collections.Counter(
            e['data']['model'] for row in chain
            for e in open_jws(row['body'], key, 'heartbeat')['events'] if e['type'] == 'hardware-new')
        want = {f'ca5e:{n:04x}': 1 for n in range(1, pupil.plugged + 1)}
        assert models == want
        assert collections.Counter(json.loads(e['data'])['model'] for e in collector.events(
            pc.uuid, 'hardware-new')) == want
        # And caretaker verify, which knows nothing of all this, finds it whole.
        files = site.folder / f'{pc.uuid}.jws', site.folder / f'{pc.uuid}.jwk'
        files[0].write_text(collector.cmd('export', pc.uuid))
        files[1].write_text(collector.cmd('export', '--keys', pc.uuid))
        done = subprocess.run([site.build / 'caretaker', 'verify', '--key', files[1], files[0]],
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
    # The fleet's devices: as many in a row as each counts itself, none twice.
    rows = collector.query('SELECT device, count(*) AS n, count(DISTINCT hash) AS hashes, '
                           'max(seq) AS last, count(DISTINCT seq) AS seqs FROM heartbeat '
                           'GROUP BY device')
    assert len(rows) == MACHINES + FLEET
    for row in rows:
        assert row['n'] == row['hashes'] == row['last'] == row['seqs'], dict(row)
    assert collector.one('SELECT count(*) FROM heartbeat') >= result['acknowledged']
    assert collector.wrong_counts() == {}
    assert 'ok' in collector.cmd('check')
    assert collector.stop() == 0
