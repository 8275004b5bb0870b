"""What a delta leaves out stays as its base said, and nothing is guessed where the base is not here.
SPDX-License-Identifier: Apache-2.0"""
import json
import uuid

import pytest

from wire_device import CONTROL, Device

INVENTORY = 'sRqFspapCvxGBDBDSlBOessEsGRXW3J3ckaIrw5Z0Yk'
LEFT_OUT = dict(full=False, device=None, boot=None, agent=None, policy=None, exceptions=None,
                base=None, events=[])
KEPT = ('agent', 'boot', 'boot_before', 'policy_name', 'policy_serial', 'exceptions_serial',
        'keys_serial', 'inventory')


@pytest.fixture
def device(collector):
    device = Device(collector)
    assert device.enrol().status == 200
    device.ack(device.beat(inventory=INVENTORY, agent='0.9', exceptions=4,
                           policy={'name': 'strict', 'serial': 3},
                           controls=[CONTROL, {**CONTROL, 'id': 'updates', 'why': 'pending',
                                               'due_at': '2036-12-01T00:00:00Z',
                                               'evidence': {'pending_count': 2}}]))
    return device


def row(device):
    columns = device.collector.device(device.uuid)
    return {name: columns[name] for name in KEPT}


def control(device, name):
    (found,) = [c for c in device.collector.query(
        'SELECT * FROM device_control WHERE why = ?', name)]
    return dict(found)


def test_a_delta_leaves_alone_what_it_leaves_out(device):
    before = row(device)
    assert (before['agent'], before['policy_name'], before['exceptions_serial']) == ('0.9', 'strict', 4)
    assert before['inventory']
    ack = device.ack(device.beat(**LEFT_OUT, controls=[]))
    assert 'need' not in ack and row(device) == before
    device.ack(device.beat(**{**LEFT_OUT, 'policy': {'name': 'loose', 'serial': 5}}, controls=[]))
    assert row(device) == {**before, 'policy_name': 'loose', 'policy_serial': 5}
    device.ack(device.beat(**{**LEFT_OUT, 'agent': '1.0', 'exceptions': 6}, controls=[]))
    assert row(device) == {**before, 'policy_name': 'loose', 'policy_serial': 5, 'agent': '1.0',
                           'exceptions_serial': 6}
    assert device.collector.wrong_counts() == {}


def test_new_evidence_alone_stands_beside_the_verdict_that_was_told(device):
    before = control(device, 'pending')
    ack = device.ack(device.beat(**LEFT_OUT, controls=[
        {'id': 'updates', 'evidence': {'pending_count': 1}}]))
    assert 'need' not in ack
    assert control(device, 'pending') == {**before, 'evidence': '{"pending_count": 1}'}
    assert device.collector.wrong_counts() == {}


def test_new_evidence_of_a_control_that_is_not_here_is_not_guessed_at(device):
    ack = device.ack(device.beat(**LEFT_OUT, controls=[{'id': 'backup', 'evidence': {'age': 1}}]))
    assert ack['need'] == 'full'
    assert device.collector.one('SELECT count(*) FROM device_control') == 2
    ack = device.ack(device.beat())
    assert 'need' not in ack


def test_new_evidence_on_a_base_that_is_not_here_waits_for_a_full_heartbeat(device):
    lost = device.beat(**LEFT_OUT, controls=[{**CONTROL, 'id': 'updates', 'verdict': 'fail',
                                              'why': 'overdue'}])
    assert lost
    before, columns = control(device, 'pending'), row(device)
    ack = device.ack(device.beat(**LEFT_OUT, controls=[
        {'id': 'updates', 'evidence': {'overdue_count': 9}}]))
    assert ack['need'] == 'full'
    assert control(device, 'pending') == before and row(device) == columns
    assert device.collector.wrong_counts() == {}


def test_a_boot_id_that_comes_back_is_a_second_machine_also_between_deltas(device):
    first, second = device.boot, str(uuid.uuid4())
    device.ack(device.beat(**{**LEFT_OUT, 'boot': second}, controls=[]))
    device.ack(device.beat(**LEFT_OUT, controls=[]))
    assert (row(device)['boot'], row(device)['boot_before']) == (second, first)
    assert device.collector.events(device.uuid, 'chain-fork') == []
    device.ack(device.beat(**{**LEFT_OUT, 'boot': first}, controls=[]))
    assert len(device.collector.events(device.uuid, 'chain-fork')) == 1


def test_a_delta_may_name_its_device_but_not_another(device):
    device.ack(device.beat(**{**LEFT_OUT, 'device': device.uuid}, controls=[]))
    saved = device.saved()
    answer = device.send(device.beat(**{**LEFT_OUT, 'device': str(uuid.uuid4())}, controls=[]))
    (refused,) = device.verified(answer.body.decode(), 'ack')['refused']
    assert 'another device than the one whose key signed it' in refused['why']
    device.restore(saved)


@pytest.mark.parametrize('name', ['device', 'boot', 'agent', 'policy', 'exceptions'])
def test_a_full_heartbeat_says_all_of_it(device, name):
    answer = device.send(device.beat(**{name: None}))
    (refused,) = device.verified(answer.body.decode(), 'ack')['refused']
    assert f"member '{name}': missing" in refused['why'], json.dumps(refused)
