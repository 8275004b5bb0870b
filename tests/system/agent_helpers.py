# One machine of the tests: its own folders, and the agent's programs run in them.
# SPDX-License-Identifier: Apache-2.0
import json
import os
import pathlib
import subprocess


class Machine:
    def __init__(self, build, folder):
        self.build, self.folder = build, pathlib.Path(folder)
        self.state, self.conf, self.run_dir = (self.folder / n for n in ('state', 'conf', 'run'))
        self.root = self.folder / 'root'
        for path in (self.conf, self.root):
            path.mkdir(parents=True, exist_ok=True)
        self.env = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin'}
        self.prefix = []  # what the programs are run under: unshare, faketime

    def options(self):
        return ['--state', self.state, '--conf', self.conf, '--run', self.run_dir, '--root',
                self.root]

    def command(self, *args):
        return [str(a) for a in [*self.prefix, self.build / 'caretaker-check', *self.options(),
                                 *args]]

    def start(self, *args, **kwargs):
        return subprocess.Popen(self.command(*args), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=self.env, **kwargs)

    def check(self, *args, code=0, **kwargs):
        done = subprocess.run(self.command(*args), capture_output=True, text=True, env=self.env,
                              stdin=subprocess.DEVNULL, timeout=120, **kwargs)
        assert done.returncode == code, f'{done.returncode}: {done.stdout}{done.stderr}'
        return done

    def beat(self, *args, **kwargs):
        return self.check('run', '--now', *args, **kwargs)

    def configure(self, text):
        (self.conf / 'caretaker-check.ini').write_text(text)

    def status(self):
        return json.loads((self.run_dir / 'status.json').read_text())

    def saved(self, name='state.json'):
        return json.loads((self.state / name).read_text())

    def spool(self):
        return sorted(int(p.stem) for p in (self.state / 'spool').glob('[0-9]*.jws'))

    def firmware(self, serial, uuid):
        dmi = self.root / 'sys/class/dmi/id'
        dmi.mkdir(parents=True, exist_ok=True)
        (dmi / 'product_serial').write_text(serial + '\n')
        (dmi / 'product_uuid').write_text(uuid + '\n')


def environment(**extra):
    return dict(os.environ, **extra)
