"""The collector killed, stopped, with a changed store or without room: what it acknowledged stays,
and what devices send meanwhile is taken later.
SPDX-License-Identifier: Apache-2.0"""
import os
import pathlib
import secrets
import sqlite3
import ssl
import subprocess
import time

import pytest

from collector_fixture import Collector, whole
from minicollector import b64, sha256_b64
from wire_device import CONTROL, Device, connect, seqs


# --- killed, stopped, started ---

def test_a_killed_collector_loses_nothing_that_it_acknowledged(collector, device):
    for round_ in range(3):
        acked = [device.ack(device.beat())['acked'] for _ in range(5)][-1]
        text = device.beat()
        with connect(collector) as tls:
            tls.sendall(b'POST /v1/heartbeats HTTP/1.1\r\nHost: a\r\nContent-Type: application/jose'
                        b'\r\nContent-Length: %d\r\n\r\n%s' % (len(text), text.encode()))
            collector.kill()
        collector.start()
        assert acked in seqs(collector, device)
        assert device.ack(text)['head'] == sha256_b64(text)
        assert seqs(collector, device) == list(range(1, device.seq + 1))


def test_a_stop_finishes_what_is_in_flight(collector, device):
    text = device.beat()
    with connect(collector) as tls:
        tls.sendall(b'POST /v1/heartbeats HTTP/1.1\r\nHost: a\r\nContent-Type: application/jose\r\n'
                    b'Content-Length: %d\r\n\r\n' % len(text) + text[:-1].encode())
        collector.process.terminate()
        time.sleep(0.3)  # the signal comes first, the last byte after it
        tls.sendall(text[-1:].encode())
        got = b''
        while chunk := tls.recv(65536):
            got += chunk
    assert got.startswith(b'HTTP/1.1 200 OK')
    assert b'Connection: close' in got
    assert collector.process.wait(20) == 0
    collector.process.stdout.close()
    collector.process = None
    assert seqs(collector, device) == [1, 2, 3]
    collector.start()


def test_a_hangup_takes_the_new_certificate(collector, device):
    before = ssl.get_server_certificate(('127.0.0.1', collector.port))
    collector.cmd('keys', 'renew-server')
    collector.process.send_signal(1)
    for _ in range(100):
        if ssl.get_server_certificate(('127.0.0.1', collector.port)) != before:
            break
        time.sleep(0.05)
    else:
        raise AssertionError(collector.log.read_text())
    device.ack(device.beat())


def test_a_newer_stores_schema_is_refused_with_what_to_do(collector):
    collector.stop()
    with sqlite3.connect(collector.data / 'store.db') as db:
        db.execute('PRAGMA user_version = 99')
    words = collector.cmd('serve', '--devices', '127.0.0.1:0', '--people', '127.0.0.1:0', code=1)
    assert 'schema 99' in words and 'install the newer version' in words
    with sqlite3.connect(collector.data / 'store.db') as db:
        db.execute('PRAGMA user_version = 1')


# --- a store that somebody else wrote to ---

def test_a_forged_policy_in_the_store_is_sent_to_nobody_and_blocks_nothing(collector, device):
    collector.publish('[policy]\nname = Real\n')
    serial, real = collector.query('SELECT serial, jws FROM policy')[0]
    head, payload, signature = real.split('.')
    forged = f'{head}.{payload}.{b64(bytes(64))}'
    store = sqlite3.connect(collector.data / 'store.db', timeout=30)
    with store:
        store.execute('UPDATE policy SET jws = ?', (forged,))
    ack = device.ack(device.beat())
    assert (ack['serials']['policy'], ack.get('policy')) == (serial, None)
    newcomer = Device(collector)
    assert newcomer.enrol().status == 200
    assert newcomer.enrolled.get('policy') is None
    words = collector.log.read_text()
    assert f'the policy {serial} in the store was changed' in words
    assert 'the signature does not hold' in words
    # Put right under the same serial, it is given to both.
    with store:
        store.execute('UPDATE policy SET jws = ?', (real,))
    store.close()
    for each in device, newcomer:
        assert each.ack(each.beat())['policy'] == real


# --- a full disk ---

@pytest.fixture
def small_disk(tmp_path):
    """A tmpfs of 4 MB: a full disk as a store meets it."""
    place = tmp_path / 'small'
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip('mounting a small disk needs root')
    done = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', place],
                          capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f'this machine mounts no tmpfs: {done.stderr.strip()}')
    yield place
    subprocess.run(['umount', '-l', place], check=True)


def writable(collector):
    status, words = collector.health()
    return status, words['store_writable']


def test_a_full_disk_refuses_for_now_and_loses_nothing_acknowledged(build, small_disk):
    collector = Collector(build, small_disk / 'c')
    collector.log = small_disk.parent / 'collector.log'  # where there is room
    try:
        collector.make().start()
        device = Device(collector)
        device.enrol()
        acked = 0
        for _ in range(200):
            big = [{**CONTROL, 'evidence': {'x': secrets.token_hex(8000)}}]
            before, text = device.saved(), device.beat(controls=big, zip_=False)
            answer = device.send(text)
            if answer.status != 200:
                break
            acked = device.verified(answer.body.decode(), 'ack')['acked']
        assert (answer.status, answer.problem_name) == (507, 'store-full'), answer.body
        assert int(answer.retry) > 0 and 'disk' in answer.problem['title']
        assert acked > 10
        assert [r['seq'] for r in collector.chain(device.uuid)] == list(range(1, acked + 1))
        assert 'disk is full' in collector.log.read_text()
        assert writable(collector) == (503, False)
        # Room again: that is seen though nobody has anything to store.
        subprocess.run(['mount', '-o', 'remount,size=32m', small_disk], check=True)
        commits = collector.one('SELECT count(*) FROM heartbeat')
        until = time.monotonic() + 30
        while writable(collector) != (200, True):
            assert time.monotonic() < until, collector.log.read_text()
            time.sleep(0.1)
        assert collector.one('SELECT count(*) FROM heartbeat') == commits
        # The same heartbeat is taken, nothing was lost in between.
        ack = device.ack(text)
        assert (ack['acked'], ack['head']) == (acked + 1, sha256_b64(text))
        assert [r['seq'] for r in collector.chain(device.uuid)] == list(range(1, acked + 2))
        assert collector.wrong_counts() == {}
        assert collector.stop() == 0
    finally:
        collector.kill()


@pytest.mark.parametrize('bound', ['0', '4'], ids=['to the last byte', 'by its own bound'])
def test_a_full_disk_at_the_collector_loses_nothing(site, bound):
    """Its data on a tmpfs of 16 MB in a mount namespace, filled up and emptied again."""
    data = site.folder / 'full/collector'
    data.mkdir(parents=True)
    holder = subprocess.Popen(
        ['unshare', '--mount', '--propagation', 'private', 'sh', '-c',
         'mount -t tmpfs -o size=16m,mode=700 tmpfs "$0" && echo ready && exec sleep 600', data],
        stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == 'ready\n'
        collector = site.collector('full')
        collector.config.write_text(f'[collector]\nmin_free_mb = {bound}\n')
        # --root: where we run in a chroot, so does what we start
        collector.prefix = ['nsenter', f'--target={holder.pid}', '--mount', '--root', '--wd']
        collector.make().start()
        pc = site.enrolled(collector)
        pc.beat()
        filler = pathlib.Path(f'/proc/{holder.pid}/root{data}/filler')
        with open(filler, 'wb', buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
            except OSError:
                pass
        refused = 0
        for _ in range(40):      # a log file with room in its pages takes a few more
            pc.beat('--full')
            refused += 'disk' in pc.status()['collector']['trouble']
            if refused == 2:
                break
            time.sleep(0.2 if bound == '4' else 0)      # its own look comes every few seconds
        assert refused == 2, pc.status()['collector']
        assert collector.health()[0] == 503 and 'disk' in collector.health()[1]['why']
        held = len(collector.chain(pc.uuid))
        assert pc.status()['collector']['acknowledged'] == held
        filler.unlink()
        end = time.monotonic() + 20
        pc.beat()
        while pc.status()['collector']['trouble']:      # it looks for room every few seconds
            assert time.monotonic() < end, pc.status()['collector']
            time.sleep(0.2)
            pc.beat()
        chain = collector.chain(pc.uuid)
        assert [row['seq'] for row in chain] == list(range(1, len(chain) + 1)) and len(chain) > held
        assert pc.status()['collector']['trouble'] == ''
        assert collector.health()[0] == 200, collector.health()
        whole(collector, pc)
        collector.stop()
    finally:
        site.close()
        holder.kill()
        holder.communicate()
