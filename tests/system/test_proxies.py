"""What stands between a school and its collector: proxies that open TLS, with and without a log-in,
that alter what they carry; captive portals; collectors that hang, are gone, or are somebody else.
The transport is not believed, nothing is lost, and people are told what to do.
SPDX-License-Identifier: Apache-2.0"""
import json
import socket
import threading
import time

import pytest
from jwcrypto import jwk

import relay
from collector_fixture import key_of
from minicollector import b64, bare, new_key, open_jws, sign, unb64

STRICT = '[policy]\nname = strict\n[firewall]\nmode = audit\n'
PROXY_CA = 'Netfilter for Schools CA'


@pytest.fixture
def proxy(collector, tmp_path):
    proxy = relay.Relay(lambda: collector.port,
                        authority=relay.ProxyAuthority(tmp_path / 'proxy-ca', PROXY_CA))
    yield proxy
    proxy.close()


def behind(site, proxy, name='pc', trusted=False, login=''):
    """A machine whose only way out is the proxy; 'trusted': its system believes the proxy's CA."""
    pc = site.machine(name, f'[uplink]\nproxy = http://{login}127.0.0.1:{proxy.port}\n'
                            'timeout_s = 10\n')
    if trusted:
        folder = proxy.authority.bundle.parent
        pc.prefix = ['unshare', '--mount', 'sh', '-c',
                     'mount --bind "$0" /etc/ssl/certs && exec "$@"', folder]
    return pc


def enrol(pc, collector, *options):
    pc.check('enrol', collector.code(*options))
    pc.uuid = pc.saved('device.json')['device']
    return pc


def trouble(pc):
    return pc.status()['collector']['trouble']


def acked(pc):
    return pc.status()['collector']['acknowledged']


def payload(text):
    return json.loads(unb64(text.split('.')[1]))


# --- a proxy that opens TLS ---

def test_with_a_pinned_ca_a_proxy_that_opens_tls_is_named_with_what_to_do(site, collector, proxy):
    pc = behind(site, proxy, trusted=True)    # that the system trusts it changes nothing
    done = pc.check('enrol', collector.code(), code=1)
    assert f"'{PROXY_CA}' is opening TLS: by-pass localhost:{collector.port}" in done.stderr
    assert 'trust = system' in done.stderr
    assert f"'{PROXY_CA}' is opening TLS" in trouble(pc)
    assert proxy.connects and not proxy.passages      # it was asked, and given no byte of ours
    assert collector.one('SELECT count(*) FROM device') == 0
    proxy.authority = None                            # by-passed: a tunnel that looks at nothing
    pc.beat()
    assert pc.status()['collector']['enrolment'] == 'enrolled'
    assert collector.one('SELECT count(*) FROM heartbeat') == 1


def test_where_the_system_is_to_be_trusted_the_whole_run_goes_through_such_a_proxy(
        site, collector, proxy):
    pc = enrol(behind(site, proxy, trusted=True), collector, '--trust-system')
    pc.beat()
    collector.publish(STRICT)
    pc.beat()
    assert pc.status()['policy']['name'] == 'strict'
    pc.beat()
    assert [p.path for p in proxy.passages][0] == '/v1/enrol' and len(proxy.passages) >= 4
    row = collector.device(pc.uuid)
    assert (row['policy_name'], row['policy_serial']) == ('strict', 1)
    assert acked(pc) == collector.chain(pc.uuid)[-1]['seq'] == pc.spool()[-1]
    assert collector.wrong_counts() == {}


def test_a_proxy_whose_ca_the_system_does_not_know_is_named_too(site, collector, proxy):
    pc = behind(site, proxy)
    done = pc.check('enrol', collector.code('--trust-system'), code=1)
    assert PROXY_CA in done.stderr and 'add its CA to the system' in done.stderr
    assert not proxy.passages


# --- that alters what it carries ---

@pytest.fixture
def enrolled(site, collector, proxy):
    return enrol(behind(site, proxy, trusted=True), collector, '--trust-system')


def opened(body, collector, pc):
    """A stored heartbeat's payload, verified by the key that the store has for the device."""
    return open_jws(body, key_of(collector, pc.uuid), 'heartbeat')


def flip(data, at):
    return data[:at] + (b'A' if data[at:at + 1] != b'A' else b'B') + data[at + 1:]


def flip_payload(data):
    return flip(data, data.index(b'.') + 60)


def flip_signature(data):
    return flip(data, data.rindex(b'.') + 5)


def clean(proxy):
    proxy.on_request = proxy.on_answer = None


def test_keys_swapped_in_the_answer_to_an_enrolment_are_found_out(site, collector, proxy):
    """A man in the middle with keys of his own answers in the collector's place."""
    mine = {'policy': new_key(), 'online': new_key()}

    def swap(passage):
        claims = payload(passage.answer.decode())
        keys = payload(claims['keys'])
        keys.update(policy=[bare(mine['policy'])], online=[bare(mine['online'])])
        claims['keys'] = sign(mine['policy'], 'keys', keys)
        return sign(mine['online'], 'enrolled', claims).encode()

    proxy.on_answer = swap
    pc = behind(site, proxy, trusted=True)
    done = pc.check('enrol', collector.code('--trust-system'), code=1)
    assert 'the answer is not from the collector that made the code' in done.stderr
    assert not (pc.state / 'keys.jws').exists() and not (pc.state / 'device.json').exists()
    clean(proxy)
    pc.beat()        # the same request again, the same enrolment: it was one use of the code
    assert pc.status()['collector']['enrolment'] == 'enrolled'
    assert collector.one('SELECT count(*) FROM device') == 1
    assert collector.one('SELECT uses FROM code') == 1


def test_keys_swapped_in_the_request_of_an_enrolment_are_found_out(site, collector, proxy):
    """He enrols a key of his own with the proof that the device made for its key."""
    mine = new_key()

    def swap(passage):
        request = payload(passage.request.decode())
        request['cnf'] = {'jwk': bare(mine)}
        return sign(mine, 'enrol', request).encode()

    proxy.on_request = swap
    pc = behind(site, proxy, trusted=True)
    done = pc.check('enrol', collector.code('--trust-system'), code=1)
    assert '403' in done.stderr and 'enrolment code' in done.stderr
    assert (proxy.passages[-1].status, payload_type(proxy)) == (403, 'wrong-code')
    assert collector.one('SELECT count(*) FROM device') == 0
    assert collector.one('SELECT uses FROM code') == 0
    clean(proxy)
    pc.beat()
    assert collector.one('SELECT count(*) FROM device_key WHERE kid = ?', mine.thumbprint()) == 0
    assert pc.status()['collector']['enrolment'] == 'enrolled'


def payload_type(proxy):
    return json.loads(proxy.passages[-1].answer)['type'].rsplit(':', 1)[1]


@pytest.mark.parametrize('alter', [flip_payload, flip_signature])
def test_a_changed_byte_of_a_heartbeat_is_refused_by_the_collector(site, collector, proxy, enrolled,
                                                                   alter):
    pc = enrolled
    pc.beat()
    proxy.on_request = lambda passage: alter(passage.request)
    pc.beat()
    passage = proxy.passages[-1]
    assert passage.status == 403, (passage.status, passage.answer)
    assert 'the collector answered 403' in trouble(pc)
    assert [row['seq'] for row in collector.chain(pc.uuid)] == [1]
    signed = (pc.state / 'spool/2.jws').read_bytes()
    clean(proxy)
    pc.beat()
    assert [row['seq'] for row in collector.chain(pc.uuid)] == [1, 2, 3]
    assert collector.chain(pc.uuid)[1]['body'].encode() == signed     # the very one, unsigned anew
    assert trouble(pc) == ''


@pytest.mark.parametrize('alter', [flip_payload, flip_signature])
def test_a_changed_byte_of_an_acknowledgement_is_refused_by_the_device(site, collector, proxy,
                                                                       enrolled, alter):
    pc = enrolled
    pc.beat()
    proxy.on_answer = lambda passage: alter(passage.answer)
    pc.beat()
    assert "the answer is not the collector's" in trouble(pc)
    assert acked(pc) == 1 and pc.spool()[-1] == 2
    clean(proxy)
    pc.beat()
    # Stored the first time, sent again, kept once.
    assert [row['seq'] for row in collector.chain(pc.uuid)] == [1, 2, 3]
    assert acked(pc) == 3


def test_an_old_acknowledgement_said_again_acknowledges_nothing(site, collector, proxy, enrolled):
    pc = enrolled
    pc.beat()
    old = proxy.passed('/v1/heartbeats')[-1].answer
    proxy.on_request = lambda passage: old        # what it says does not matter: it goes nowhere
    proxy.on_answer = lambda passage: setattr(passage, 'status', 200) or setattr(
        passage, 'type', 'application/jose') or old
    pc.beat()
    assert acked(pc) == 1 and pc.spool()[-1] == 2
    assert 'but to another request' in trouble(pc)
    clean(proxy)
    pc.beat()
    assert [row['seq'] for row in collector.chain(pc.uuid)] == [1, 2, 3]
    assert acked(pc) == 3


def test_an_acknowledgement_lost_after_the_commit_stores_nothing_twice(site, collector, proxy,
                                                                       enrolled):
    pc = enrolled
    proxy.on_answer = lambda passage: None
    pc.beat()
    assert [row['seq'] for row in collector.chain(pc.uuid)] == [1]
    assert acked(pc) == 0 and trouble(pc)
    clean(proxy)
    pc.beat()
    assert [row['seq'] for row in collector.chain(pc.uuid)] == [1, 2]
    assert acked(pc) == 2
    assert collector.wrong_counts() == {}


def rewrite_ack(proxy, collector, change):
    """The acknowledgement with its policy changed, signed by the real online key: what whoever
    stole that key can do."""
    online = jwk.JWK.from_pem((collector.data / 'online.key').read_bytes())

    def alter(passage):
        claims = payload(passage.answer.decode())
        change(claims)
        return sign(online, 'ack', claims).encode()
    proxy.on_answer = alter


def test_a_policy_swapped_in_an_acknowledgement_is_refused_even_when_the_online_key_was_stolen(
        site, collector, proxy, enrolled):
    pc = enrolled
    pc.beat()
    collector.publish(STRICT)
    online = jwk.JWK.from_pem((collector.data / 'online.key').read_bytes())

    def swap(claims):
        if claims.get('policy'):
            claims['policy'] = sign(online, 'policy', {
                'v': 1, 'org': collector.one("SELECT value FROM meta WHERE name = 'org'"),
                'serial': claims['serials']['policy'], 'name': 'loose',
                'at': '2026-11-22T00:00:00Z', 'ini': '[policy]\nname = loose\n'})
    rewrite_ack(proxy, collector, swap)
    pc.beat()
    assert pc.status()['policy']['name'] == 'default'
    (rejected,) = pc.status()['policy']['rejected']
    assert rejected['what'] == 'policy' and 'signed' in rejected['why'], rejected
    clean(proxy)
    pc.beat()
    # It said so, under the number that the acknowledgement gave it; a technician sees who refused
    # what, and why.
    beats = [opened(row['body'], collector, pc) for row in collector.chain(pc.uuid)]
    assert beats[2]['rejected'][0]['what'] == 'policy'
    (row,) = json.loads(collector.device(pc.uuid)['rejected'])
    assert row['serial'] == 1 and 'which is no policy key of the pinned key set' in row['why']
    # Published once more it is taken, and nothing is left of the refusal.
    collector.publish(STRICT)
    pc.beat()
    assert pc.status()['policy']['name'] == 'strict' and pc.status()['policy']['rejected'] == []
    assert (collector.device(pc.uuid)['policy_name'], collector.device(pc.uuid)['rejected']) == \
        ('strict', '')


def test_a_policy_withheld_shows_on_both_sides(site, collector, proxy, enrolled):
    pc = enrolled
    pc.beat()
    collector.publish(STRICT)
    rewrite_ack(proxy, collector, lambda claims: claims.pop('policy', None))
    pc.beat()
    pc.beat()
    assert pc.status()['policy']['name'] == 'default'
    # The signed serials say that there is one; the roll-up says who does not run it.
    row = collector.device(pc.uuid)
    assert row['policy_serial'] == 0
    assert collector.one('SELECT policy FROM grp WHERE id = ?', row['grp']) == 1
    clean(proxy)
    pc.beat()
    assert pc.status()['policy']['name'] == 'strict'


def test_a_policy_stripped_by_who_cannot_sign_is_a_forged_acknowledgement(site, collector, proxy,
                                                                          enrolled):
    pc = enrolled
    pc.beat()
    collector.publish(STRICT)

    def strip(passage):
        head, body, signature = passage.answer.decode().split('.')
        claims = json.loads(unb64(body))
        claims.pop('policy', None)
        return '.'.join([head, b64(json.dumps(claims).encode()), signature]).encode()
    proxy.on_answer = strip
    pc.beat()
    assert "the answer is not the collector's" in trouble(pc)
    assert acked(pc) == 1
    clean(proxy)
    pc.beat()
    assert pc.status()['policy']['name'] == 'strict'


# --- log-ins, refusals, portals ---

def test_a_proxy_with_a_log_in_is_used_when_it_is_given_and_named_when_not(site, collector, proxy):
    proxy.authority, proxy.login = None, 'school:s3cret'
    pc = behind(site, proxy)
    done = pc.check('enrol', collector.code(), code=1)
    assert 'the proxy wants a log-in: set proxy = http://NAME:PASSWORD@HOST:PORT' in done.stderr
    assert collector.one('SELECT count(*) FROM device') == 0
    other = enrol(behind(site, proxy, 'with', login='school:s3cret@'), collector)
    other.beat()
    assert len(collector.chain(other.uuid)) == 1
    assert 's3cret' not in (other.run_dir / 'status.json').read_text()


def test_a_proxy_named_by_the_environment_is_used(site, collector, proxy):
    proxy.authority = None
    pc = site.machine()
    pc.env['https_proxy'] = f'http://127.0.0.1:{proxy.port}'
    enrol(pc, collector).beat()
    assert len(proxy.connects) >= 2      # the enrolment, the heartbeat
    assert len(collector.chain(pc.uuid)) == 1


def test_a_proxy_that_does_not_let_us_through_is_said(site, collector, proxy):
    proxy.refuse_connect = True
    done = behind(site, proxy).check('enrol', collector.code(), code=1)
    assert 'the proxy does not let us through' in done.stderr and '403' in done.stderr


@pytest.mark.parametrize('answer', [
    (302, 'text/html', b'', {'Location': 'http://portal.example/login'}),
    (200, 'text/html', b'<html>Welcome to Free Wi-Fi</html>', {}),
    (511, 'text/html', b'<html>Log in</html>', {}),
], ids=['302', 'page', '511'])
def test_a_captive_portal_is_waited_out(site, collector, proxy, enrolled, answer):
    pc = enrolled
    pc.beat()
    proxy.portal = answer
    pc.beat()
    assert 'a log-in page of the network answered' in trouble(pc)
    count = len(proxy.passages)
    pc.check('run')       # not before its time: the portal is not asked at every check
    assert len(proxy.passages) == count
    proxy.portal = None
    pc.beat()
    assert [row['seq'] for row in collector.chain(pc.uuid)] == [1, 2, 3]
    assert trouble(pc) == ''


# --- collectors that are not there ---

def test_what_happens_while_the_collector_is_gone_arrives_later(site, collector):
    pc = site.enrolled(collector)
    pc.beat()
    collector.stop()
    for _ in range(3):
        pc.beat()
        assert 'takes no connection' in trouble(pc)
    collector.start()
    pc.beat()
    chain = collector.chain(pc.uuid)
    assert [row['seq'] for row in chain] == list(range(1, len(chain) + 1))
    assert acked(pc) == len(chain)
    assert collector.wrong_counts() == {}


def test_a_collector_that_hangs_ends_with_the_time_that_was_set(site, collector):
    with socket.create_server(('127.0.0.1', 0)) as silent:
        taken = []
        threading.Thread(target=lambda: taken.append(silent.accept()), daemon=True).start()
        pc = site.enrolled(collector)
        (pc.conf / 'caretaker-check.ini').write_text(
            f'[uplink]\ntimeout_s = 5\ncollector = localhost:{silent.getsockname()[1]}\n')
        started = time.monotonic()
        pc.beat()
        assert 4 < time.monotonic() - started < 20 and taken
        assert 'did not answer in time' in trouble(pc)
        assert pc.spool() == [1]
        for connection, _ in taken:
            connection.close()
    pc.configure('')
    pc.beat()
    assert [row['seq'] for row in collector.chain(pc.uuid)] == [1, 2]


def test_another_collector_at_the_address_is_not_believed(site, collector):
    pc = site.enrolled(collector)
    pc.beat()
    collector.stop()
    other = site.collector('other')
    other.port, other.people = collector.port, collector.people
    other.make().start()
    pc.beat()
    assert 'is opening TLS' in trouble(pc) and 'Caretaker collector' in trouble(pc)
    other.stop()
    collector.start()
    pc.beat()
    assert [row['seq'] for row in collector.chain(pc.uuid)] == [1, 2, 3]


def test_a_certificate_for_another_name_is_not_believed(site, collector):
    tap = relay.with_certificate_of(collector, address='127.0.0.2')
    try:
        pc = site.machine()
        done = pc.check('enrol', collector.code(host=f'127.0.0.2:{tap.port}'), code=1)
        assert f'127.0.0.2:{tap.port} shows a certificate for another name' in done.stderr
        assert not tap.passages
    finally:
        tap.close()


def test_a_name_that_nobody_knows_is_said(site, collector):
    pc = site.machine(config='[uplink]\ntimeout_s = 10\n')
    done = pc.check('enrol', collector.code(host='collector.invalid:8443'), code=1)
    assert 'the name of collector.invalid:8443 is not known here' in done.stderr
