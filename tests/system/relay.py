# What may stand between a device and its collector: a relay that shows the collector's own
# certificate and records what passes, and a proxy (CONNECT) that opens TLS with certificates of its
# own CA, asks for a log-in, alters what it carries, or is a captive portal.
# SPDX-License-Identifier: Apache-2.0
import base64
import datetime
import hashlib
import http.client
import http.server
import pathlib
import ssl
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Passage:
    """One request and its answer, as bytes on the wire."""

    def __init__(self, path, request):
        self.path, self.request = path, request
        self.sent = request     # what went on to the collector; None: nothing did
        self.status = self.answer = self.type = None     # the collector's
        self.given = None       # what the device was given


class ProxyAuthority:
    """A proxy's CA, and a certificate for whatever host is asked for."""

    def __init__(self, folder, name):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.cert = self._sign(self.name, self.key.public_key(), None)
        self.contexts = {}
        self.bundle = self.folder / 'ca-certificates.crt'
        self.bundle.write_bytes(self.cert.public_bytes(serialization.Encoding.PEM))

    def _sign(self, subject, key, host):
        now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name)
                   .public_key(key).serial_number(x509.random_serial_number())
                   .not_valid_before(now - datetime.timedelta(days=2))
                   .not_valid_after(now + datetime.timedelta(days=30))
                   .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), True))
        if host:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.DNSName(host)]), False)
        return builder.sign(self.key, hashes.SHA256())

    def context(self, host):
        if host not in self.contexts:
            key = ec.generate_private_key(ec.SECP256R1())
            subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
            cert = self._sign(subject, key.public_key(), host)
            path = self.folder / f'{hashlib.sha256(host.encode()).hexdigest()[:12]}.pem'
            path.write_bytes(key.private_bytes(serialization.Encoding.PEM,
                                               serialization.PrivateFormat.PKCS8,
                                               serialization.NoEncryption()) +
                             cert.public_bytes(serialization.Encoding.PEM) +
                             self.cert.public_bytes(serialization.Encoding.PEM))
            self.contexts[host] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.contexts[host].load_cert_chain(path)
        return self.contexts[host]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    timeout = 60

    def log_message(self, *args):
        pass

    def open_tls(self, context):
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile('rb', self.rbufsize)
        self.wfile = self.connection.makefile('wb', 0)

    def finish(self):
        try:
            super().finish()
            self.connection.close()
        except OSError:
            pass

    def handle(self):
        try:
            if self.server.direct:
                self.open_tls(self.server.direct)
                self.server.connects.append(None)
            super().handle()
        except (OSError, ssl.SSLError) as error:
            self.server.failures.append(error)

    def do_CONNECT(self):
        proxy = self.server
        proxy.connects.append((self.path, self.headers.get('Proxy-Authorization')))
        if proxy.login:
            want = 'Basic ' + base64.b64encode(proxy.login.encode()).decode()
            if self.headers.get('Proxy-Authorization') != want:
                self.reply(407, 'text/html', b'<h1>Who are you?</h1>',
                           {'Proxy-Authenticate': 'Basic realm="school"'})
                return
        if proxy.refuse_connect:
            self.reply(403, 'text/html', b'<h1>Not this way</h1>')
            return
        self.send_response_only(200, 'Connection established')
        self.end_headers()
        if proxy.authority:
            self.open_tls(proxy.authority.context(self.path.rsplit(':', 1)[0]))
        else:
            self.tunnel()

    def tunnel(self):
        """A proxy that looks at nothing."""
        import select
        import socket
        host, port = self.path.rsplit(':', 1)
        with socket.create_connection((host, int(port)), 20) as far:
            ends = [self.connection, far]
            while ends:
                for end in select.select(ends, [], [], 60)[0]:
                    data = end.recv(65536)
                    other = far if end is self.connection else self.connection
                    if not data:
                        ends = []
                        break
                    other.sendall(data)
        self.close_connection = True

    def reply(self, status, content_type, body, headers=None):
        self.send_response(status)
        if content_type:
            self.send_header('Content-Type', content_type)
        self.send_header('Content-Length', str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        server = self.server
        passage = Passage(self.path, self.rfile.read(int(self.headers['Content-Length'])))
        server.passages.append(passage)
        if server.portal:
            passage.sent = None
            self.reply(*server.portal)
            return
        if server.on_request:
            passage.sent = server.on_request(passage)
        far = http.client.HTTPSConnection('127.0.0.1', server.upstream(), timeout=60,
                                          context=ssl._create_unverified_context())
        try:
            far.request('POST', self.path, passage.sent,
                        {'Content-Type': self.headers['Content-Type']})
            answer = far.getresponse()
            passage.status, passage.type = answer.status, answer.headers['Content-Type']
            passage.answer = passage.given = answer.read()
        finally:
            far.close()
        if server.on_answer:
            passage.given = server.on_answer(passage)
        if passage.given is None:
            self.close_connection = True     # the answer never arrives
            return
        self.reply(passage.status, passage.type, passage.given)


class Relay(http.server.ThreadingHTTPServer):
    """upstream: says the collector's port.  direct: TLS from the first byte with that context; else
    a proxy, which opens TLS when it has an authority."""
    daemon_threads = True

    def __init__(self, upstream, direct=None, authority=None, login=None, address='127.0.0.1'):
        super().__init__((address, 0), Handler)
        self.upstream = upstream if callable(upstream) else lambda: upstream
        self.direct, self.authority, self.login = direct, authority, login
        self.refuse_connect = False
        self.portal = None          # (status, type, body, headers): answers all by itself
        self.on_request = self.on_answer = None
        self.passages, self.connects, self.failures = [], [], []
        self.port = self.server_address[1]
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def handle_error(self, request, client_address):
        pass    # a collector that was killed under us; the device sees a closed connection

    def passed(self, path):
        return [passage for passage in self.passages if passage.path == path]

    def close(self):
        self.shutdown()
        self.server_close()


def with_certificate_of(collector, **kwargs):
    """A relay whose certificate is the collector's own: devices notice nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(collector.data / 'server.pem')
    return Relay(lambda: collector.port, direct=context, **kwargs)
