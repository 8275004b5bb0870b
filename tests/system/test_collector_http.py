"""What HTTP lets a sender do to the collector: requests that readers read differently, that never
end, and more connections than it serves.
SPDX-License-Identifier: Apache-2.0"""
import json
import resource
import socket
import ssl
import time

import pytest

from wire_device import Device, connect


def talk(collector, data, timeout=30):
    """Sends bytes, returns everything until the server ends the connection."""
    with connect(collector, timeout) as tls:
        tls.sendall(data)
        got = b''
        while True:
            try:
                more = tls.recv(65536)
            except (ssl.SSLError, ConnectionError):
                return got
            if not more:
                return got
            got += more


@pytest.mark.parametrize('head, status, title', [
    ('POST /v1/heartbeats HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 400,
     'two Content-Lengths'),
    ('POST /v1/heartbeats HTTP/1.1\r\nContent-Length: 1\r\n\r\n', 400, 'no Host'),
    ('POST /v1/heartbeats HTTP/1.1\r\nHost: a\r\n\r\n', 411, 'Content-Length'),
    ('POST /v1/heartbeats HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n', 411, 'chunks'),
    ('POST /v1/heartbeats HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n', 400, 'odd'),
    ('POST /v1/heartbeats HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n', 413, 'too large'),
    ('GET /v1/heartbeats HTTP/1.1\r\nHost: a\r\n\r\n', 405, 'method'),
    ('GET /v2/x HTTP/1.1\r\nHost: a\r\n\r\n', 404, 'nothing'),
    ('GET / HTTP/1.1\r\nHost: a\r\nX: ' + 'y' * 9000 + '\r\n\r\n', 431, 'head'),
    ('\x16\x03\x01 nonsense\r\n\r\n', 400, 'request line'),
])
def test_requests_that_readers_read_differently_are_refused(collector, head, status, title):
    got = talk(collector, head.encode())
    first, _, rest = got.partition(b'\r\n')
    assert first.startswith(b'HTTP/1.1 %d ' % status), got
    body = json.loads(rest.split(b'\r\n\r\n', 1)[1])
    assert body['status'] == status and title in body['title']
    assert b'Connection: close' in rest


def test_a_body_of_another_type_is_refused(collector, device):
    answer = device.send(device.beat(advance=False), headers={'Content-Type': 'text/plain'})
    assert (answer.status, answer.problem_name) == (415, 'media-type')


def test_requests_in_one_connection_are_answered_in_order(collector, device):
    texts = [device.beat() for _ in range(3)]
    data = b''.join(b'POST /v1/heartbeats HTTP/1.1\r\nHost: a\r\nContent-Type: application/jose\r\n'
                    b'%sContent-Length: %d\r\n\r\n%s'
                    % (b'Connection: close\r\n' if i == 2 else b'', len(t), t.encode())
                    for i, t in enumerate(texts))
    got = talk(collector, data)
    acks = [device.verified(part.split(b'\r\n\r\n', 1)[1].decode(), 'ack')
            for part in got.split(b'HTTP/1.1 200 OK\r\n')[1:]]
    assert [ack['acked'] for ack in acks] == [3, 4, 5]


def slow(site, **limits):
    text = '[devices]\n' + ''.join(f'{k} = {v}\n' for k, v in limits.items())
    return site.collector('slow', config=text).make().start()


def test_a_head_that_drips_ends_at_its_deadline_whatever_it_sends(site):
    collector = slow(site, request_seconds=2)
    began = time.monotonic()
    with connect(collector) as tls:
        tls.sendall(b'POST /v1/heartbeats HTTP/1.1\r\n')
        tls.settimeout(0.2)
        got = b''
        while time.monotonic() - began < 20:
            try:
                tls.sendall(b'X-A: b\r\n')
                more = tls.recv(4096)
                if not more:
                    break
                got += more
            except (TimeoutError, socket.timeout):
                continue
            except (ssl.SSLError, OSError):
                break
    assert time.monotonic() - began < 6
    assert b'HTTP/1.1 408' in got


def test_a_handshake_that_never_ends_is_closed(site):
    collector = slow(site, request_seconds=1)
    with socket.create_connection(('127.0.0.1', collector.port), 20) as raw:
        raw.sendall(b'\x16\x03\x01')
        assert raw.recv(10) == b''


def test_ten_thousand_idle_connections_do_not_stop_service(site, collector):
    device = Device(collector)
    device.enrol()
    idle = []
    want = 10000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    assert hard > want + 100, f'this machine lets a process have {hard} descriptors'
    try:
        for i in range(want):
            # One address has at most 28,000 ports: these come from several of loopback's.
            made = socket.socket()
            made.bind((f'127.0.0.{2 + i % 8}', 0))
            made.settimeout(20)
            made.connect(('127.0.0.1', collector.port))
            idle.append(made)
        ack = device.ack(device.beat())
        assert ack['acked'] == 1
        assert collector.process.poll() is None
    finally:
        for made in idle:
            made.close()
    device.ack(device.beat())
