# A real caretaker-collector in its own folder: started on free ports, asked by its own commands, its
# store read by Python's sqlite3; killed, started again, copied and restored as a test wants.
# SPDX-License-Identifier: Apache-2.0
import collections
import http.client
import json
import os
import pathlib
import re
import signal
import sqlite3
import subprocess
import uuid

from jwcrypto import jwk

from agent_helpers import Machine
from minicollector import b64

PASSED, FAILED = 0, 1
INI = '[policy]\nname = {}\n'      # a policy that has but its name
COPY = """
import sqlite3, sys
with sqlite3.connect(f"file:{sys.argv[1]}/store.db?mode=ro", uri=True, timeout=30) as db:
    memory = sqlite3.connect(":memory:")
    db.backup(memory)
    sys.stdout.buffer.write(memory.serialize())
"""


class Collector:
    def __init__(self, build, folder, school='Oakfield', config='', env=None):
        self.build, self.folder = build, pathlib.Path(folder)
        self.data = self.folder / 'collector'
        self.folder.mkdir(parents=True, exist_ok=True)
        self.prefix = []         # what its programs are run under: nsenter, unshare
        self.config = self.folder / 'collector.ini'
        # The machine that tests may be short of room; the tests of a full disk set their own bound.
        self.config.write_text('[collector]\nmin_free_mb = 0\n' + config)
        self.env = dict(os.environ, **(env or {}))
        self.port = self.people = 0
        self.process = None
        self.log = self.folder / 'collector.log'
        self.school = school

    def make(self, *options):
        """init, with one school."""
        self.kit = self.folder / 'kit.txt'
        self.cmd('init', '--host', 'localhost', '--names', '127.0.0.1,localhost', '--kit', self.kit,
                 *options)
        if self.school:
            self.cmd('school', 'add', self.school)
        return self

    # --- commands ---

    def argv(self, *args):
        return [str(a) for a in [*self.prefix, self.build / 'caretaker-collector', '--data', self.data,
                                 '--config', self.config, *args]]

    def cmd(self, *args, code=PASSED, **kwargs):
        done = subprocess.run(self.argv(*args), capture_output=True, text=True, env=self.env,
                              stdin=subprocess.DEVNULL, timeout=120, **kwargs)
        assert done.returncode == code, \
            f'{" ".join(map(str, args))}: {done.returncode}\n{done.stdout}{done.stderr}'
        return done.stdout if code == PASSED else done.stdout + done.stderr

    def json(self, *args):
        return json.loads(self.cmd('--json', *args))

    def code(self, *options, host=None, school=None):
        """The text of a new enrolment code."""
        return self.json('code', 'new', '--school', school or self.school, '--host',
                         host or f'localhost:{self.port}', *options)['code']

    def publish(self, ini, *options):
        path = self.folder / 'policy.ini'
        path.write_text(ini)
        self.cmd('policy', 'publish', path, *(options or ('--school', self.school)))

    # --- serving ---

    def start(self, *options):
        assert not self.process
        self.process = subprocess.Popen(
            self.argv('serve', '--devices', f'127.0.0.1:{self.port}', '--people',
                      f'127.0.0.1:{self.people}', '--workers', '2', *options),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=open(self.log, 'a'), text=True,
            env=self.env)
        line = self.process.stdout.readline()
        found = re.match(r'listening devices=(\d+) people=(\d+)', line)
        assert found, f'{line!r}\n{self.log.read_text()[-2000:]}'
        # The same ports again when it comes back: devices know it by them.
        self.port, self.people = map(int, found.groups())
        return self

    def stop(self):
        return self._end(signal.SIGTERM)

    def kill(self):
        return self._end(signal.SIGKILL)

    def _end(self, how):
        if not self.process:
            return None
        self.process.send_signal(how)
        code = self.process.wait(30)
        self.process.stdout.close()
        self.process = None
        return code

    def health(self):
        """What /healthz says: a status and its words."""
        connection = http.client.HTTPConnection('127.0.0.1', self.people, timeout=30)
        connection.request('GET', '/healthz')
        answer = connection.getresponse()
        status, words = answer.status, json.loads(answer.read())
        connection.close()
        return status, words

    # --- what it holds ---

    def query(self, sql, *values):
        """Rows as sqlite3.Row, of one consistent state."""
        db = sqlite3.connect(':memory:')
        db.row_factory = sqlite3.Row
        if self.prefix:      # its files are in a mount namespace: a copy is looked at
            copy = subprocess.run([*map(str, self.prefix), '/usr/bin/python3', '-c', COPY, self.data],
                                  stdout=subprocess.PIPE, check=True, timeout=60).stdout
            db.deserialize(copy[:18] + b'\1\1' + copy[20:])      # no write-ahead log beside it
        else:
            db.close()
            db = sqlite3.connect(f'file:{self.data}/store.db?mode=ro', uri=True, timeout=30)
            db.row_factory = sqlite3.Row
        try:
            return db.execute(sql, values).fetchall()
        finally:
            db.close()

    def one(self, sql, *values):
        (row,) = self.query(sql, *values)
        return row[0]

    def device(self, uuid):
        (row,) = self.query('SELECT * FROM device WHERE uuid = ?', uuid)
        return row

    def chain(self, uuid):
        return self.query('SELECT h.* FROM heartbeat h JOIN device d ON d.id = h.device '
                          'WHERE d.uuid = ? ORDER BY h.seq, h.id', uuid)

    def events(self, uuid, type_=None):
        return [row for row in self.query(
            'SELECT e.* FROM event e JOIN device d ON d.id = e.device WHERE d.uuid = ? '
            'ORDER BY e.id', uuid) if type_ in (None, row['type'])]

    def wrong_counts(self):
        """Counters that differ from a recount of what they count: {} when all are right."""
        counts = collections.Counter()
        for d in self.query('SELECT * FROM device'):
            places = [(0, 0), (1, d['school']), (2, d['grp'])]
            places += [(3, d['room'])] if d['room'] else []
            rows = [(-2, d['presence'])] if d['presence'] is not None else []
            if d['standing'] is not None:
                rows += [(-1, d['standing']), (-3, d['policy_serial'])]
                rows += [tuple(r) for r in self.query(
                    'SELECT control, standing FROM device_control WHERE device = ?', d['id'])]
            counts.update((*place, *row) for place in places for row in rows)
        kept = {tuple(r)[:4]: r['count'] for r in self.query(
            'SELECT scope, scope_id, control, standing, count FROM counter WHERE count <> 0')}
        return {key: (kept.get(key, 0), counts.get(key, 0)) for key in kept.keys() | counts.keys()
                if kept.get(key, 0) != counts.get(key, 0)}


def key_of(collector, uuid):
    """The public key that the store has for a device, as jwcrypto takes it."""
    (row,) = collector.query('SELECT k.* FROM device_key k JOIN device d ON d.id = k.device '
                             'WHERE d.uuid = ? ORDER BY k.id', uuid)
    return jwk.JWK(kty='EC', crv='P-256', x=b64(row['point'][:32]), y=b64(row['point'][32:]))


def whole(collector, pc, branches=1):
    """As many branches, all counters right, nothing twice."""
    assert collector.one('SELECT count(*) FROM branch b JOIN device d ON d.id = b.device '
                         'WHERE d.uuid = ?', pc.uuid) == branches
    hashes = [row['hash'] for row in collector.chain(pc.uuid)]
    assert len(set(hashes)) == len(hashes)
    assert collector.wrong_counts() == {}
    collector.cmd('check')


def at_clock(when):
    """The environment of a program whose clock is wrong: '@2099-01-01 00:00:00', '+2d'."""
    library = next(pathlib.Path('/usr/lib').rglob('libfaketime.so.1'))
    return {'LD_PRELOAD': str(library), 'FAKETIME': when, 'DONT_FAKE_MONOTONIC': '1'}


class Site:
    """A collector and the machines that report to it."""

    def __init__(self, build, folder):
        self.build, self.folder = build, pathlib.Path(folder)
        self.collectors = []

    def collector(self, name='a', **kwargs):
        collector = Collector(self.build, self.folder / name, **kwargs)
        self.collectors.append(collector)
        return collector

    def machine(self, name='pc', config='', serial=None):
        machine = Machine(self.build, self.folder / name)
        machine.configure(f'[device]\nname = {name}\n' + config)
        if serial:
            machine.firmware(serial, str(uuid.uuid5(uuid.NAMESPACE_DNS, serial)))
        return machine

    def enrolled(self, collector, name='pc', config='', serial=None, options=()):
        machine = self.machine(name, config, serial)
        machine.check('enrol', collector.code(*options))
        machine.uuid = machine.saved('device.json')['device']
        return machine

    def close(self):
        for collector in self.collectors:
            collector.kill()
