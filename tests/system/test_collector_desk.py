# What the collector does for a technician day by day: lists of exceptions, the work list, people's listener.
# SPDX-License-Identifier: Apache-2.0
import re
import socket
import sqlite3
import ssl
import subprocess
import time
import urllib.request

import pytest

from wire_device import Device


@pytest.fixture
def made(site):
    return site.collector().make()


def wait_until(holds, seconds=30):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, 'it never came to hold'
        time.sleep(0.1)


def test_a_device_that_comes_later_has_what_its_group_is_allowed(collector, site):
    add = ('--reason', 'exam work', '--asked', 'Ms Lee', '--approved', 'Head', '--days', 7)
    collector.cmd('group', 'add', 'staff')
    collector.cmd('exceptions', 'add', 'removable-storage', '--group', 'staff', *add)
    device = Device(collector, collector.code('--group', 'staff'))
    assert device.enrol().status == 200
    answer = device.enrolled
    assert collector.one('SELECT count(*) FROM exception_document') == 1
    assert answer['exceptions'].count('.') == 2, 'signed, and in the first answer'
    items = device.verified(answer['exceptions'], 'exceptions')['items']
    assert [i['control'] for i in items] == ['removable-storage']
    # Moved to a group that is allowed nothing, it gets a list of nothing.
    collector.cmd('device', 'move', device.uuid, '--group', 'default')
    ack = device.ack(device.beat())
    assert device.verified(ack['exceptions'], 'exceptions')['items'] == []


def test_serve_signs_lists_that_end_before_long(collector, site):
    machine = site.enrolled(collector)
    collector.cmd('exceptions', 'add', 'updates', '--device', machine.uuid, '--reason', 'r',
                  '--asked', 'a', '--approved', 'b', '--days', 300)
    collector.stop()
    with sqlite3.connect(collector.data / 'store.db') as db:
        db.execute("UPDATE exception_document SET until = unixepoch() + 59 * 86400")
    db.close()
    collector.start()
    wait_until(lambda: collector.one('SELECT serial FROM exception_document') == 2)
    assert collector.one('SELECT until > unixepoch() + 399 * 86400 FROM exception_document')
    machine.beat()
    machine.beat()
    assert collector.device(machine.uuid)['exceptions_serial'] == 2


# --- the work list ---

def test_the_work_list_is_a_page_a_room(collector):
    collector.cmd('room', 'add', 'ICT1', '--names', 'ict1-*')
    for name in ('ict1-02', 'ict1-01', 'office'):
        device = Device(collector, collector.code(), name=name)
        device.enrol()
        device.ack(device.beat(controls=[
            {'id': 'anti-virus', 'mode': 'audit', 'verdict': 'fail', 'why': 'not-installed',
             'since': '2026-11-01T08:00:00Z', 'evidence': {}},
            {'id': 'firewall', 'mode': 'audit', 'verdict': 'pass', 'why': 'ok',
             'since': '2026-11-01T08:00:00Z', 'evidence': {}}]))
    said = collector.cmd('worklist')
    pages = said.split('\f')
    assert len(pages) == 2
    assert pages[0].startswith('Oakfield, ICT1: what to do, ') and '(2 machines)' in pages[0]
    assert pages[0].index('[ ] ict1-01') < pages[0].index('[ ] ict1-02')
    assert 'anti-virus: to fix, since 2026-11-01' in pages[0] and 'firewall' not in said
    assert 'in no room' in pages[1] and '[ ] office' in pages[1]
    assert collector.cmd('worklist', '--room', 'ICT1').count('[ ]') == 2
    work = collector.json('worklist')['devices']
    assert [d['name'] for d in work] == ['ict1-01', 'ict1-02', 'office']
    assert [j['control'] for j in work[0]['work']] == ['anti-virus']
    assert collector.query("SELECT 1 FROM audit WHERE action = 'worklist'")


def test_what_one_device_says_is_not_said_of_all(collector):
    for name, count in (('pc-1', 3), ('pc-2', 7)):
        device = Device(collector, collector.code(), name=name)
        device.enrol()
        device.ack(device.beat(controls=[
            {'id': 'updates', 'mode': 'audit', 'verdict': 'fail', 'why': 'overdue',
             'since': f'2026-11-0{count}T08:00:00Z', 'evidence': {'overdue_count': count, 'overdue': ['x']}}]))
    (cause,) = collector.json('rollup')['first']
    assert cause['devices'] == 2 and cause['example']['name'] == 'pc-1'
    assert cause['wrong'].startswith('for example on pc-1: 3 security fixes'), cause['wrong']
    assert collector.query("SELECT 1 FROM audit WHERE action = 'rollup'")


# --- where people connect ---

def test_people_beyond_this_machine_connect_by_tls_alone(made):
    made.process = subprocess.Popen(made.argv('serve', '--devices', '127.0.0.1:0', '--people',
                                              '0.0.0.0:0', '--workers', '1'),
                                    stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    port = int(re.search(r'people=(\d+)', made.process.stdout.readline())[1])
    ca = ssl.create_default_context(cafile=made.data / 'ca.crt')
    with urllib.request.urlopen(f'https://localhost:{port}/healthz', context=ca, timeout=20) as got:
        assert got.status == 200
    with socket.create_connection(('127.0.0.1', port), timeout=20) as plain:
        plain.sendall(b'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
        try:
            got = plain.recv(100)
        except ConnectionResetError:
            got = b''
    assert not got.startswith(b'HTTP/'), 'nothing is said in the clear'


@pytest.mark.parametrize('vendor, model, line', [
    ('', '', '  make and model not known, serial number not known\n'),
    ('LENOVO', '', '  LENOVO, serial number not known\n'),
    ('', '82C4', '  82C4, serial number not known\n'),
    ('LENOVO', '82C4', '  LENOVO 82C4, serial number not known\n'),
])
def test_a_device_is_shown_with_what_is_known_of_its_make(collector, vendor, model, line):
    device = Device(collector)
    assert device.enrol(hardware={'serial': '', 'uuid': '', 'board': '', 'vendor': vendor,
                                  'model': model}).status == 200
    assert line in collector.cmd('device', device.uuid)
