"""caretaker-uplink by itself: one frame in, one frame out.
SPDX-License-Identifier: Apache-2.0
"""
import hashlib
import http.server
import os
import ssl
import struct
import subprocess
import threading

import pytest


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers['content-length']))
        self.send_response(200)
        self.send_header('Content-Type', 'application/jose')
        self.send_header('Content-Length', '2')
        self.end_headers()
        self.wfile.write(b'ok')

    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path):
    """An HTTPS server with a certificate of its own; its port and that certificate's SHA-256."""
    key, cert = tmp_path / 'key.pem', tmp_path / 'cert.pem'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                    'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', cert, '-days', '2',
                    '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'],
                   check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    http_server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
    http_server.socket = context.wrap_socket(http_server.socket, server_side=True)
    thread = threading.Thread(target=http_server.serve_forever)
    thread.start()
    yield http_server.server_port, hashlib.sha256(
        ssl.PEM_cert_to_DER_cert(cert.read_text())).digest()
    http_server.shutdown()
    thread.join()
    http_server.server_close()


def frame(port, pin, timeout_ms=5000):
    url, body = f'https://127.0.0.1:{port}/v1/heartbeats'.encode(), b'x'
    return (b'CTQ1' + struct.pack('>BBHHII', 0, 1, len(url), 0, timeout_ms, len(body)) + url + pin +
            body)


def exchange(command, request):
    env = {k: v for k, v in os.environ.items() if not k.lower().endswith('_proxy')}
    return subprocess.run(command, input=request, capture_output=True, timeout=30, env=env).stdout


def test_a_pinned_server_is_believed_without_the_systems_store(build, server):
    """A machine without the package ca-certificates has no store to read."""
    uplink = str(build / 'caretaker-uplink')
    # Root needs no user namespace, and in a chroot there is none to be had (unshare(2)).
    as_root = ['--map-root-user'] if os.geteuid() else []
    without_store = ['unshare', *as_root, '--mount', 'sh', '-c',
                     'mount -t tmpfs none /etc/ssl/certs && exec "$0"', uplink]
    for command in ([uplink], without_store):
        answer = exchange(command, frame(*server))
        assert answer[:4] == b'CTA1' and answer.endswith(b'application/joseok'), answer


def test_another_pin_is_not_believed(build, server):
    port, pin = server
    answer = exchange([str(build / 'caretaker-uplink')], frame(port, bytes(reversed(pin))))
    assert b'is opening TLS' in answer
