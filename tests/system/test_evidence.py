# A chain as evidence: exported with the collector's signed word, verified without the collector.
# SPDX-License-Identifier: Apache-2.0
import json
import subprocess

import pytest


def caretaker(build, *args):
    return subprocess.run([build / 'caretaker', *map(str, args)], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=60)


@pytest.fixture
def evidence(site, collector, tmp_path):
    """Two machines' evidence, one with a rotated key."""
    folders = []
    for name in ('one', 'two'):
        machine = site.enrolled(collector, name)
        machine.beat()
        if name == 'one':
            machine.check('rotate-key')
        machine.beat()
        machine.beat()
        folders.append(tmp_path / f'evidence-{name}')
        collector.cmd('export', machine.uuid, '--evidence', folders[-1])
    return folders


def test_an_exported_chain_says_whose_it_is_and_verifies_offline(build, collector, evidence):
    collector.stop()
    folder = evidence[0]
    done = caretaker(build, 'verify', '--ca', folder / 'keys.jws', folder / 'chain.jws')
    assert done.returncode == 0, done.stdout + done.stderr
    assert "this device's is the collector's word" in done.stdout
    report = json.loads(caretaker(build, 'verify', '--json', '--ca', folder / 'keys.jws',
                                  folder / 'chain.jws').stdout)
    assert report['signatures_checked'] and report['finding_count'] == 0
    assert report['collectors_word']['device'] == report['device']
    kit = collector.kit.read_text()
    assert report['collectors_word']['org'] in kit
    word, *rest = (folder / 'chain.jws').read_text().splitlines(keepends=True)
    backwards = folder / 'backwards.jws'
    backwards.write_text(word + ''.join(reversed(rest)) + rest[-1])
    done = caretaker(build, 'verify', '--ca', folder / 'keys.jws', backwards)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f'line {len(rest) + 2}: the same heartbeat as line 2' in done.stdout
    plain = caretaker(build, 'verify', folder / 'chain.jws')
    assert plain.returncode == 2 and 'shows only that one key signed' in plain.stdout


def test_a_word_about_another_device_or_of_another_collector_is_found_out(build, site, evidence,
                                                                        tmp_path):
    one, two = evidence
    word, *rest = (one / 'chain.jws').read_text().splitlines(keepends=True)
    mixed = tmp_path / 'mixed.jws'

    def verify(text, keys):
        mixed.write_text(text)
        return caretaker(build, 'verify', '--ca', keys, mixed)
    other = (two / 'chain.jws').read_text().splitlines(keepends=True)
    done = verify(other[0] + ''.join(rest), one / 'keys.jws')
    assert done.returncode == 1
    assert 'no heartbeat in it is signed by a key that the collector names' in done.stderr
    head, payload, _ = word.strip().split('.')
    done = verify('.'.join((head, payload, other[0].strip().split('.')[2])) + '\n' + ''.join(rest),
                  one / 'keys.jws')
    assert done.returncode == 1 and 'the signature does not hold' in done.stderr
    done = verify(''.join(rest), one / 'keys.jws')
    assert done.returncode == 2 and '--evidence DIR' in done.stderr
    done = verify(word + ''.join(rest[:1] + rest[2:]), one / 'keys.jws')
    assert done.returncode == 1 and 'line 3' in done.stdout
    stranger = site.collector('b').make()
    done = verify(word + ''.join(rest), stranger.data / 'keys.jws')
    assert done.returncode == 1, done.stdout + done.stderr
    assert 'no online key' in done.stderr
