# Controls against a real Debian with systemd, device mapper and nf_tables, in the test VM.
# SPDX-License-Identifier: Apache-2.0
import json
import os
import pathlib

import pytest

import bed


@pytest.fixture(scope='module')
def guest():
    facts = pathlib.Path(os.environ.get('CARETAKER_BUILD', 'build/linux')) / 'facts'
    assert facts.is_file(), f'{facts}: run "make test-vm", which builds it'
    with bed.guest() as it:
        it.push(facts, '/usr/bin/facts')
        yield it


@pytest.fixture
def check(guest):
    """check('firewall', 'at_boot_required = no') -> what the control says in the guest."""
    def run(control, *lines):
        policy = '\n'.join(['[policy]', 'name = vm', f'[{control}]', *lines, ''])
        guest.run('cat > /run/policy.ini', stdin=policy.encode())
        said = guest.run(f'facts --policy /run/policy.ini --state /run {control}')
        return json.loads(said)
    return run


def said(result):
    return result['verdict'], result['why']


def volume(result, name):
    return next(v for v in result['evidence']['volumes'] if v['name'] == name)


@pytest.fixture
def luks(guest):
    """Makes an encrypted container in a file, mounts it at /srv; undone at the end."""
    done = []

    def make(*options, swap=False, password=b'secret\n'):
        guest.run('truncate -s 64M /var/luks.img')
        loop = guest.run('losetup -f --show /var/luks.img')
        done.append(f'losetup -d {loop}')
        guest.run('cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 '
                  f'{" ".join(options)} {loop}', stdin=password, timeout=120)
        guest.run(f'cryptsetup open {loop} box', stdin=password, timeout=120)
        done.append('cryptsetup close box')
        if swap:
            guest.run('mkswap /dev/mapper/box && swapon /dev/mapper/box')
            done.append('swapoff /dev/mapper/box')
        else:
            guest.run('mke2fs -q -t ext4 /dev/mapper/box && mount /dev/mapper/box /srv')
            done.append('umount /srv')
    yield make
    for command in reversed(done):
        guest.run(command)
    guest.run('rm -f /var/luks.img')


def test_a_plain_root_fails(check):
    result = check('disk-encryption')
    assert said(result) == ('fail', 'plain')
    assert volume(result, '/') == {'name': '/', 'device': 'vda', 'type': 'ext4',
                                   'encryption': 'none'}


# A small header: the full one is 16 MiB to write.
LUKS2 = '--type luks2 --luks2-metadata-size 16k --luks2-keyslots-size 256k'


def test_luks2_is_seen_as_encrypted(check, luks):
    luks(LUKS2)
    result = check('disk-encryption', 'left_out = /')
    assert said(result) == ('pass', 'ok')
    assert volume(result, '/srv')['encryption'] == 'luks2'


def test_luks1_is_seen_as_encrypted(check, luks):
    luks('--type luks1')
    result = check('disk-encryption', 'left_out = /')
    assert said(result) == ('pass', 'ok')
    assert volume(result, '/srv')['encryption'] == 'luks1'


def test_luks_with_a_cipher_that_does_nothing_fails(check, luks):
    # cryptsetup opens a null cipher with an empty password alone
    luks('--type luks1', '--cipher cipher_null-ecb', '--key-size 128', password=b'\n')
    result = check('disk-encryption', 'left_out = /')
    assert said(result) == ('fail', 'plain')
    assert volume(result, '/srv')['encryption'] == 'null cipher'


def test_a_plain_container_file_is_as_safe_as_the_disk_below_it(check, guest):
    guest.run('truncate -s 16M /var/plain.img && mke2fs -q -t ext4 /var/plain.img '
              '&& mount -o loop /var/plain.img /srv')
    try:
        result = check('disk-encryption', 'left_out = /')
        assert said(result) == ('fail', 'plain')
        assert volume(result, '/srv')['encryption'] == 'none'
    finally:
        guest.run('umount /srv; rm -f /var/plain.img')


def test_encrypted_swap_passes(check, luks):
    luks(LUKS2, swap=True)
    result = check('disk-encryption', 'left_out = /')
    assert said(result) == ('pass', 'ok')
    assert volume(result, 'swap')['encryption'] == 'luks2'


def test_plain_swap_fails(check, guest):
    guest.run('dd if=/dev/zero of=/var/swap bs=1M count=16 status=none && chmod 600 /var/swap '
              '&& mkswap /var/swap && swapon /var/swap')
    try:
        result = check('disk-encryption', 'left_out = /')
        assert said(result) == ('fail', 'swap-plain')
        assert said(check('disk-encryption', 'left_out = /', 'swap_required = no')) != (
            'fail', 'swap-plain')
    finally:
        guest.run('swapoff /var/swap; rm -f /var/swap')


RULES = '''flush ruleset
table inet filter {
  chain input {
    type filter hook input priority 0; policy %s;
    iifname "lo" accept
    ct state established,related accept
  }
}
'''


@pytest.fixture
def rules(guest):
    yield lambda policy: guest.run('nft -f -', stdin=(RULES % policy).encode())
    guest.run('nft flush ruleset')


def test_no_firewall_fails(check):
    assert said(check('firewall')) == ('fail', 'none')


def test_rules_that_accept_fail(check, rules):
    rules('accept')
    assert said(check('firewall')) == ('fail', 'accepts-all')


def test_rules_that_filter_but_are_gone_after_a_restart_fail(check, rules):
    rules('drop')
    result = check('firewall')
    assert said(result) == ('fail', 'not-at-boot')
    assert result['evidence']['product'] == 'nftables'


def test_rules_that_systemd_loads_at_boot_pass(check, guest, rules):
    guest.run('cat > /etc/nftables.conf', stdin=(RULES % 'drop').encode())
    guest.run('systemctl enable -q --no-reload nftables && systemctl start nftables')
    try:
        result = check('firewall')
    finally:
        guest.run('systemctl disable -q --no-reload nftables; systemctl stop nftables')
    assert said(result) == ('pass', 'ok')
    assert result['evidence']['at_boot'] and result['evidence']['running']


def test_a_safeguard_that_somebody_stops_is_found_by_what_systemd_says(check, guest):
    guest.run('systemctl start nftables')
    try:
        assert said(check('tamper')) == ('pass', 'ok')
        guest.run('systemctl stop nftables')
        result = check('tamper')
        assert said(result) == ('fail', 'safeguard-stopped')
        assert result['evidence']['stopped'] == ['nftables']
    finally:
        guest.run('systemctl stop nftables')


def test_the_hardware_is_what_qemu_says_it_is(check):
    result = check('hardware')
    assert said(result) == ('pass', 'ok')
    assert 'Q35' in result['evidence']['model']
    assert result['evidence']['virtual'] == 'qemu'
    assert result['evidence']['memory_mib'] in range(900, 1025)
