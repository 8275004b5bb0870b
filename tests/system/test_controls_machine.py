# Controls that look at the machine, against real parts: rules in a network namespace, accounts made
# by Debian's own tools in a chroot, sockets, and this machine's disks.
# What needs device mapper, systemd or a machine that is no container is in tests/vm.
# SPDX-License-Identifier: Apache-2.0
import json
import os
import shutil
import socket
import subprocess

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='needs root: namespaces, /etc/shadow')


@pytest.fixture
def check(build, tmp_path):
    """check('firewall', 'a = b', wrap=['unshare', '-n']) -> what the control says."""
    def run(control, *lines, wrap=(), root=None):
        policy = tmp_path / 'policy.ini'
        policy.write_text('\n'.join(['[policy]', 'name = test', *lines, '']))
        command = [*wrap, build / 'facts', '--policy', policy, '--state', tmp_path]
        if root:
            command += ['--root', root]
        done = subprocess.run([*map(str, command), control], capture_output=True, text=True,
                              timeout=60, check=True, stdin=subprocess.DEVNULL)
        return json.loads(done.stdout)
    return run


def said(result):
    return result['verdict'], result['why']


# --- firewall: real rules in a network namespace of our own ---

INPUT = '''table inet filter {
  chain input {
    type filter hook input priority 0; policy %s;
    iifname "lo" accept
    ct state established,related accept
    tcp dport 22 accept
    %s
  }
}
'''


@pytest.fixture
def filtered(check, tmp_path):
    """What the firewall control says in a namespace with these rules of nft."""
    def run(rules):
        path = tmp_path / 'rules.nft'
        path.write_text(rules)
        script = 'test -s "$0" && { nft -f "$0" || exit 1; }; exec "$@"'
        return check('firewall', '[firewall]', 'at_boot_required = no',
                     wrap=['unshare', '-n', 'sh', '-c', script, str(path)])
    if subprocess.run(['unshare', '-n', 'nft', 'list', 'ruleset'], capture_output=True,
                      check=False).returncode:
        pytest.skip('this kernel has no nf_tables: tests/vm has these states')
    return run


def test_no_rules_are_seen_as_none(filtered):
    result = filtered('')
    assert result['evidence']['ipv4'] == 'none'
    assert result['verdict'] != 'pass'


@pytest.mark.parametrize('policy, last', [('drop', ''), ('accept', 'drop'),
                                          ('accept', 'reject with icmpx admin-prohibited')])
def test_rules_that_filter_pass(filtered, policy, last):
    result = filtered(INPUT % (policy, last))
    assert said(result) == ('pass', 'ok')
    assert result['evidence']['ipv4'] == result['evidence']['ipv6'] == 'filters'


@pytest.mark.parametrize('policy, last', [('accept', ''), ('drop', 'accept'),
                                          ('drop', 'ct state new accept'),
                                          ('accept', 'tcp dport 1-1024 drop')])
def test_rules_that_let_everything_in_do_not_pass(filtered, policy, last):
    result = filtered(INPUT % (policy, last))
    assert result['evidence']['ipv4'] == 'accepts'
    assert result['verdict'] != 'pass'


def test_what_nft_may_not_read_is_unknown(check):
    """Without the right to ask the kernel there is no verdict."""
    if not shutil.which('setpriv'):
        pytest.skip('needs setpriv')
    result = check('firewall', wrap=['setpriv', '--bounding-set=-net_admin',
                                     '--inh-caps=-net_admin'])
    assert result['verdict'] == 'unknown'
    assert result['evidence']['ipv4'] == 'unknown'


# --- accounts: made by Debian's own tools ---

@pytest.fixture
def tree(tmp_path):
    """A root with the files that useradd and passwd work on."""
    root = tmp_path / 'root'
    for folder in ('etc', 'usr/bin', 'usr/sbin', 'home', 'run', 'var/log', 'etc/sudoers.d'):
        (root / folder).mkdir(parents=True)
    (root / 'etc/passwd').write_text('root:x:0:0:root:/root:/bin/bash\n')
    (root / 'etc/shadow').write_text('root:*:19000:0:99999:7:::\n')
    (root / 'etc/group').write_text('root:x:0:\nsudo:x:27:\n')
    (root / 'etc/gshadow').write_text('root:*::\nsudo:!::\n')
    shutil.copy('/etc/login.defs', root / 'etc/login.defs')
    run_in(root, 'useradd', '-s', '/bin/bash', 'smith')
    set_password(root, 'smith')
    return root


def run_in(root, program, *args, stdin=None):
    subprocess.run([program, '--prefix', str(root), *args], check=True, input=stdin, text=True,
                   capture_output=True)


def set_password(root, name):
    run_in(root, 'usermod', '-p', '$y$j9T$abc$def', name)


def test_clean_accounts_pass(check, tree):
    result = check('accounts', root=tree)
    assert said(result) == ('pass', 'ok')
    assert result['evidence']['people'] == 1


def test_an_administrator_whom_the_policy_does_not_name_fails(check, tree):
    run_in(tree, 'usermod', '-aG', 'sudo', 'smith')
    result = check('accounts', '[privacy]', 'users = name', root=tree)
    assert said(result) == ('fail', 'extra-administrators')
    assert result['evidence']['extra_administrators'] == ['smith']
    assert said(check('accounts', '[accounts]', 'administrators = root, smith',
                      root=tree)) == ('pass', 'ok')


def test_a_rule_of_sudo_makes_an_administrator(check, tree):
    sudo = tree / 'usr/bin/sudo'
    sudo.touch(0o755)
    (tree / 'etc/sudoers').write_text('@includedir /etc/sudoers.d\n')
    assert said(check('accounts', root=tree)) == ('pass', 'ok')
    (tree / 'etc/sudoers.d/smith').write_text('smith ALL=(ALL) NOPASSWD: ALL\n')
    assert said(check('accounts', root=tree)) == ('fail', 'extra-administrators')


def test_an_account_without_a_password_fails(check, tree):
    run_in(tree, 'usermod', '-p', '', 'smith')
    assert said(check('accounts', root=tree)) == ('fail', 'empty-password')


def test_an_automatic_log_in_fails_and_names_its_program(check, tree):
    (tree / 'usr/sbin/gdm3').touch(0o755)
    (tree / 'etc/gdm3').mkdir()
    (tree / 'etc/gdm3/daemon.conf').write_text(
        '[daemon]\nAutomaticLoginEnable=true\nAutomaticLogin=smith\n')
    result = check('accounts', root=tree)
    assert said(result) == ('fail', 'auto-login')
    assert result['evidence']['manager'] == ['gdm3']
    assert 'smith' not in json.dumps(result)


def test_a_masked_console_is_none_that_cannot_be_read(check, tree):
    null = tree / 'dev/null'
    if not null.exists():
        null.parent.mkdir(exist_ok=True)
        os.mkfifo(null)  # like the device it is no file
    (tree / 'etc/systemd/system').mkdir(parents=True, exist_ok=True)
    (tree / 'etc/systemd/system/getty@tty1.service').symlink_to('/dev/null')
    assert said(check('accounts', root=tree)) == ('pass', 'ok')


def test_a_leavers_account_must_be_locked(check, tree):
    lines = ['[accounts]', 'disabled_accounts = smith']
    assert said(check('accounts', *lines, root=tree)) == ('fail', 'leaver')
    run_in(tree, 'usermod', '-L', 'smith')
    assert said(check('accounts', *lines, root=tree)) == ('pass', 'ok')


# --- sockets ---

def test_a_socket_that_others_reach_fails_and_loopback_does_not(check):
    with socket.create_server(('127.0.0.1', 0)) as inside:
        result = check('services', wrap=())
        assert f'tcp/{inside.getsockname()[1]}' not in json.dumps(result['evidence'])
    with socket.create_server(('0.0.0.0', 0)) as outside:
        port = f'tcp/{outside.getsockname()[1]}'
        result = check('services')
        assert said(result) == ('fail', 'listening')
        assert any(e.startswith(port + ' python3') for e in result['evidence']['extra'])
        allowed = check('services', '[services]', f'allowed_ports = {port}')
        assert not any(e.startswith(port + ' ') for e in allowed['evidence'].get('extra', []))


# --- disks of this machine ---

def test_this_machines_root_is_what_lsblk_says(check):
    # As process 1 sees it, as the control does.
    found = subprocess.run(['findmnt', '-N', '1', '-nvo', 'SOURCE,FSTYPE', '/'], text=True,
                           capture_output=True)
    result = check('disk-encryption')
    if found.returncode:
        # In a chroot that is no mount point nothing tells on what it lies.
        assert '/' not in [v['name'] for v in result['evidence'].get('volumes', [])]
        return
    source, kind = found.stdout.split()
    root = next(v for v in result['evidence']['volumes'] if v['name'] == '/')
    assert root['type'] == kind
    if kind == 'overlay':
        assert said(result) == ('unknown', 'below-unknown')
        return
    layers = subprocess.run(['lsblk', '-sno', 'TYPE', source], text=True, capture_output=True,
                            check=True).stdout
    if 'crypt' not in layers:
        assert said(result) == ('fail', 'plain')
        assert root['encryption'] == 'none'
    else:
        assert root['encryption'].startswith('luks')
