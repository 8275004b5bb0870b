"""caretaker-fleet against the real collector: the same scenario twice, kept connections and new
ones, what it measures, and what it says when a code is wrong.
SPDX-License-Identifier: Apache-2.0"""
import hashlib
import json
import pathlib
import re
import subprocess

import relay
from minicollector import b64, unb64

TOP = pathlib.Path(__file__).resolve().parents[2]
DEVICES = 30


class Fleet:
    def __init__(self, site, collector, name='fleet', devices=DEVICES, host=None):
        self.build, self.state = site.build, site.folder / name
        self.codes = site.folder / f'{name}.codes'
        self.devices = devices
        self.codes.write_text(f"{collector.school}\t"
                              f"{collector.code('--uses', str(devices), host=host)}\n")

    def run(self, *args, code=0, json_too=True):
        done = subprocess.run(
            [self.build / 'caretaker-fleet', '--state', self.state, '--quiet',
             *(['--json'] if json_too else []), *map(str, args)], capture_output=True, text=True,
            timeout=120)
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout) if json_too and done.stdout else done.stdout + done.stderr

    def enrol(self, **kwargs):
        return self.run('enrol', '--codes', self.codes, '--devices', self.devices, **kwargs)


def standings(collector):
    return {(d['name'], d['school']): d['standing'] for d in collector.json('devices')['devices']}


def verdicts(collector):
    rows = collector.query('SELECT d.name, c.control, c.verdict, c.why, c.evidence '
                           'FROM device_control c JOIN device d ON d.id = c.device ORDER BY 1, 2')
    # the times in the evidence are those of the report, whatever the seed
    return [(*r[:4], re.sub(r'(_at|since)": ?\d+', r'\1":TIME', r[4])) for r in rows]


def rollup(collector):
    counts = collector.query('SELECT scope, control, standing, count FROM counter '
                             'WHERE count <> 0 ORDER BY 1, 2, 3')
    return [tuple(r) for r in counts]


def test_the_same_seed_makes_the_same_rollup_and_another_seed_another(site):
    seen = []
    other = site.folder / 'other.ini'
    text = (TOP / 'conf/fleet.ini').read_text()
    assert 'seed = 20261122' in text
    other.write_text(text.replace('seed = 20261122', 'seed = 7'))
    for name, options in ('first', []), ('again', []), ('other', ['--scenario', other]):
        collector = site.collector(name).make().start()
        fleet = Fleet(site, collector, name + '-fleet')
        assert fleet.enrol()['enrolled'] == DEVICES
        result = fleet.run('run', '--beats', 3, *options)
        assert (result['acknowledged'], result['failed']) == (3 * DEVICES, 0)
        assert collector.wrong_counts() == {}
        seen.append((standings(collector), verdicts(collector), rollup(collector)))
        collector.stop()
    first, again, other = seen
    assert first == again
    assert len(first[0]) == DEVICES and len(set(first[0].values())) >= 3     # plausible faults
    assert first[0] != other[0] and first[2] != other[2]


def test_connections_are_kept_or_made_anew_as_asked(site, collector):
    tap = relay.with_certificate_of(collector)
    try:
        fleet = Fleet(site, collector, devices=6, host=f'localhost:{tap.port}')
        fleet.enrol()
        tap.connects.clear()
        kept = fleet.run('run', '--beats', 4, '--connections', 2)
        assert (kept['acknowledged'], len(tap.connects)) == (24, 2)
        tap.connects.clear()
        anew = fleet.run('run', '--beats', 4, '--connections', 2, '--reconnect')
        assert (anew['acknowledged'], len(tap.connects)) == (24, 24)
    finally:
        tap.close()


def test_json_has_percentiles_that_rise(site, collector):
    fleet = Fleet(site, collector)
    fleet.enrol()
    result = fleet.run('run', '--beats', 5)
    assert result['sent'] == result['acknowledged'] == 5 * DEVICES and result['refused'] == 0
    assert 0 < result['p50_us'] <= result['p90_us'] <= result['p99_us']
    # A percentile is of a histogram with steps of a few in a hundred; the largest is exact.
    assert result['p99_us'] <= result['max_us'] * 1.2
    assert result['bytes'] > 5 * DEVICES * 200 and result['milliseconds'] > 0
    stored = [r[0] for r in collector.query('SELECT length(body) FROM heartbeat')]
    assert sum(stored) == result['bytes']


def test_a_rate_is_kept(site, collector):
    fleet = Fleet(site, collector, devices=10)
    fleet.enrol()
    result = fleet.run('run', '--beats', 4, '--rate', 20)
    assert result['acknowledged'] == 40 and 1800 <= result['milliseconds'] < 4000


def test_an_end_and_a_new_start_go_on_with_each_chain(site, collector):
    fleet = Fleet(site, collector, devices=4)
    fleet.enrol()
    fleet.run('run', '--beats', 2)
    fleet.run('run', '--beats', 2)
    assert [tuple(r) for r in collector.query(
        'SELECT count(*), max(seq) FROM heartbeat GROUP BY device')] == 4 * [(4, 4)]
    assert collector.one('SELECT count(*) FROM branch') == 4


def test_a_wrong_code_is_said_in_the_collectors_words(site, collector):
    fleet = Fleet(site, collector, devices=2)
    name, code = fleet.codes.read_text().strip().split('\t')
    data = bytearray(unb64(code[4:])[:-4])
    data[5] ^= 1     # another secret, with a checksum of its own
    fleet.codes.write_text(f"{name}\tCT1-{b64(bytes(data) + hashlib.sha256(data).digest()[:4])}\n")
    result = fleet.enrol(code=1)
    assert (result['enrolled'], result['failed']) == (0, 2)
    assert 'HTTP 403' in result['first_error'] and 'wrong-code' in result['first_error']
    assert collector.one('SELECT count(*) FROM device') == 0


def test_a_code_with_a_slip_names_file_and_line(site, collector):
    fleet = Fleet(site, collector, devices=2)
    good = fleet.codes.read_text()
    fleet.codes.write_text(good + good[:-8] + 'AAAAAAA\n')
    assert f'{fleet.codes}:2' in fleet.enrol(code=1, json_too=False)
    fleet.codes.write_text('no tab here\n')
    said = fleet.enrol(code=1, json_too=False)
    assert f"{fleet.codes}:1: expected 'SCHOOL<TAB>CODE'" in said


def test_a_code_with_too_few_uses_enrols_as_many(site, collector):
    fleet = Fleet(site, collector, devices=3)
    fleet.devices = 5
    result = fleet.enrol(code=1)
    assert (result['enrolled'], result['failed']) == (3, 2)
    assert 'code-used-up' in result['first_error']
    assert collector.one("SELECT count(*) FROM device") == 3
