# What controls say of real parts: a real apt with a real archive, a real dpkg, a real clamd.
# Nothing of this machine is touched: all happens in layers over a cached Debian, or in namespaces.
# SPDX-License-Identifier: Apache-2.0
import datetime
import email.utils
import hashlib
import io
import json
import os
import shutil
import socket
import subprocess
import tarfile
import textwrap
import time

import pytest

import debroot

DAY = 86400

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason='namespaces and chroot need root')
pytestmark = needs_root


def parsed(done):
    assert done.returncode == 0, done.stdout + done.stderr
    return {said['id']: said for said in map(json.loads, done.stdout.splitlines())}


PACKAGES = ['unattended-upgrades', 'cron', 'distro-info-data', 'ca-certificates']


@pytest.fixture
def root(build):
    with debroot.Root(PACKAGES, lists=True, mounts=['proc']) as system:
        system.add_program(build / 'facts')
        system.path('/state').mkdir()
        yield system


def check(system, *controls, policy='', now=None):
    """What the controls say inside; each run remembers as caretaker-check does."""
    system.write('/policy.ini', policy)
    at = ['--now', str(int(now))] if now else []
    return parsed(system.program('facts', '--policy', '/policy.ini', '--state', '/state', *at,
                                 *controls))


# --- our own files ---

def test_our_files_are_as_dpkg_has_them_also_after_an_upgrade(root, tmp_path, build):
    # Where an installed program lies; elsewhere it is a build tree's and no file is watched.
    folder = '/usr/libexec/caretaker'
    root.add_program(build / 'facts', folder)
    tamper = lambda: parsed(root.program(  # noqa: E731
        'facts', '--state', '/state', 'tamper', folder=folder))['tamper']
    assert tamper()['evidence']['files_by'] == 'first seen'
    for version in '1.0', '1.1':
        files = {'/usr/bin/caretaker': version, '/usr/sbin/caretakerd': 'd' + version,
                 '/usr/share/doc/caretaker/x': 'x'}
        deb = debroot.make_deb(tmp_path, 'caretaker', version, files=files)
        shutil.copy(deb, root.path('/our.deb'))
        root.run('dpkg', '-i', '/our.deb')
        said = tamper()
        assert (said['verdict'], said['events']) == ('pass', []), said
        assert said['evidence']['files_by'] == 'package manager'
    root.write('/usr/sbin/caretakerd', 'evil')
    root.path('/usr/share/doc/caretaker/x').unlink()
    said = tamper()
    assert (said['verdict'], said['why']) == ('fail', 'file-changed'), said
    assert said['evidence']['changed'] == ['caretakerd'], said
    root.run('dpkg', '-i', '/our.deb')
    assert tamper()['verdict'] == 'pass'


def test_programs_of_a_build_tree_are_not_watched_and_that_is_said(root):
    said = check(root, 'tamper')['tamper']
    assert said['verdict'] == 'pass'
    assert said['evidence']['files_by'].startswith('nothing: Caretaker runs from where')


# --- updates ---

AUTOMATIC = '''\
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
'''


@pytest.fixture
def updated(root, tmp_path):
    """A system whose only archive is a security archive of our own: holds school-editor 1.1."""
    archive = root.path('/archive')
    archive.mkdir()
    released = email.utils.formatdate(time.time() - 20 * DAY)
    old = debroot.make_deb(tmp_path, 'school-editor', '1.0')
    shutil.copy(old, root.path('/old.deb'))
    debroot.make_deb(archive, 'school-editor', '1.1', changelog_date=released)
    debroot.make_archive(archive)
    root.write('/etc/apt/sources.list', 'deb [trusted=yes] file:/archive ./\n')
    root.write('/etc/apt/apt.conf.d/20auto-upgrades', AUTOMATIC)
    root.write('/usr/share/distro-info/debian.csv',
               'version,codename,series,created,release,eol,eol-lts,eol-elts\n'
               '12,Bookworm,bookworm,2021-08-14,2023-06-10,2126-07-11,2128-06-30\n')
    root.run('sh', '-c', 'rm -rf /etc/apt/sources.list.d/* /var/lib/apt/lists/*; '
             'dpkg -i /old.deb && apt-get update')
    return root


def test_a_fix_of_unknown_release_is_due_14_days_after_it_was_first_seen(updated):
    before = int(time.time())
    said = check(updated, 'updates')['updates']
    assert (said['verdict'], said['why']) == ('pass', 'pending'), said
    fix, = said['evidence']['pending']
    assert (fix['name'], fix['installed'], fix['fixed']) == ('school-editor', '1.0', '1.1')
    assert (fix['dated'], fix['severity']) == ('first-seen', 'unrated')
    assert 0 <= said['due_at'] - (before + 14 * DAY) < 60


def test_a_fetched_fix_is_dated_by_its_changelog_and_overdue_until_it_is_installed(updated):
    updated.run('apt-get', '-y', '--download-only', 'upgrade')
    # apt does not copy packages of file: archives; an archive on the network leaves them here.
    updated.run('sh', '-c', 'cp /archive/*.deb /var/cache/apt/archives/')
    said = check(updated, 'updates')['updates']
    assert (said['verdict'], said['why']) == ('fail', 'overdue'), said
    assert said['evidence']['overdue'] == ['school-editor']
    fix, = said['evidence']['pending']
    assert (fix['dated'], fix['severity']) == ('changelog', 'high')
    # Installed: struck off at once, though apt is not asked again that day; that it was not is said.
    before = time.time()
    assert 'asked_at' not in said['evidence']
    updated.run('apt-get', '-y', 'upgrade')
    said = check(updated, 'updates')['updates']
    assert (said['verdict'], said['why']) == ('pass', 'current'), said
    assert said['evidence']['asked_at'] <= time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(before))


def test_a_current_machine_passes_and_a_held_fix_is_not_current(updated):
    updated.run('apt-get', '-y', 'upgrade')
    said = check(updated, 'updates')['updates']
    assert (said['verdict'], said['why']) == ('pass', 'current'), said
    assert said['evidence']['automatic'] is True
    assert said['evidence']['release'] == 'Debian GNU/Linux 12 (bookworm)'
    updated.run('sh', '-c', 'dpkg -i --force-downgrade /old.deb && '
                'apt-mark hold school-editor && rm -f /state/updates.txt')
    said = check(updated, 'updates')['updates']
    assert (said['verdict'], said['why']) == ('pass', 'pending'), said
    assert said['evidence']['pending'][0]['held'] is True


@pytest.mark.parametrize('command, detail', [
    ('rm /etc/apt/apt.conf.d/20auto-upgrades', 'APT::Periodic::Update-Package-Lists is 0'),
    ('echo \'APT::Periodic::Enable "0";\' > /etc/apt/apt.conf.d/99off',
     'APT::Periodic::Enable is 0'),
    ('rm /etc/apt/apt.conf.d/50unattended-upgrades',
     'unattended-upgrades is set up for no archive'),
    ('dpkg --purge --force-depends unattended-upgrades',
     "package 'unattended-upgrades' is not installed"),
])
def test_updates_that_do_not_come_by_themselves_are_found_out(updated, command, detail):
    updated.run('sh', '-c', f'apt-get -y upgrade && {{ {command}; }}')
    said = check(updated, 'updates')['updates']
    assert (said['verdict'], said['why']) == ('fail', 'not-automatic'), said
    assert said['evidence']['automatic_by'] == detail


HOLD = """import fcntl, subprocess, sys
held = open(sys.argv[1], 'a')
fcntl.lockf(held, fcntl.LOCK_EX)
sys.exit(subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL).returncode)
"""


def check_while_held(system, lock):
    """What updates says while somebody inside holds the lock as dpkg and apt do."""
    return parsed(system.program('facts', '--policy', '/policy.ini', '--state', '/state', 'updates',
                                 before=['python3', '-c', HOLD, lock]))['updates']


@pytest.mark.parametrize('lock', ['/var/lib/dpkg/lock-frontend', '/var/lib/dpkg/lock',
                                  '/var/lib/apt/lists/lock'])
def test_nothing_is_kept_of_what_is_read_while_packages_change(updated, lock):
    updated.write('/policy.ini', '')
    said = check_while_held(updated, lock)
    assert (said['verdict'], said['why']) == ('unknown', 'cannot-tell'), said
    assert said['evidence']['message'] == \
        f"packages are being changed just now: '{lock}' is held"
    assert not updated.path('/state/updates.txt').exists()
    said = check(updated, 'updates')['updates']
    assert (said['verdict'], said['why']) == ('pass', 'pending'), said


def test_an_interrupted_dpkg_is_told_and_strikes_nothing_off_what_was_known(updated):
    updated.write('/var/lib/dpkg/updates/0001', 'Package: school-editor\n')
    said = check(updated, 'updates')['updates']
    assert (said['verdict'], said['why']) == ('unknown', 'cannot-tell'), said
    assert "run 'dpkg --configure -a'" in said['evidence']['message']
    updated.path('/var/lib/dpkg/updates/0001').unlink()
    assert check(updated, 'updates')['updates']['evidence']['pending_count'] == 1
    # While dpkg writes, what is known stays: the status file alone would say that it is gone.
    updated.write('/var/lib/dpkg/status',
                  'Package: other\nStatus: install ok installed\nVersion: 1\n')
    said = check_while_held(updated, '/var/lib/dpkg/lock')
    assert said['evidence']['pending_count'] == 1, said
    assert check(updated, 'updates')['updates']['evidence']['pending_count'] == 0


def test_an_answer_got_while_a_list_is_replaced_is_not_kept(updated):
    # An apt-get that works as always, and whose lists are another's when it has.
    updated.run('sh', '-c', 'mv /usr/bin/apt-get /usr/bin/apt-get.real')
    updated.write('/bin-apt-get', '#!/bin/sh\n/usr/bin/apt-get.real "$@"; code=$?\n'
                  'touch /var/lib/apt/lists/*Packages*\nexit $code\n')
    updated.run('sh', '-c', 'install -m 755 /bin-apt-get /usr/bin/apt-get')
    said = check(updated, 'updates')['updates']
    assert (said['verdict'], said['why']) == ('unknown', 'cannot-tell'), said
    assert said['evidence']['message'] == 'packages or their lists changed while apt was asked'
    assert not updated.path('/state/updates.txt').exists()
    updated.run('mv', '/usr/bin/apt-get.real', '/usr/bin/apt-get')
    assert check(updated, 'updates')['updates']['evidence']['pending_count'] == 1


def test_old_lists_are_no_pass_and_none_cannot_tell(updated):
    updated.run('apt-get', '-y', 'upgrade')
    said = check(updated, 'updates', now=time.time() + 8 * DAY)['updates']
    assert (said['verdict'], said['why']) == ('fail', 'lists-old'), said
    updated.run('sh', '-c', 'rm -rf /var/lib/apt/lists/* /state/updates.txt')
    said = check(updated, 'updates')['updates']
    assert (said['verdict'], said['why']) == ('unknown', 'lists-missing'), said


def test_a_release_past_its_end_fails_and_a_restart_that_waits_is_due(updated):
    updated.run('apt-get', '-y', 'upgrade')
    updated.write('/run/reboot-required', '*** System restart required ***\n')
    updated.write('/run/reboot-required.pkgs', 'linux-image-amd64\n')
    said = check(updated, 'updates')['updates']
    assert (said['verdict'], said['why']) == ('pass', 'reboot-pending'), said
    assert said['evidence']['reboot_why'] == 'linux-image-amd64 asked for it'
    updated.write('/usr/share/distro-info/debian.csv', '12,B,b,2021-08-14,2023-06-10,2024-01-01\n')
    said = check(updated, 'updates')['updates']
    assert (said['verdict'], said['why']) == ('fail', 'end-of-life'), said


# --- software ---

def test_software_clean_then_banned_then_from_nowhere(root, tmp_path):
    said = check(root, 'software')['software']
    assert (said['verdict'], said['why']) == ('pass', 'ok'), said
    assert said['evidence']['kinds']['dpkg'] > 80

    shutil.copy(debroot.make_deb(tmp_path, 'house-game', '2.0'), root.path('/game.deb'))
    root.run('dpkg', '-i', '/game.deb')
    said = check(root, 'software')['software']
    assert (said['verdict'], said['why']) == ('fail', 'not-approved'), said
    assert said['evidence']['not_approved'] == ['house-game']
    said = check(root, 'software', policy='[software]\napproved = house-*\n')['software']
    assert (said['verdict'], said['why']) == ('pass', 'ok'), said

    shutil.copy(debroot.make_deb(tmp_path, 'wireshark-qt', '4.0'), root.path('/shark.deb'))
    root.run('dpkg', '-i', '/shark.deb')
    said = check(root, 'software')['software']
    assert (said['verdict'], said['why']) == ('fail', 'banned'), said
    assert said['evidence']['banned'] == ['wireshark-qt']
    # Removed with its settings left behind: no longer there.
    root.run('dpkg', '--remove', 'wireshark-qt', 'house-game')
    said = check(root, 'software')['software']
    assert (said['verdict'], said['why']) == ('pass', 'ok'), said


def test_software_from_another_archive_needs_a_yes(root, tmp_path):
    archive = root.path('/archive')
    archive.mkdir()
    debroot.make_deb(archive, 'vendor-tool', '1')
    debroot.make_archive(archive, label='Vendor', suite='stable')
    release = (archive / 'Release').read_text().replace('Origin: Debian', 'Origin: Vendor Ltd')
    (archive / 'Release').write_text(release)
    root.write('/etc/apt/sources.list.d/vendor.list', 'deb [trusted=yes] file:/archive ./\n')
    only = '-o Dir::Etc::sourcelist=sources.list.d/vendor.list -o Dir::Etc::sourceparts=-'
    root.run('sh', '-c', f'apt-get {only} -o APT::Get::List-Cleanup=0 update && '
             'apt-get -y install vendor-tool')
    said = check(root, 'software')['software']
    assert (said['verdict'], said['why']) == ('fail', 'foreign-source'), said
    assert said['evidence']['sources'] == ['Vendor Ltd']
    policy = '[software]\nallowed_sources = Debian*, Vendor Ltd\n'
    said = check(root, 'software', policy=policy)['software']
    assert (said['verdict'], said['why']) == ('pass', 'ok'), said


def test_programs_in_homes_are_named_but_not_whose_they_are(root):
    root.path('/home/zoe/Downloads').mkdir(parents=True)
    root.write('/home/zoe/Downloads/Game.AppImage', 'x', 0o755)
    root.path('/home/zoe/.local/lib/python3.11/site-packages/pykeylogger-1.2.dist-info').mkdir(
        parents=True)
    said = check(root, 'software')['software']
    assert (said['verdict'], said['why']) == ('fail', 'banned'), said
    assert said['evidence']['banned'] == ['pykeylogger']
    assert said['evidence']['in_home'] == ['~/Downloads/Game.AppImage']
    assert 'zoe' not in json.dumps(said)


def test_the_inventory_is_the_same_bytes_each_time_and_holds_licences(root):
    run = lambda: root.program('facts', '--state', '/state', 'inventory').stdout  # noqa: E731
    first = run()
    assert run() == first
    packages = {p[0]: p for p in json.loads(first)['software']['dpkg']}
    name, version, licence, origin = packages['dpkg']
    assert 'GPL-2+' in licence and origin == 'Debian'


# --- configuration, filtering, backup: real files, real certificates ---

def test_configuration_names_what_is_missing_and_what_changed(root):
    right = hashlib.sha256(b'as it should be\n').hexdigest()
    root.write('/etc/school.conf', 'as it should be\n')
    policy = ('[configuration]\nrequired_packages = bash, cron\n'
              f'files = /etc/school.conf={right}\n')
    said = check(root, 'configuration', policy=policy)['configuration']
    assert (said['verdict'], said['why']) == ('pass', 'ok'), said
    root.write('/etc/school.conf', 'as somebody liked it\n')
    said = check(root, 'configuration', policy=policy)['configuration']
    assert (said['verdict'], said['why']) == ('fail', 'file-changed'), said
    assert said['evidence']['changed'] == ['/etc/school.conf']
    root.run('dpkg', '--purge', '--force-depends', 'cron')
    said = check(root, 'configuration', policy=policy)['configuration']
    assert (said['verdict'], said['why']) == ('fail', 'package-missing'), said


def test_the_filters_certificate_is_found_by_its_fingerprint_in_the_real_store(root, tmp_path):
    key, crt = tmp_path / 'key.pem', tmp_path / 'filter.crt'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                    'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', crt, '-subj',
                    '/CN=School filter', '-days', '30'], check=True, capture_output=True)
    der = subprocess.run(['openssl', 'x509', '-in', crt, '-outform', 'DER'], check=True,
                         capture_output=True).stdout
    policy = f'[filtering]\nca_sha256 = {hashlib.sha256(der).hexdigest()}\n'
    root.path('/sys/class/net').mkdir(parents=True)     # a machine without Wi-Fi
    said = check(root, 'filtering', policy=policy)['filtering']
    assert (said['verdict'], said['why']) == ('fail', 'certificate-missing'), said
    root.write('/usr/local/share/ca-certificates/filter.crt', crt.read_bytes())
    root.run('update-ca-certificates')
    said = check(root, 'filtering', policy=policy)['filtering']
    assert (said['verdict'], said['why']) == ('pass', 'ok'), said


def test_a_backup_is_as_old_as_the_newest_file_it_left(root):
    policy = '[backup]\nfiles = /srv/backup/day-*\nmax_age_hours = 24\n'
    said = check(root, 'backup', policy=policy)['backup']
    assert (said['verdict'], said['why']) == ('fail', 'never'), said
    for name, age in ('day-1', 3 * DAY), ('day-2', 2 * DAY):
        path = root.write(f'/srv/backup/{name}', 'x')
        os.utime(path, (time.time() - age,) * 2)
    said = check(root, 'backup', policy=policy)['backup']
    assert (said['verdict'], said['why']) == ('fail', 'old'), said
    root.write('/srv/backup/day-3', 'x')
    said = check(root, 'backup', policy=policy)['backup']
    assert (said['verdict'], said['why']) == ('pass', 'ok'), said


# --- anti-virus ---

VIRUS = b'caretaker-test-virus'


def database(age_s):
    """An unsigned database (.cud) of one signature, in the form that sigtool builds: clamd loads
    it and dates itself by its header."""
    at = int(time.time()) - age_s
    stamp = time.strftime('%d %b %Y %H-%M +0000', time.gmtime(at))
    signature = b'Caretaker.Test:0:*:' + VIRUS.hex().encode() + b'\n'

    def header(md5):
        return f'ClamAV-VDB:{stamp}:27100:1:90:{md5}:X:caretaker:{at}'.encode()
    info = (header('X') + f'\ndaily.ndb:{len(signature)}:'
            f'{hashlib.sha256(signature).hexdigest()}\n'.encode())
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode='w', format=tarfile.USTAR_FORMAT) as tar:
        for name, data in ('COPYING', b'none\n'), ('daily.info', info), ('daily.ndb', signature):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    md5 = hashlib.md5(body.getvalue()).hexdigest()
    return header(md5).ljust(512) + body.getvalue()


# Runs in mount and process namespaces of its own: this machine's /etc/clamav and the rest are
# covered by folders of the test, and whatever is started ends with the namespace.
CLAMD = '''\
set -e
mount -t proc proc /proc
for folder in /etc/clamav /var/lib/clamav /var/log/clamav; do
    mkdir -p "$folder"; mount --bind "$1$folder" "$folder"
done
clamd -c /etc/clamav/clamd.conf >"$1/clamd.out" 2>&1 &
clamd=$!
i=0
until clamdscan --config-file=/etc/clamav/clamd.conf --ping 1 >"$1/ping.out" 2>&1; do
    kill -0 $clamd || { cat "$1/clamd.out" >&2; exit 9; }
    i=$((i + 1)); [ $i -lt 600 ] || { echo 'clamd did not come up' >&2; exit 9; }
    sleep 0.1
done
shift
eval "$1"
kill $clamd
wait $clamd || true
'''


@pytest.fixture
def clamd(tmp_path, build):
    missing = [p for p in ('clamd', 'clamdscan', 'clamonacc') if not shutil.which(p)]
    assert not missing, f'{missing}: the package clamav-daemon or clamdscan is not installed'
    for folder in 'etc/clamav', 'var/lib/clamav', 'var/log/clamav', 'state', 'files':
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / 'etc/clamav/clamd.conf').write_text(textwrap.dedent(f'''\
        LocalSocket {tmp_path}/clamd.ctl
        LogFile /var/log/clamav/clamav.log
        LogTime yes
        ExtendedDetectionInfo yes
        DatabaseDirectory /var/lib/clamav
        OnAccessIncludePath {tmp_path}/files
        OnAccessExcludeRootUID yes
        User root
        Foreground yes
        '''))

    def run(commands, age_s=3600, policy='[anti-virus]\nupdates_itself_required = no\n'):
        (tmp_path / 'policy.ini').write_text(policy)
        (tmp_path / 'var/lib/clamav/daily.cud').write_bytes(database(age_s))
        facts = (f'{build}/facts --policy {tmp_path}/policy.ini --state {tmp_path}/state '
                 'anti-virus')
        done = subprocess.run(['unshare', '--mount', '--pid', '--fork', 'sh', '-c', CLAMD, 'sh',
                               tmp_path, commands.replace('FACTS', facts)],
                              capture_output=True, text=True, timeout=100,
                              stdin=subprocess.DEVNULL)
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{')], done
    run.folder = tmp_path
    return run


def test_no_anti_virus_is_found_as_none(root):
    said = check(root, 'anti-virus')['anti-virus']
    assert (said['verdict'], said['why']) == ('fail', 'none'), said


def test_real_clamd_with_fresh_signatures_but_without_clamonacc_fails_on_access(clamd):
    (said,), done = clamd('FACTS')
    assert (said['verdict'], said['why']) == ('fail', 'not-on-access'), (said, done.stderr)
    product, = said['evidence']['products']
    assert product['running'] is True and product['signatures'] == '27100'
    built = datetime.datetime.fromisoformat(product['signatures_at'].replace('Z', '+00:00'))
    assert abs(time.time() - 3600 - built.timestamp()) < 60


def test_real_clamd_with_stale_signatures_fails_whatever_else(clamd):
    (said,), done = clamd('FACTS', age_s=5 * DAY)
    assert (said['verdict'], said['why']) == ('fail', 'signatures-old'), (said, done.stderr)
    assert said['wrong'] == ('The virus signatures of ClamAV are 5 days old; the policy allows '
                             '2 days.')


def test_real_clamd_passes_where_on_access_is_not_asked_for(clamd):
    policy = '[anti-virus]\nupdates_itself_required = no\non_access_required = no\n'
    (said,), done = clamd('FACTS', policy=policy)
    assert (said['verdict'], said['why']) == ('pass', 'ok'), (said, done.stderr)


def test_real_clamonacc_beside_clamd_is_seen(clamd):
    commands = (f'clamonacc --foreground --config-file=/etc/clamav/clamd.conf '
                f'>{clamd.folder}/onacc.out 2>&1 & onacc=$!; '
                f'i=0; until grep -q . {clamd.folder}/onacc.out || [ $i -ge 50 ]; '
                f'do i=$((i + 1)); sleep 0.1; done; FACTS; kill $onacc')
    (said,), done = clamd(commands)
    assert (said['verdict'], said['why']) == ('pass', 'ok'), (
        said, done.stderr, (clamd.folder / 'onacc.out').read_text())


def test_a_real_detection_becomes_one_event_and_stands_until_the_file_is_gone(clamd):
    bad = clamd.folder / 'files/game.exe'
    bad.write_bytes(b'MZ' + VIRUS)
    policy = '[anti-virus]\nupdates_itself_required = no\non_access_required = no\n'
    said, done = clamd(f'clamdscan --config-file=/etc/clamav/clamd.conf {bad} >&2 || true; '
                       f'FACTS; FACTS; rm {bad}; FACTS', policy=policy)
    assert [s['why'] for s in said] == ['virus-found', 'virus-found', 'ok'], (said, done.stderr)
    event, = said[0]['events']
    assert event['type'] == 'virus-found'
    assert event['data']['signature'].startswith('Caretaker.Test')
    assert event['data']['path'] == str(bad)
    assert said[1]['events'] == [] and said[2]['events'] == []


NO_ON_ACCESS = '[anti-virus]\nupdates_itself_required = no\non_access_required = no\n'


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as server:
        return server.getsockname()[1]


def listen_at(clamd, address, port):
    # The settings of a clamd that has no socket but this port.
    conf = clamd.folder / 'etc/clamav/clamd.conf'
    kept = [line for line in conf.read_text().splitlines() if not line.startswith('LocalSocket')]
    conf.write_text('\n'.join(kept + [f'TCPSocket {port}', f'TCPAddr {address}', '']))
    return conf


def test_real_clamd_that_listens_at_a_port_only_is_asked_there(clamd):
    listen_at(clamd, '127.0.0.1', free_port())
    (said,), done = clamd('FACTS', policy=NO_ON_ACCESS)
    assert (said['verdict'], said['why']) == ('pass', 'ok'), (said, done.stderr)
    assert said['evidence']['products'][0]['version'].startswith('1.')


def test_clamd_at_an_address_of_the_network_is_not_asked_but_unknown(clamd):
    conf = listen_at(clamd, '127.0.0.1', free_port())
    (said,), done = clamd(f'sed -i "s/^TCPAddr.*/TCPAddr 192.0.2.7/" {conf}; FACTS',
                          policy=NO_ON_ACCESS)
    assert (said['verdict'], said['why']) == ('unknown', 'cannot-tell'), (said, done.stderr)
    assert '192.0.2.7, which is not the loopback' in said['wrong']


def test_a_port_at_which_nobody_listens_is_not_running(clamd):
    conf = listen_at(clamd, 'localhost', free_port())
    (said,), done = clamd(f'sed -i "s/^TCPSocket.*/TCPSocket {free_port()}/" {conf}; FACTS',
                          policy=NO_ON_ACCESS)
    assert (said['verdict'], said['why']) == ('fail', 'not-running'), (said, done.stderr)


def test_what_clamd_tells_the_journal_only_becomes_an_event_once(clamd):
    # journalctl is a script here: a container has no journald.
    conf = clamd.folder / 'etc/clamav/clamd.conf'
    conf.write_text(conf.read_text().replace('LogFile /var/log/clamav/clamav.log',
                                             'LogSyslog yes'))
    bad = clamd.folder / 'files/game.exe'
    bad.write_bytes(b'x')
    entries = [{'__CURSOR': f's=1;i={n}', '__REALTIME_TIMESTAMP': f'{int(time.time())}000000',
                'MESSAGE': message}
               for n, message in enumerate(['x', f'{bad}: Caretaker.Test.UNOFFICIAL FOUND'])]
    (clamd.folder / 'journal').write_text(''.join(json.dumps(e) + '\n' for e in entries))
    script = clamd.folder / 'journalctl'
    script.write_text(textwrap.dedent(f'''\
        #!/bin/sh
        echo "$*" >> {clamd.folder}/asked
        case "$*" in *'--after-cursor=s=1;i=1') exit 0;; esac
        cat {clamd.folder}/journal
        '''))
    script.chmod(0o755)
    commands = (f'mount -t tmpfs tmpfs /run; FACTS; mkdir -p /run/systemd/journal; '
                f': > /run/systemd/journal/socket; mount --bind {script} /usr/bin/journalctl; '
                'FACTS; FACTS')
    said, done = clamd(commands, policy=NO_ON_ACCESS)
    assert [s['why'] for s in said] == ['ok', 'virus-found', 'virus-found'], (said, done.stderr)
    assert 'no journal of systemd' in said[0]['evidence']['detections_unread']
    assert said[1]['events'][0]['data']['path'] == str(bad)
    assert said[2]['events'] == []
    asked = (clamd.folder / 'asked').read_text()
    assert '--unit=clamav-daemon.service' in asked and '--after-cursor=s=1;i=1' in asked


def test_a_clamd_that_is_gone_is_not_running_though_its_files_lie_there(clamd):
    (said,), done = clamd('kill $clamd; wait $clamd || true; FACTS; clamd=$$; exit 0')
    assert (said['verdict'], said['why']) == ('fail', 'not-running'), (said, done.stderr)
