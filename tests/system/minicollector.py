# A small collector for tests of the agent alone: real TLS, real signatures (jwcrypto), and a script
# of misbehaviour.  It keeps what it acknowledged in memory; a test asks it what came.
# SPDX-License-Identifier: Apache-2.0
import base64
import datetime
import hashlib
import hmac
import http.server
import ipaddress
import json
import pathlib
import ssl
import struct
import threading
import time
import uuid
import zlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from jwcrypto import jwk, jws

ROOT = pathlib.Path(__file__).resolve().parents[2]
DICT_1 = (ROOT / 'conf/heartbeat-dict-1.txt').read_bytes()


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))


def sha256_b64(text):
    return b64(hashlib.sha256(text.encode()).digest())


def rfc3339(unix):
    return datetime.datetime.fromtimestamp(unix, datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')


def new_key():
    return jwk.JWK.generate(kty='EC', crv='P-256')


def public(key):
    return json.loads(key.export_public())


def bare(key):
    return {name: public(key)[name] for name in ('kty', 'crv', 'x', 'y')}


def sign(key, typ, payload):
    token = jws.JWS(json.dumps(payload).encode())
    header = {'alg': 'ES256', 'typ': f'caretaker-{typ}+jws', 'kid': key.thumbprint()}
    token.add_signature(key, None, json.dumps(header))
    return token.serialize(compact=True)


def open_jws(text, key, typ):
    """Verifies by jwcrypto and returns the payload; raises on anything wrong."""
    token = jws.JWS()
    token.allowed_algs = ['ES256']
    token.deserialize(text)
    header = json.loads(unb64(text.split('.')[0]))
    assert header['typ'] == f'caretaker-{typ}+jws', header
    token.verify(key)
    data = token.payload
    if header.get('zip') == 'DEF':
        inflate = (zlib.decompressobj(-15, zdict=DICT_1) if header.get('dict') == 1
                   else zlib.decompressobj(-15))
        data = inflate.decompress(data, 4 << 20)
    return json.loads(data)


class Authority:
    """A CA and the server certificates it signs."""

    def __init__(self, folder, name='Test collector CA'):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.cert = self._sign(subject, self.key.public_key(), subject, True, [])

    def _sign(self, subject, public_key, issuer, ca, names):
        now = datetime.datetime(2025, 1, 1)
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
                   .public_key(public_key).serial_number(x509.random_serial_number())
                   .not_valid_before(now).not_valid_after(now + datetime.timedelta(days=3650))
                   .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True))
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def fingerprint(self):
        return hashlib.sha256(self.cert.public_bytes(serialization.Encoding.DER)).digest()

    def context(self):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, 'collector')])
        names = [x509.DNSName('localhost'), x509.IPAddress(ipaddress.ip_address('127.0.0.1'))]
        cert = self._sign(subject, key.public_key(), self.cert.subject, False, names)
        path = self.folder / 'server.pem'
        path.write_bytes(key.private_bytes(serialization.Encoding.PEM,
                                           serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()) +
                         cert.public_bytes(serialization.Encoding.PEM) +
                         self.cert.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def ca_file(self):
        path = self.folder / 'ca.pem'
        path.write_bytes(self.cert.public_bytes(serialization.Encoding.PEM))
        return path


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args):
        pass

    def do_POST(self):
        collector = self.server.collector
        body = self.rfile.read(int(self.headers['Content-Length'])).decode()
        try:
            answer = collector.answer(self.path, body)
        except ConnectionAbortedError:
            self.close_connection = True
            return
        if answer is None:
            self.close_connection = True
            return
        status, content_type, data, headers = answer
        self.send_response(status)
        self.send_header('Content-Type', content_type)
        self.send_header('Content-Length', str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data.encode() if isinstance(data, str) else data)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, context, collector):
        super().__init__(('127.0.0.1', 0), Handler)
        self.collector = collector
        self.context = context

    def finish_request(self, request, address):
        request.settimeout(60)
        try:
            with self.context.wrap_socket(request, server_side=True) as tls:
                super().finish_request(tls, address)
        except (OSError, ssl.SSLError):
            pass  # a client that went away, or did not like the certificate


class Device:
    def __init__(self, key, root):
        self.uuid = str(uuid.uuid4())
        self.keys = {key.thumbprint(): key}
        self.root = root
        self.branches = []  # {'seq', 'head'}
        self.known = {}     # what a delta leaves out is as it was told


class MiniCollector:
    def __init__(self, folder, authority=None):
        self.authority = authority or Authority(folder)
        self.policy_key, self.online_key = new_key(), new_key()
        self.org, self.epoch = str(uuid.uuid4()), str(uuid.uuid4())
        self.secret = b'0123456789abcdef'
        self.keys_serial = 1
        self.keys = self.sign_keys(self.policy_key, 1, [self.policy_key], [self.online_key])
        self.policy = self.exceptions = None       # JWS to deliver
        self.policy_serial = self.exceptions_serial = 0
        self.devices = {}                          # kid -> Device
        self.enrolled_as = {}                      # hash of request -> Device
        self.heartbeats = {}                       # hash -> payload, acknowledged and committed
        self.order = []
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.script = []                           # functions of (path, body) for the next requests
        self.waiting = False
        self.clock_offset = 0
        self.ack_extra = {}
        self.refuse = None                         # function of payload -> why or None
        self.audit_until = None
        self.school = 'Oakfield'
        self.posts = 0
        self.server = Server(self.authority.context(), self)
        self.port = self.server.server_address[1]
        self.host = f'127.0.0.1:{self.port}'
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    # --- what it signs ---

    def sign_keys(self, signer, serial, policy, online):
        return sign(signer, 'keys', {
            'v': 1, 'org': self.org, 'serial': serial, 'at': rfc3339(time.time()),
            'policy': [bare(k) for k in policy], 'online': [bare(k) for k in online],
            'cas': [b64(self.authority.fingerprint())]})

    def publish(self, ini, serial, key=None, name='test'):
        self.policy_serial = serial
        self.policy = sign(key or self.policy_key, 'policy', {
            'v': 1, 'org': self.org, 'serial': serial, 'name': name, 'at': rfc3339(time.time()),
            'ini': ini})

    def except_(self, device, serial, items, days=7):
        now = time.time()
        self.exceptions_serial = serial
        self.exceptions = sign(self.online_key, 'exceptions', {
            'v': 1, 'device': device, 'serial': serial, 'at': rfc3339(now),
            'until': rfc3339(now + days * 86400),
            'items': [dict({'id': str(uuid.uuid4()), 'what': '', 'reason': 'a test', 'asked': 'a',
                            'approved': 'b', 'until': rfc3339(now + 86400)}, **i) for i in items]})

    def code(self, trust_system=False, host=None, ca=None, secret=None):
        host = (host or self.host).encode()
        data = struct.pack('BB', 1, 1 if trust_system else 0) + (secret or self.secret)
        data += ca or self.authority.fingerprint()
        data += unb64(self.policy_key.thumbprint()) + struct.pack('B', len(host)) + host
        return 'CT1-' + b64(data + hashlib.sha256(data).digest()[:4])

    # --- what it answers ---

    def answer(self, path, body):
        with self.lock:
            self.posts += 1
            step = self.script.pop(0) if self.script else None
            self.changed.notify_all()
        if step:
            result = step(path, body)
            if result is not NotImplemented:
                return result
        with self.lock:
            answer = self.enrol(body) if path == '/v1/enrol' else self.take(body)
            self.changed.notify_all()
        return answer

    @staticmethod
    def problem(status, name, detail, **headers):
        return status, 'application/problem+json', json.dumps(
            {'type': f'urn:caretaker:problem:{name}', 'status': status, 'title': name,
             'detail': detail}), headers

    def enrol(self, request):
        payload = json.loads(unb64(request.split('.')[1]))
        key = jwk.JWK(**payload['cnf']['jwk'])
        open_jws(request, key, 'enrol')
        code_id = hashlib.sha256(b'caretaker code id' + self.secret).hexdigest()[:16]
        proof = b64(hmac.new(self.secret, b'caretaker-enrol-v1\0' + key.thumbprint().encode(),
                             hashlib.sha256).digest())
        if payload['code'] != code_id or payload['proof'] != proof:
            return self.problem(403, 'code-unknown', 'this enrolment code is not known')
        device = self.devices.get(key.thumbprint())
        if not device:
            device = self.devices[key.thumbprint()] = Device(key, sha256_b64(request))
        self.request = payload
        answer = {'v': 1, 'device': device.uuid, 'request': sha256_b64(request),
                  'status': 'waiting' if self.waiting else 'active', 'time': self.now(),
                  'org': self.org, 'keys': self.keys, 'epoch': self.epoch, 'school': self.school,
                  'group': 'staff'}
        if self.policy:
            answer['policy'] = self.policy
        if self.audit_until:
            answer['audit_until'] = self.audit_until
        return 200, 'application/jose', sign(self.online_key, 'enrolled', answer), {}

    def now(self):
        return rfc3339(time.time() + self.clock_offset)

    def take(self, body):
        refused, device, branch, newest = [], None, None, None
        for i, line in enumerate(body.split('\n')):
            kid = json.loads(unb64(line.split('.')[0]))['kid']
            device = self.devices.get(kid)
            if not device:
                return self.problem(403, 'unknown-device', 'this device is not known')
            payload = open_jws(line, device.keys[kid], 'heartbeat')
            for name in ('device', 'boot', 'agent', 'policy', 'exceptions', 'keys'):
                payload.setdefault(name, device.known.get(name))
            why = self.refuse(payload) if self.refuse else None
            if why:
                refused.append({'i': i, 'seq': payload['seq'], 'hash': sha256_b64(line), 'why': why})
                continue
            branch = self.store(device, payload, sha256_b64(line))
            newest = payload
        branch = branch or max(device.branches, key=lambda b: b['seq'], default=None)
        return 200, 'application/jose', self.acknowledge(device, branch, newest, refused,
                                                          sha256_b64(body)), {}

    def store(self, device, payload, hash_):
        if hash_ in self.heartbeats:
            return next((b for b in device.branches if hash_ in b['all']), None)
        branch = next((b for b in device.branches if b['head'] == payload['prev']), None)
        if not branch:
            branch = {'all': []}
            device.branches.append(branch)
        branch.update(seq=payload['seq'], head=hash_)
        branch['all'].append(hash_)
        device.known.update(payload)
        self.heartbeats[hash_] = payload
        self.order.append(payload)
        if payload.get('next'):
            key = jwk.JWK(**payload['next'])
            device.keys[key.thumbprint()] = key
            self.devices[key.thumbprint()] = device
        return branch

    def acknowledge(self, device, branch, newest, refused, request):
        ack = {'v': 1, 'device': device.uuid, 'request': request, 'acked': 0, 'time': self.now(), 'refused': refused,
               'serials': {'keys': self.keys_serial, 'policy': self.policy_serial,
                           'exceptions': self.exceptions_serial},
               'dicts': [1], 'epoch': self.epoch}
        if branch:
            ack.update(acked=branch['seq'], head=branch['head'])
            trunk = max(device.branches, key=lambda b: b['seq'])
            if trunk is not branch and not (newest and newest.get('volatile')):
                ack['trunk'] = {'seq': trunk['seq'], 'head': trunk['head']}
        if newest:
            if self.policy and newest['policy']['serial'] != self.policy_serial:
                ack['policy'] = self.policy
            if self.exceptions and newest['exceptions'] != self.exceptions_serial:
                ack['exceptions'] = self.exceptions
            if newest['keys'] != self.keys_serial:
                ack['keys'] = self.keys
        ack.update(self.ack_extra)
        self.ack_extra = {}
        return sign(self.online_key, 'ack', ack)

    # --- what a test asks ---

    def device(self):
        assert len({d.uuid for d in self.devices.values()}) == 1
        return next(iter(self.devices.values()))

    def events(self, type_=None):
        return [e for h in self.order for e in h['events'] if type_ in (None, e['type'])]

    def wait_posts(self, count, seconds=30):
        with self.changed:
            assert self.changed.wait_for(lambda: self.posts >= count, seconds), self.posts
