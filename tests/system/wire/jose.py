"""The JOSE half of enrol-by-hand.sh, by jwcrypto alone: nothing of Caretaker's is imported.

usage: jose.py code CODE | thumbprint KEY | enrol KEY CODE_ID PROOF | enrolled ANSWER REQUEST POLICY
       OUT_KEYS | heartbeat KEY ANSWER REQUEST | ack ACK KEYS HEARTBEAT
SPDX-License-Identifier: Apache-2.0"""
import base64
import hashlib
import json
import secrets
import sys
import time
import uuid

from jwcrypto import jwk, jws


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))


def read(path):
    with open(path, encoding='ascii') as file:
        return file.read().strip()


def load(path):
    return jwk.JWK.from_pem(read(path).encode())


def digest(text):
    return b64(hashlib.sha256(text.encode()).digest())


def rfc3339():
    return time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())


def sign(key, typ, payload):
    token = jws.JWS(json.dumps(payload, separators=(',', ':')))
    token.add_signature(key, None, json.dumps(
        {'alg': 'ES256', 'typ': f'caretaker-{typ}+jws', 'kid': key.thumbprint()}))
    return token.serialize(compact=True)


def peek(text):
    return json.loads(unb64(text.split('.')[1]))


def verified(text, keys, typ):
    """The payload, when one of 'keys' (JWK objects) signed this as a 'typ'."""
    header = json.loads(unb64(text.split('.')[0]))
    assert header['alg'] == 'ES256' and header['typ'] == f'caretaker-{typ}+jws', header
    (key,) = [k for k in map(lambda k: jwk.JWK(**k), keys) if k.thumbprint() == header['kid']]
    token = jws.JWS()
    token.deserialize(text)
    token.verify(key, alg='ES256')
    return json.loads(token.payload)


def code(text):
    data = unb64(text.removeprefix('CT1-'))
    assert data[0] == 1 and hashlib.sha256(data[:-4]).digest()[:4] == data[-4:], 'not a whole code'
    secret, ca, policy, host = data[2:18], data[18:50], data[50:82], data[83:83 + data[82]]
    print(f'HOST={host.decode()}\nCA={ca.hex()}\nPOLICY={b64(policy)}\nSECRET={secret.hex()}')
    print('CODE_ID=' + hashlib.sha256(b'caretaker code id' + secret).hexdigest()[:16])


def thumbprint(key):
    print(load(key).thumbprint())


def enrol(key, code_id, proof):
    key = load(key)
    public = {name: key.export_public(as_dict=True)[name] for name in ('kty', 'crv', 'x', 'y')}
    print(sign(key, 'enrol', {
        'v': 1, 'code': code_id, 'proof': proof, 'cnf': {'jwk': public}, 'at': rfc3339(),
        'nonce': b64(secrets.token_bytes(15)), 'name': 'by-hand', 'agent': 'by-hand', 'volatile': False,
        'hardware': {'serial': '', 'uuid': '', 'board': '', 'vendor': '', 'model': ''}}), end='')


def enrolled(answer, request, policy, out_keys):
    """The code names a policy key, which signed the key set, which names who may answer."""
    claims = peek(read(answer))
    keys = verified(claims['keys'], [k for k in peek(claims['keys'])['policy']
                                     if jwk.JWK(**k).thumbprint() == policy], 'keys')
    claims = verified(read(answer), keys['online'], 'enrolled')
    assert claims['request'] == digest(read(request)) and claims['org'] == keys['org'], claims
    with open(out_keys, 'w', encoding='ascii') as file:
        json.dump(keys, file)
    print(f"enrolled as {claims['device']} ({claims['status']}) in {claims['school']}")


def heartbeat(key, answer, request):
    claims = peek(read(answer))
    now = rfc3339()
    print(sign(load(key), 'heartbeat', {
        'v': 1, 'device': claims['device'], 'seq': 1, 'prev': digest(read(request)), 'at': now,
        'boot': str(uuid.uuid4()), 'clock': {'up': 60}, 'agent': 'by-hand', 'exceptions': 0,
        'keys': peek(claims['keys'])['serial'], 'full': True, 'events': [],
        'policy': {'name': 'default', 'serial': 0, 'sha256': digest('')},
        'controls': [{'id': 'firewall', 'mode': 'audit', 'verdict': 'fail', 'why': 'none',
                      'since': now, 'evidence': {}}]}))


def ack(answer, keys, sent):
    claims = verified(read(answer), json.loads(read(keys))['online'], 'ack')
    assert claims['acked'] == 1 and claims['head'] == digest(read(sent)), claims
    assert claims['device'] == peek(read(sent))['device'] and not claims.get('refused'), claims
    print(f"heartbeat 1 is acknowledged: {claims['head']}")


if __name__ == '__main__':
    commands = {f.__name__: f for f in (code, thumbprint, enrol, enrolled, heartbeat, ack)}
    commands[sys.argv[1]](*sys.argv[2:])
