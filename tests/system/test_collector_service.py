# The collector as a service: what it tells its manager, and how it sends devices away for now.
# SPDX-License-Identifier: Apache-2.0
import concurrent.futures
import signal
import socket
import sqlite3
import time

import pytest

from wire_device import Device


@pytest.fixture
def manager(tmp_path):
    """The socket of a service manager: sd_notify(3)'s datagrams."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as place:
        place.bind(str(tmp_path / 'notify'))
        place.settimeout(60)
        yield place


def told(manager):
    return manager.recv(4096).decode()


def test_the_service_manager_hears_ready_alive_reloading_and_stopping(site, manager, tmp_path):
    collector = site.collector().make()
    collector.env.update(NOTIFY_SOCKET=str(tmp_path / 'notify'), WATCHDOG_USEC='400000')
    collector.start()
    assert told(manager) == 'READY=1'
    assert [told(manager) for _ in range(3)] == ['WATCHDOG=1'] * 3
    collector.process.send_signal(signal.SIGHUP)
    heard = []
    while heard[-1:] != ['READY=1']:
        heard.append(told(manager))
    assert [word for word in heard if word != 'WATCHDOG=1'] == ['RELOADING=1', 'READY=1']
    assert collector.stop() == 0
    manager.settimeout(0)
    rest = []
    while True:
        try:
            rest.append(told(manager))
        except BlockingIOError:
            break
    assert rest[-1] == 'STOPPING=1' and set(rest[:-1]) <= {'WATCHDOG=1'}


def test_another_process_s_watchdog_is_not_ours(site, manager, tmp_path):
    collector = site.collector().make()
    collector.env.update(NOTIFY_SOCKET=str(tmp_path / 'notify'), WATCHDOG_USEC='2000',
                         WATCHDOG_PID='1')
    collector.start()
    assert told(manager) == 'READY=1'
    collector.process.send_signal(signal.SIGHUP)
    assert told(manager) == 'RELOADING=1'
    assert told(manager) == 'READY=1'
    assert collector.stop() == 0
    assert told(manager) == 'STOPPING=1'


def until(holds, seconds=30):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, 'it never came to hold'
        time.sleep(0.05)


def test_a_full_queue_sends_devices_away_and_takes_them_later(site):
    collector = site.collector(config='[devices]\nmax_queued = 2\n').make().start()
    devices = [Device(collector, name=f'pc{n}') for n in range(10)]
    for device in devices:
        assert device.enrol().status == 200
    texts = [device.beat() for device in devices]
    lock = sqlite3.connect(collector.data / 'store.db', timeout=30, isolation_level=None)
    with concurrent.futures.ThreadPoolExecutor(len(devices)) as pool:
        lock.execute('BEGIN IMMEDIATE')     # the writer waits, as behind a slow disk
        answers = [pool.submit(device.send, text) for device, text in zip(devices, texts)]
        until(lambda: any(answer.done() for answer in answers))
        lock.execute('ROLLBACK')
        answers = [answer.result() for answer in answers]
    lock.close()
    away = [n for n, answer in enumerate(answers) if answer.status != 200]
    assert away and len(away) < len(devices), [answer.status for answer in answers]
    for n in away:
        assert (answers[n].status, answers[n].problem_name) == (503, 'busy')
        assert int(answers[n].retry) > 0 and 'keep it' in answers[n].problem['title']
        assert collector.chain(devices[n].uuid) == []
        assert devices[n].ack(texts[n])['acked'] == 1
    assert all(len(collector.chain(device.uuid)) == 1 for device in devices)
    assert collector.wrong_counts() == {}
    assert collector.health()[0] == 200


def test_less_room_than_was_asked_for_refuses_heartbeats_until_there_is_more(site):
    collector = site.collector().make().start()
    device = Device(collector)
    assert device.enrol().status == 200
    device.ack(device.beat())
    plenty = collector.config.read_text()
    collector.config.write_text(plenty.replace('min_free_mb = 0', 'min_free_mb = 1000000'))
    collector.process.send_signal(signal.SIGHUP)
    until(lambda: 'heartbeats are refused' in collector.log.read_text())
    answer = device.send(device.beat(advance=False))
    assert (answer.status, answer.problem_name) == (507, 'store-full')
    assert int(answer.retry) > 0 and 'nearly full' in answer.problem['title']
    status, words = collector.health()
    assert (status, words['status'], words['store_writable']) == (503, 'sick', True)
    assert words['why'] == 'the disk is nearly full: make room'
    assert [row['seq'] for row in collector.chain(device.uuid)] == [1]
    collector.config.write_text(plenty)
    collector.process.send_signal(signal.SIGHUP)
    until(lambda: 'there is room again' in collector.log.read_text())
    assert device.ack(device.beat())['acked'] == 2
    assert collector.health()[0] == 200
