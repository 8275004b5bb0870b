# Our JWS verify with jwcrypto, jwcrypto's with us, and tools/verify-heartbeat says the same.
# SPDX-License-Identifier: Apache-2.0
import base64
import json
import pathlib
import subprocess
import sys
import zlib

import pytest
from jwcrypto import jwk, jws

ROOT = pathlib.Path(__file__).resolve().parents[2]
DICTIONARY = (ROOT / 'conf/heartbeat-dict-1.txt').read_bytes()


def peer(build, *args):
    return subprocess.run([build / 'unit/test_jose', *map(str, args)], capture_output=True,
                          text=True, timeout=60)


@pytest.fixture
def ours(build):
    run = peer(build, 'sign')
    assert run.returncode == 0, run.stderr
    key, *lines = run.stdout.splitlines()
    assert len(lines) == 3
    return jwk.JWK.from_json(key), lines


def inflate(data, dictionary=b''):
    return zlib.decompressobj(-15, zdict=dictionary).decompress(data)


def deflate(data, dictionary=b''):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, 0, zdict=dictionary)
    return packer.compress(data) + packer.flush()


def check(key_file, file):
    return subprocess.run([sys.executable, ROOT / 'tools/verify-heartbeat', key_file, file],
                          capture_output=True, text=True, timeout=60)


def sign(key, payload, **header):
    token = jws.JWS(payload)
    protected = {'alg': 'ES256', 'typ': 'caretaker-heartbeat+jws', 'kid': key.thumbprint(), **header}
    token.add_signature(key, alg='ES256', protected=json.dumps(protected))
    return token.serialize(compact=True)


def payloads(key, lines):
    for line in lines:
        token = jws.JWS()
        token.deserialize(line)
        token.verify(key)
        header = token.jose_header
        assert header['kid'] == key.thumbprint()
        data = token.payload
        if 'zip' in header:
            data = inflate(data, DICTIONARY if header.get('dict') == 1 else b'')
        yield json.loads(data)


def test_another_library_verifies_our_heartbeats(ours):
    key, lines = ours
    assert [beat['seq'] for beat in payloads(key, lines)] == [1234, 1235, 1236]


def test_another_library_refuses_a_changed_heartbeat(ours):
    key, lines = ours
    header, payload, signature = lines[2].split('.')
    changed = payload[:-2] + ('A' if payload[-2] != 'A' else 'B') + payload[-1]
    token = jws.JWS()
    token.deserialize('.'.join((header, changed, signature)))
    with pytest.raises(jws.InvalidJWSSignature):
        token.verify(key)


def test_we_verify_what_another_library_signs(build, ours, tmp_path):
    beats = list(payloads(*ours))
    for beat in beats:
        beat['seq'] += 1000
    key = jwk.JWK.generate(kty='EC', crv='P-256')
    text = [json.dumps(beat).encode() for beat in beats]
    lines = [sign(key, text[0]), sign(key, deflate(text[1]), zip='DEF'),
             sign(key, deflate(text[2], DICTIONARY), zip='DEF', dict=1)]
    public = {m: v for m, v in key.export_public(as_dict=True).items() if m in ('kty', 'crv', 'x', 'y')}
    file = tmp_path / 'theirs'
    file.write_text('\n'.join([json.dumps(public), *lines]) + '\n')
    run = peer(build, 'verify', file)
    assert (run.stdout.split(), run.stderr) == (['2234', '2235', '2236'], '')


@pytest.mark.parametrize('as_pem', [False, True])
def test_verify_heartbeat_prints_the_chain(ours, tmp_path, as_pem):
    key, lines = ours
    key_file, file = tmp_path / 'key', tmp_path / 'chain'
    key_file.write_bytes(key.export_to_pem() if as_pem else key.export_public().encode())
    file.write_text('\n'.join(lines) + '\n')
    run = check(key_file, file)
    assert run.returncode == 0, run.stdout + run.stderr
    assert [line.split()[2] for line in run.stdout.splitlines()] == ['1234', '1235', '1236']
    assert run.stdout.count(' follows ') == 2


def test_verify_heartbeat_names_a_bad_one_and_a_gap(ours, tmp_path):
    key, lines = ours
    key_file, file = tmp_path / 'key', tmp_path / 'chain'
    key_file.write_text(key.export_public())
    file.write_text('\n'.join([lines[0], lines[2]]) + '\n')
    run = check(key_file, file)
    assert run.returncode == 1
    assert 'seq 1236' in run.stdout and 'DOES NOT FOLLOW' in run.stdout
    signature = base64.urlsafe_b64encode(bytes(range(64))).decode().rstrip('=')
    file.write_text(lines[0].rsplit('.', 1)[0] + '.' + signature + '\n')
    run = check(key_file, file)
    assert run.returncode == 1
    assert run.stdout.startswith('BAD')
