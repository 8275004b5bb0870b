"""A collector restored from a backup, with real agents that know more than it does: it is sent again
what it lost, and what it publishes then is taken.
SPDX-License-Identifier: Apache-2.0"""
import json

import pytest

from collector_fixture import INI, whole
from minicollector import unb64


def restore(site, collector, backup):
    """A new machine in the old one's place, from that backup."""
    collector.kill()
    collector.data.rename(collector.folder / 'lost')
    collector.cmd('restore', backup)
    collector.start()


def test_a_collector_restored_from_yesterday_is_sent_again_what_it_lost(site, collector):
    pc, other = site.enrolled(collector, 'a'), site.enrolled(collector, 'b')
    for _ in range(3):
        pc.beat()
    other.beat()
    backup = site.folder / 'backup'
    collector.cmd('backup', backup)
    for _ in range(4):
        pc.beat()
    signed = {n: (pc.state / f'spool/{n}.jws').read_text().strip() for n in pc.spool()}
    epoch = collector.one("SELECT value FROM meta WHERE name = 'epoch'")
    restore(site, collector, backup)
    assert len(collector.chain(pc.uuid)) == 3
    assert collector.one("SELECT value FROM meta WHERE name = 'epoch'") != epoch
    pc.beat()
    other.beat()
    chain = {row['seq']: row['body'] for row in collector.chain(pc.uuid)}
    assert {n: chain.get(n) for n in signed} == signed     # all that was ever acknowledged
    assert sorted(chain) == list(range(1, max(chain) + 1)) and max(chain) > 7
    assert pc.status()['collector']['trouble'] == ''
    # What was lost for a moment is no gap, no fork, no alarm for a person.
    whole(collector, pc)
    whole(collector, other)
    assert pc.status()['collector']['acknowledged'] == max(chain)


@pytest.mark.parametrize('rotations', [1, 2])
def test_a_collector_restored_from_before_a_devices_key_rotation_learns_the_key_again(
        site, collector, rotations):
    pc = site.enrolled(collector)
    pc.beat()
    backup = site.folder / 'backup'
    collector.cmd('backup', backup)
    pc.beat()                                   # signed by a key that is replaced afterwards
    for _ in range(rotations):
        pc.check('rotate-key')
        pc.beat()
        pc.beat()
    signed = {n: (pc.state / f'spool/{n}.jws').read_text().strip() for n in pc.spool()}
    kids = {json.loads(unb64(text.split('.')[0]))['kid'] for text in signed.values()}
    assert len(kids) == 1 + rotations
    restore(site, collector, backup)
    pc.beat()
    chain = {row['seq']: row['body'] for row in collector.chain(pc.uuid)}
    assert {n: chain.get(n) for n in signed} == signed
    assert max(chain) > max(signed) and sorted(chain) == list(range(1, max(chain) + 1))
    assert pc.status()['collector']['trouble'] == ''
    assert collector.events(pc.uuid, 'key-rotated')
    whole(collector, pc)


def test_a_device_that_a_restored_collector_never_knew_says_so_and_loses_nothing(site, collector):
    backup = site.folder / 'backup'
    collector.cmd('backup', backup)
    pc = site.enrolled(collector)
    pc.beat()
    pc.check('rotate-key')
    pc.beat()
    pc.beat()
    restore(site, collector, backup)
    pc.beat()
    spool = pc.spool()
    for _ in range(2):
        pc.beat()
        assert 'no device here has' in pc.status()['collector']['trouble']
        assert pc.saved()['resend_next'] == 0 and pc.spool() == spool


def test_a_policy_published_after_the_backup_is_followed_by_one_that_devices_take(site, collector):
    pc = site.enrolled(collector)
    collector.publish(INI.format('One'))
    pc.beat()
    backup = site.folder / 'backup'
    collector.cmd('backup', backup)
    collector.publish(INI.format('Two'))
    pc.beat()
    assert pc.status()['policy']['serial'] == 2
    policy_key = collector.folder / 'lost/policy.key'
    restore(site, collector, backup)
    # Before the device was heard again: the store alone would give number 2 once more.
    collector.publish(INI.format('Three'), '--school', 'Oakfield', '--key', policy_key)
    pc.beat()
    policy = pc.status()['policy']
    assert (policy['name'], policy['rejected']) == ('Three', []), policy
    assert policy['serial'] > 2 and collector.device(pc.uuid)['policy_serial'] == policy['serial']


def test_an_exception_made_after_the_backup_is_followed_by_what_devices_take(site, collector):
    pc = site.enrolled(collector)
    pc.beat()
    backup = site.folder / 'backup'
    collector.cmd('backup', backup)

    def allow(control):
        collector.cmd('exceptions', 'add', control, '--device', pc.uuid, '--reason', 'exam',
                      '--asked', 'a', '--approved', 'b', '--days', '1')
    allow('hardware')
    pc.beat()
    seen = pc.saved()['exceptions_serial']
    assert seen == 1
    restore(site, collector, backup)
    allow('software')
    pc.beat()
    assert pc.saved()['exceptions_serial'] > seen
    assert pc.status()['policy']['rejected'] == []


def test_exceptions_allowed_after_a_restore_reach_devices_that_had_newer_ones(site, collector):
    pc = site.enrolled(collector)
    pc.beat()
    collector.publish('[exceptions]\nallowed = yes\ncontrols = hardware, software\n')
    allow = ('exceptions', 'add', '--school', 'Oakfield', '--days', '2', '--reason', 'a test',
             '--asked', 'A', '--approved', 'B')
    collector.cmd(*allow, 'hardware')
    pc.beat()
    backup = site.folder / 'backup'
    collector.cmd('backup', backup)
    for _ in range(3):                      # serials that the backup does not know
        collector.cmd(*allow, 'hardware')
    pc.beat()
    had = pc.saved()['exceptions_serial']
    restore(site, collector, backup)
    collector.cmd(*allow, 'software')       # before the device was heard
    pc.beat()
    assert pc.saved()['exceptions_serial'] > had
    assert pc.status()['policy']['rejected'] == []


def test_keys_rotated_again_after_a_restore_reach_devices_that_had_newer_sets(site, collector):
    pc = site.enrolled(collector)
    pc.beat()
    backup = site.folder / 'backup'
    collector.cmd('backup', backup)
    policy_key = (collector.data / 'policy.key').read_bytes()
    collector.cmd('keys', 'rotate-online')
    collector.stop()
    collector.start()
    pc.beat()
    pc.beat()
    assert collector.device(pc.uuid)['keys_serial'] == 2
    restore(site, collector, backup)        # its online key is the one before, still believed
    pc.beat()
    (collector.data / 'policy.key').write_bytes(policy_key)
    (collector.data / 'policy.key').chmod(0o600)
    collector.cmd('keys', 'rotate-online')
    collector.stop()
    collector.start()
    for _ in range(2):
        pc.beat()
    assert collector.device(pc.uuid)['keys_serial'] > 1000
    assert pc.status()['policy']['rejected'] == []
    assert pc.status()['collector']['trouble'] == ''
