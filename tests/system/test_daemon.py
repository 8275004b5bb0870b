# caretakerd beside a real collector: what it watches after SIGHUP, and asking often after SIGUSR1.
# SPDX-License-Identifier: Apache-2.0
import contextlib
import pathlib
import queue
import re
import signal
import subprocess
import threading
import time

import relay


ROOT = pathlib.Path(__file__).parents[2]
CONFIG = '[daemon]\nsettle_s = 1\ngap_s = 5\nwatch = {}\n'


@contextlib.contextmanager
def daemon(machine, config):
    """caretakerd; yields it and a function that waits for a line of its log."""
    (machine.conf / 'caretakerd.ini').write_text(config)
    process = subprocess.Popen(
        [machine.build / 'caretakerd', '--verbose', '--state', machine.state, '--conf',
         machine.conf, '--run', machine.run_dir], stderr=subprocess.PIPE, text=True)
    lines, seen = queue.Queue(), []
    threading.Thread(target=lambda: [lines.put(line) for line in process.stderr],
                     daemon=True).start()

    def wait(text, seconds=60):
        end = time.monotonic() + seconds
        while True:
            try:
                seen.append(lines.get(timeout=max(end - time.monotonic(), 0.01)))
            except queue.Empty:
                raise AssertionError(f'no {text!r} in {"".join(seen)}') from None
            if text in seen[-1]:
                return seen[-1]
    wait.seen = seen
    try:
        yield process, wait
    except BaseException:
        print(''.join(seen), end='')  # a failure shows all that the daemon said
        while not lines.empty():
            print(lines.get(), end='')
        raise
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, 'it did not happen in time'
        time.sleep(0.05)


def controls():
    sections = re.split(r'^\[', (ROOT / 'conf/policies/default.ini').read_text(), flags=re.M)[1:]
    return [s.partition(']')[0] for s in sections if re.search(r'^mode = ', s, re.M)]


def heartbeats(proxy):
    return [p for p in proxy.passages if p.path == '/v1/heartbeats' and p.status == 200]


def test_sighup_reads_the_watch_lines_again(site, collector, tmp_path):
    machine = site.enrolled(collector)
    paths = [tmp_path / name / 'file' for name in ('old', 'new', 'newest')]
    for path in paths:
        path.parent.mkdir()

    def reload(process, wait, path):
        (machine.conf / 'caretakerd.ini').write_text(CONFIG.format(path))
        process.send_signal(signal.SIGHUP)
        wait('configuration read again')
    with daemon(machine, CONFIG.format(paths[0])) as (process, wait):
        wait('ready')
        reload(process, wait, paths[1])
        paths[0].write_text('no longer watched')
        paths[1].write_text('watched now')
        wait(f'{paths[1]}: a check follows')
        assert not any(f'{paths[0]}: a check' in line for line in wait.seen)
        for _ in range(40):     # folders that are not there must not use the places up
            reload(process, wait, paths[1])
        reload(process, wait, paths[2])
        reload(process, wait, paths[2])
        assert not any('is not watched' in line for line in wait.seen), wait.seen


def test_a_run_that_took_a_request_makes_it_ask_every_5_seconds(site, collector):
    """Whoever began that run; and a mere 'again in 3 s' does not."""
    machine = site.enrolled(collector)
    with daemon(machine, '[daemon]\nsettle_s = 1\ngap_s = 600\n') as (process, wait):
        wait('ready')
        wait_for(lambda: (machine.run_dir / 'next').exists())
        new = machine.run_dir / '.next.new'
        new.write_text('after 3\n')
        new.rename(machine.run_dir / 'next')
        new.write_text('after 0\nsomebody waits\n')
        new.rename(machine.run_dir / 'next')
        wait('somebody waits for an approval')


def test_sigusr1_asks_the_collector_every_5_seconds_without_checking(site, collector):
    proxy = relay.with_certificate_of(collector)
    try:
        # What caretakerd starts looks at this machine: a busy one takes minutes over its package lists.
        collector.publish('[policy]\nname = Off\n' + ''.join(f'[{c}]\nmode = off\n' for c in controls()))
        machine = site.machine('pc')
        machine.check('enrol', collector.code(host=f'localhost:{proxy.port}'))
        uuid = machine.saved('device.json')['device']
        machine.beat()
        assert machine.status()['policy']['name'] == 'Off'
        # "after 0": the enrolment's run must not be taken for the daemon's first.
        (machine.run_dir / 'next').unlink(missing_ok=True)
        with daemon(machine, '[daemon]\nsettle_s = 1\ngap_s = 600\n') as (process, wait):
            wait('ready')
            wait_for((machine.run_dir / 'next').exists, 180)     # which a run writes last
            before, begun = len(heartbeats(proxy)), time.monotonic()
            process.send_signal(signal.SIGUSR1)
            wait('somebody waits for an approval')
            wait_for(lambda: len(heartbeats(proxy)) >= before + 3, 120)
            # The third begins 10 s after the first at the earliest, however busy this machine is.
            assert time.monotonic() - begun >= 10, 'every 5 s, not without a pause'
        rows = collector.chain(uuid)
        assert [row['seq'] for row in rows] == list(range(1, len(rows) + 1))
    finally:
        proxy.close()
