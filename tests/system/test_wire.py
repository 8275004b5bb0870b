"""What goes over the wire, seen by a JOSE library that is not ours, and a device made of curl,
openssl and that library.
SPDX-License-Identifier: Apache-2.0"""
import json
import pathlib
import subprocess

import pytest
from jwcrypto import jwk
from jwcrypto.jws import InvalidJWSSignature

import relay
from minicollector import open_jws, sha256_b64, unb64

TOP = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent


@pytest.fixture
def tap(collector):
    tap = relay.with_certificate_of(collector)
    yield tap
    tap.close()


def kid_of(text):
    return json.loads(unb64(text.split('.')[0]))['kid']


def device_key(passage):
    """The public key that a device showed as it enrolled."""
    return jwk.JWK(**json.loads(unb64(passage.request.decode().split('.')[1]))['cnf']['jwk'])


def online_key(collector, kid):
    """By the collector's newest key set, itself verified by the policy key that it holds."""
    text = (collector.data / 'keys.jws').read_text().split()[-1]
    claims = json.loads(unb64(text.split('.')[1]))
    (policy,) = [k for k in map(lambda k: jwk.JWK(**k), claims['policy'])
                 if k.thumbprint() == kid_of(text)]
    keys = open_jws(text, policy, 'keys')
    (key,) = [k for k in map(lambda k: jwk.JWK(**k), keys['online']) if k.thumbprint() == kid]
    return key


def test_heartbeat_and_acknowledgement_from_the_wire_verify_with_jwcrypto(site, collector, tap):
    pc = site.machine()
    pc.check('enrol', collector.code(host=f'localhost:{tap.port}'))
    pc.beat()
    pc.beat()
    (enrol,) = tap.passed('/v1/enrol')
    first, second = tap.passed('/v1/heartbeats')
    key = device_key(enrol)
    answer = enrol.answer.decode()
    enrolled = open_jws(answer, online_key(collector, kid_of(answer)), 'enrolled')
    before = enrolled['request']
    assert before == sha256_b64(enrol.request.decode())
    for number, passage in enumerate([first, second], 1):
        beat, ack = passage.request.decode(), passage.answer.decode()
        payload = open_jws(beat, key, 'heartbeat')
        assert (payload['seq'], payload['prev']) == (number, before)
        if number == 1:
            assert payload['full'] and payload['device'] == enrolled['device']
        else:   # its key says whose it is, its base what is still so
            assert not payload['full']
            assert not {'device', 'boot', 'agent', 'base', 'policy', 'exceptions'} & set(payload)
        claims = open_jws(ack, online_key(collector, kid_of(ack)), 'ack')
        before = sha256_b64(beat)
        assert (claims['acked'], claims['head']) == (number, before)
    with pytest.raises(InvalidJWSSignature):      # and the library would have told
        open_jws(beat[:-10] + ('A' if beat[-10] != 'A' else 'B') + beat[-9:], key, 'heartbeat')
    # What was acknowledged is in the store as it was sent, byte for byte.
    assert [row['body'] for row in collector.chain(enrolled['device'])] == \
        [p.request.decode() for p in (first, second)]


def verify_heartbeat(key, path):
    return subprocess.run([TOP / 'tools/verify-heartbeat', key, path], capture_output=True,
                          text=True, timeout=60)


def test_the_script_of_a_foreign_library_reads_spool_and_export(site, collector, tap, tmp_path):
    pc = site.machine()
    pc.check('enrol', collector.code(host=f'localhost:{tap.port}'))
    for _ in range(3):
        pc.beat()
    uuid = pc.saved('device.json')['device']
    key = tmp_path / 'key.jwk'
    key.write_text(device_key(tap.passages[0]).export_public())
    spool = tmp_path / 'spool.jws'
    spool.write_text(''.join((pc.state / f'spool/{n}.jws').read_text().strip() + '\n'
                             for n in pc.spool()))
    export = tmp_path / 'export.jws'
    export.write_text(collector.cmd('export', uuid))
    for path in spool, export:
        done = verify_heartbeat(key, path)
        assert done.returncode == 0, done.stdout + done.stderr
        rows = done.stdout.splitlines()
        assert [row.split()[:3] for row in rows] == [['good', 'seq', str(n)] for n in (1, 2, 3)]
        assert ['follows' in row for row in rows] == [False, True, True]
    other = tmp_path / 'other.jwk'
    other.write_text(jwk.JWK.generate(kty='EC', crv='P-256').export_public())
    done = verify_heartbeat(other, export)
    assert done.returncode == 1 and done.stdout.count('BAD') == 3


def test_curl_openssl_and_jwcrypto_enrol_a_device_and_send_a_heartbeat(collector, tmp_path):
    code = collector.code('--uses', '1')
    script = HERE / 'wire/enrol-by-hand.sh'
    done = subprocess.run([script, code, tmp_path / 'hand'], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '(active) in Oakfield' in done.stdout
    assert 'heartbeat 1 is acknowledged' in done.stdout
    uuid = done.stdout.split()[2]
    (row,) = collector.json('devices')['devices']
    assert (row['device'], row['name']) == (uuid, 'by-hand')
    assert collector.one('SELECT why FROM device_control') == 'none'
    assert collector.wrong_counts() == {}
    # The code is used up: another key gets nothing for it, and nothing is recorded.
    done = subprocess.run([script, code, tmp_path / 'again'], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 1 and 'code-used-up' in done.stderr, done.stdout + done.stderr
    assert collector.one('SELECT count(*) FROM device') == 1


def test_the_hand_made_device_refuses_a_collector_whose_ca_the_code_does_not_name(
        site, collector, tmp_path):
    other = site.collector('other').make().start()
    done = subprocess.run([HERE / 'wire/enrol-by-hand.sh',
                           collector.code(host=f'localhost:{other.port}'), tmp_path / 'hand'],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and 'shows the CA that the code names' in done.stderr
    assert other.one('SELECT count(*) FROM device') == 0


# --- caretaker verify ---

@pytest.fixture
def exported(site, collector, tap, tmp_path):
    """Lines of five heartbeats, and 'verify', which runs caretaker verify on lines."""
    pc = site.machine()
    pc.check('enrol', collector.code(host=f'localhost:{tap.port}'))
    for _ in range(5):
        pc.beat()
    key = tmp_path / 'key.jwk'
    key.write_text(device_key(tap.passages[0]).export_public())
    lines = collector.cmd('export', pc.saved('device.json')['device']).split()
    assert len(lines) == 5

    def verify(lines, code):
        path = tmp_path / 'chain.jws'
        path.write_text('\n'.join(lines) + '\n')
        done = subprocess.run([site.build / 'caretaker', 'verify', '--json', '--key', key, path],
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)
    return lines, verify


def test_an_exported_chain_holds(exported):
    lines, verify = exported
    report = verify(lines, 0)
    assert (report['good'], report['first_seq'], report['last_seq']) == (5, 1, 5)
    assert report['findings'] == [] and report['signatures_checked']
    assert report['head'] == sha256_b64(lines[-1])


def test_a_changed_byte_in_an_exported_chain_is_found(exported):
    lines, verify = exported
    at = lines[2].index('.') + 40
    lines[2] = lines[2][:at] + ('A' if lines[2][at] != 'A' else 'B') + lines[2][at + 1:]
    report = verify(lines, 1)
    assert report['good'] == 4
    assert any(f['line'] == 3 and 'signature' in f['text'] for f in report['findings']), report


def test_a_gap_in_an_exported_chain_is_found(exported):
    lines, verify = exported
    report = verify(lines[:2] + lines[3:], 1)
    assert [(f['line'], f['seq']) for f in report['findings']] == [(3, 4)], report


def test_a_repeat_in_an_exported_chain_is_said_and_harmless(exported):
    lines, verify = exported
    report = verify(lines[:3] + [lines[1]] + lines[3:], 0)
    assert [(f['line'], f['seq']) for f in report['findings']] == [(4, 2)], report
