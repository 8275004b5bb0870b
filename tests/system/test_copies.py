"""Copies of one machine: an image, a cloned disk, a snapshot that it is set back to.
SPDX-License-Identifier: Apache-2.0"""
import json
import shutil
import uuid


def copy(pc, to):
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(pc.state, to)


def put_back(pc, snapshot):
    shutil.rmtree(pc.state)
    shutil.copytree(snapshot, pc.state)


def twin(site, pc, name):
    """Another machine with a copy of everything that 'pc' has."""
    other = site.machine(name)
    shutil.copytree(pc.state, other.state)
    shutil.rmtree(other.root)
    shutil.copytree(pc.root, other.root)
    other.uuid = pc.uuid
    return other


def own_boot(pc):
    """Each machine is started by itself: a boot id of its own, in a mount namespace."""
    path = pc.folder / 'boot_id'
    path.write_text(f'{uuid.uuid4()}\n')
    pc.prefix = ['unshare', '--mount', 'sh', '-c',
                 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"', path]


def test_generalise_makes_each_clone_a_machine_of_its_own(site, collector):
    gold = site.enrolled(collector, 'gold')
    gold.beat()
    gold.check('generalise')
    seen = {gold.uuid}
    code = collector.code('--uses', '2')
    for name in 'clone-1', 'clone-2':
        clone = twin(site, gold, name)
        clone.check('enrol', code)
        clone.beat()
        seen.add(clone.saved('device.json')['device'])
    assert len(seen) == 3
    assert collector.one("SELECT count(*) FROM event WHERE type LIKE 'chain-%'") == 0


def test_a_cloned_disk_shows_as_a_fork_and_both_machines_stay(site, collector):
    pc = site.enrolled(collector, 'left')
    pc.beat()
    pc.beat()
    clone = twin(site, pc, 'right')
    for machine in pc, clone:
        own_boot(machine)
    for _ in range(3):       # both go on from the same head, under one key
        pc.beat()
        clone.beat()
    # Told once a day that two machines use one key; each is told the other's head and goes on.
    assert len(collector.events(pc.uuid, 'chain-fork')) == 1
    # What each then does at every heartbeat is one row a day that counts.
    for kind in 'chain-rewind', 'rewound':
        (row,) = collector.events(pc.uuid, kind)
        assert row['count'] > 1, (kind, row['count'])
    (row,) = collector.json('devices')['devices']
    assert row['status'] == 'active'
    stored = {row['body'] for row in collector.chain(pc.uuid)}
    for machine in pc, clone:      # neither is silenced, nothing of either is lost
        assert machine.status()['collector']['trouble'] == ''
        assert {(machine.state / f'spool/{n}.jws').read_text().strip()
                for n in machine.spool()} <= stored
    assert collector.wrong_counts() == {}
    collector.cmd('check')
    # What to do, done: one of them is made a machine of its own.
    clone.check('generalise')
    clone.check('enrol', collector.code())
    clone.beat()
    assert len(collector.json('devices')['devices']) == 2


def test_a_machine_set_back_to_a_snapshot_is_told_where_it_was_and_goes_on(site, collector):
    pc = site.enrolled(collector)
    pc.beat()
    copy(pc, site.folder / 'snapshot')
    for _ in range(3):
        pc.beat()
    put_back(pc, site.folder / 'snapshot')
    pc.beat()
    pc.beat()
    assert len(collector.events(pc.uuid, 'rewound')) == 1       # the device's word
    assert len(collector.events(pc.uuid, 'chain-rewind')) == 1  # the collector's
    chain = collector.chain(pc.uuid)
    assert [row['seq'] for row in chain][:5] == [1, 2, 2, 3, 4], 'nothing of either was deleted'
    assert pc.status()['collector']['acknowledged'] == chain[-1]['seq'] > 4
    assert pc.status()['collector']['trouble'] == ''
    assert collector.wrong_counts() == {}
    assert collector.one('SELECT count(*) FROM device') == 1


def test_a_machine_that_is_set_back_at_each_start_is_no_alarm(site, collector):
    pc = site.enrolled(collector, config='volatile = yes\n')
    pc.beat()
    copy(pc, site.folder / 'image')
    for boot in range(1, 4):
        put_back(pc, site.folder / 'image')
        state = pc.saved()      # as it would be after a start
        state['boot'] = f'00000000-0000-4000-8000-{boot:012}'
        (pc.state / 'state.json').write_text(json.dumps(state))
        pc.beat()
        pc.beat()
        assert pc.status()['collector']['trouble'] == ''
    assert collector.device(pc.uuid)['is_volatile'] == 1
    assert {e['type'] for e in collector.events(pc.uuid)} & {
        'chain-gap', 'chain-fork', 'chain-rewind', 'rewound'} == set()
    assert len(collector.chain(pc.uuid)) == 1 + 3 * 2
    assert collector.wrong_counts() == {}
