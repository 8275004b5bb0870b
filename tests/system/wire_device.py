# A device made of Python's own parts (jwcrypto, http.client, ssl): what it sends is exactly what a
# test says, right or wrong.  Nothing of ours signs, packs or parses here.
# SPDX-License-Identifier: Apache-2.0
import hashlib
import hmac
import http.client
import json
import socket
import ssl
import time
import uuid
import zlib

from jwcrypto import jwk, jws

from minicollector import DICT_1, b64, bare, new_key, open_jws, rfc3339, sha256_b64, unb64

CONTROL = {'id': 'firewall', 'mode': 'audit', 'verdict': 'pass', 'why': 'ok',
           'since': '2026-11-01T08:00:00Z', 'evidence': {}}


def read_code(text):
    """An enrolment code's parts, by DESIGN.md's layout."""
    raw = unb64(text[len('CT1-'):])
    host_len = raw[82]
    return {'secret': raw[2:18], 'ca': raw[18:50], 'policy_kid': b64(raw[50:82]),
            'host': raw[83:83 + host_len].decode()}


def sign_raw(key, typ, data, zip_=False, dict_=None, header=None):
    """A compact JWS over any bytes at all, with any header."""
    head = {'alg': 'ES256', 'typ': f'caretaker-{typ}+jws', 'kid': key.thumbprint()}
    if zip_:
        packer = (zlib.compressobj(9, zlib.DEFLATED, -15, 9, 0, DICT_1) if dict_
                  else zlib.compressobj(9, zlib.DEFLATED, -15))
        data = packer.compress(data) + packer.flush()
        head['zip'] = 'DEF'
        if dict_:
            head['dict'] = dict_
    head.update(header or {})
    token = jws.JWS(data)
    token.add_signature(key, None, json.dumps(head))
    return token.serialize(compact=True)


class Answer:
    def __init__(self, response, body):
        self.status, self.body = response.status, body
        self.type = response.getheader('Content-Type')
        self.retry = response.getheader('Retry-After')
        self.problem = json.loads(body) if self.type == 'application/problem+json' else None

    @property
    def problem_name(self):
        return self.problem and self.problem['type'].removeprefix('urn:caretaker:problem:')


def context(collector):
    made = ssl.create_default_context(cafile=str(collector.data / 'ca.crt'))
    return made


def connect(collector, timeout=30):
    """A TLS socket to the devices' listener."""
    raw = socket.create_connection(('127.0.0.1', collector.port), timeout)
    return context(collector).wrap_socket(raw, server_hostname='localhost')


def post(collector, path, body, headers=None, method='POST'):
    connection = http.client.HTTPSConnection('localhost', collector.port, timeout=30,
                                             context=context(collector))
    connection.request(method, path, body, {'Content-Type': 'application/jose', **(headers or {})})
    response = connection.getresponse()
    answer = Answer(response, response.read())
    connection.close()
    return answer


class Device:
    def __init__(self, collector, code=None, name='wire', serial=''):
        self.collector = collector
        self.code = code or collector.code('--uses', '0')
        self.key = new_key()
        self.name, self.serial = name, serial
        self.uuid = None
        self.seq, self.prev = 0, None
        self.boot = str(uuid.uuid4())
        self.keys = None
        self.acked = (0, '')
        self.policy_serial = self.keys_serial = 0

    # --- enrolling ---

    def request(self, **change):
        code = read_code(self.code)
        proof = hmac.new(code['secret'],
                         b'caretaker-enrol-v1\0' + self.key.thumbprint().encode(), 'sha256')
        payload = {
            'v': 1, 'code': hashlib.sha256(b'caretaker code id' + code['secret']).digest()[:8].hex(),
            'proof': b64(proof.digest()), 'cnf': {'jwk': bare(self.key)}, 'at': rfc3339(time.time()),
            'nonce': b64(uuid.uuid4().bytes), 'name': self.name,
            'hardware': {'serial': self.serial, 'uuid': '', 'board': '', 'vendor': '', 'model': ''},
            'agent': '0.1.0', 'volatile': False, **change}
        return sign_raw(self.key, 'enrol', json.dumps(payload).encode())

    def enrol(self, **change):
        text = self.request(**change)
        answer = post(self.collector, '/v1/enrol', text)
        if answer.status in (200, 202):
            self.open_enrolled(text, answer.body.decode())
        return answer

    def open_enrolled(self, request, text):
        """Checks the whole trust path with jwcrypto: code, key set, answer."""
        rough = json.loads(unb64(text.split('.')[1]))
        keys = json.loads(unb64(rough['keys'].split('.')[1]))
        policy = {jwk.JWK(**k).thumbprint(): jwk.JWK(**k) for k in keys['policy']}
        self.keys = open_jws(rough['keys'], policy[read_code(self.code)['policy_kid']], 'keys')
        answer = self.verified(text, 'enrolled')
        assert answer['request'] == sha256_b64(request)
        self.uuid, self.epoch = answer['device'], answer['epoch']
        self.enrolled = answer
        self.keys_serial = self.keys['serial']
        self.seq, self.prev = 0, sha256_b64(request)
        return answer

    def verified(self, text, typ):
        kid = json.loads(unb64(text.split('.')[0]))['kid']
        online = {jwk.JWK(**k).thumbprint(): jwk.JWK(**k) for k in self.keys['online']}
        return open_jws(text, online[kid], typ)

    # --- heartbeats ---

    def payload(self, full=True, controls=None, events=(), **change):
        hb = {'v': 1, 'device': self.uuid, 'seq': self.seq + 1, 'prev': self.prev,
              'at': rfc3339(time.time()), 'boot': self.boot,
              'clock': {'up': 1000}, 'agent': '0.1.0',
              'policy': {'name': '', 'serial': self.policy_serial},
              'exceptions': 0, 'keys': self.keys_serial, 'full': full,
              'controls': [CONTROL] if controls is None else controls, 'events': list(events)}
        if self.acked[0]:
            hb['base'] = {'seq': self.acked[0], 'hash': self.acked[1]}
        hb.update(change)
        return {k: v for k, v in hb.items() if v is not None}

    def beat(self, zip_=True, dict_=1, key=None, advance=True, **change):
        """The JWS of the next heartbeat; the chain goes on from it."""
        text = sign_raw(key or self.key, 'heartbeat', json.dumps(self.payload(**change)).encode(),
                        zip_, dict_ if zip_ else None)
        if advance:
            self.seq, self.prev = self.seq + 1, sha256_b64(text)
        return text

    def send(self, *texts, **kwargs):
        return post(self.collector, '/v1/heartbeats', '\n'.join(texts), **kwargs)

    def ack(self, *texts):
        answer = self.send(*texts)
        assert answer.status == 200, (answer.status, answer.body)
        ack = self.verified(answer.body.decode(), 'ack')
        assert ack['device'] == self.uuid
        self.acked = (ack['acked'], ack['head'])
        return ack

    def saved(self):
        return (self.seq, self.prev)

    def restore(self, saved):
        self.seq, self.prev = saved


def seqs(collector, device):
    return [row['seq'] for row in collector.chain(device.uuid)]
