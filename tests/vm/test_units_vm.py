# The packages as a school installs them, under a real systemd: agent and collector in one guest.
# The bed installed them when it made its snapshot.
# The tests are steps of one story; each leaves the guest as the next one expects it.
# SPDX-License-Identifier: Apache-2.0
import json
import re

import pytest

import bed

UNITS = ('caretakerd.service', 'caretaker-check.path', 'caretaker-poll.path',
         'caretaker-uplink.socket')
ENABLED = ('caretakerd.service', 'caretaker-uplink.socket', 'caretaker-gate.path',
           'caretaker-gate.service')  # the others come with the daemon
SLOW = 150  # the guest has no hardware of its own: seconds that a check may take there
# What is asked in a loop is asked of files, by the shell itself: in an emulated machine each process
# costs a hundredth of a second, and each that talks to systemd costs systemd a tenth.
NEXT, TOLD = '/run/caretaker/next', '/run/told'
CGROUPS = '/sys/fs/cgroup/system.slice'
CHECKING = f'{CGROUPS}/caretaker-check.service'   # there while the unit has a process


class School:
    """The guest, and what is asked of it again and again."""

    def __init__(self, guest):
        self.guest = guest
        self.run, self.call = guest.run, guest.call

    def until(self, command, seconds=SLOW):
        """Waits until a command succeeds in the guest."""
        loop = f'until {command}; do sleep 0.5; done'
        code, output, error = self.call(f'timeout {seconds} sh -c "$(cat)"', seconds + 30,
                                        loop.encode())
        if code:
            log = self.run('journalctl -q -o short -u "caretaker*" | tail -n 40')
            raise bed.GuestError(f'not within {seconds} s: {command}\n{output}{error}\n{log}')

    def show(self, unit, *names):
        """The values of a unit's properties, in this order."""
        found = dict(line.split('=', 1) for line in self.run(
            f'systemctl show -p {",".join(names)} {unit}').splitlines())
        values = tuple(found[name] for name in names)
        return values if len(names) > 1 else values[0]

    def are(self, question, *units):
        """What "is-active" or "is-enabled" says: {unit: word}."""
        words = self.call(f'systemctl is-{question} {" ".join(units)}')[1].split('\n')
        return dict(zip(units, words))

    def started(self, unit='caretaker-check.service'):
        """How often systemd has started a unit."""
        return int(self.run(f'journalctl -q -o cat -u {unit} --grep "^Starting " | wc -l'))

    def rest(self):
        """Waits until no check runs and none is asked for."""
        self.until(f'! [ -e /run/caretaker/request-check ] && [ -e {NEXT} ] && ! [ -e {CHECKING} ]')

    def mark(self):
        """From here on checked() waits; the file is written anew at each end of a check."""
        self.run(f'touch -r {NEXT} {TOLD}')

    def checked(self):
        """Waits until a check ended after the mark; without one, until any did."""
        self.until(f'[ -e {NEXT} ] && {{ ! [ -e {TOLD} ] || [ {NEXT} -nt {TOLD} ]; }}')

    def status(self):
        return json.loads(self.run('cat /run/caretaker/status.json'))


@pytest.fixture(scope='module')
def school():
    with bed.guest(installed=True) as guest:
        # What an initramfs holds is test_gate_vm's; here each would take longer than all the tests.
        guest.write(bed.QUIET, 'update_initramfs=no\n')
        # Nobody sits here; while logind runs, systemd tells it of each change of any unit.  It comes
        # back with multi-user.target, but for the reload that comes before.
        guest.run('systemctl mask -q --runtime --no-reload systemd-logind; '
                  'systemctl stop systemd-logind')
        yield School(guest)


# --- installed ---

def test_an_installed_agent_runs_and_comes_back_at_the_next_boot(school):
    assert school.are('active', *UNITS) == dict.fromkeys(UNITS, 'active')
    assert school.are('enabled', *ENABLED) == dict.fromkeys(ENABLED, 'enabled')
    assert school.show('caretakerd', 'NRestarts', 'Type') == ('0', 'notify')


def test_a_collector_that_was_not_made_yet_starts_nothing_and_fails_nothing(school):
    assert school.show('caretaker-collector', 'ActiveState', 'ConditionResult') == ('inactive', 'no')


def test_the_first_check_runs_as_a_unit_that_the_daemon_asked_for(school):
    school.checked()
    school.rest()
    log = school.run('journalctl -q -o cat -u caretaker-check.service')
    assert 'Finished caretaker-check.service' in log
    # systemd's own child, and its cgroup: never the daemon's.
    assert school.show('caretaker-check', 'TriggeredBy') == 'caretaker-check.path'
    assert school.run('cat /sys/fs/cgroup/system.slice/caretakerd.service/cgroup.procs') == \
        school.show('caretakerd', 'MainPID')
    school.rest()   # its request is taken away, and so is one that came since


def test_a_collector_is_made_started_and_enrols_the_machine(school):
    school.run('caretaker-collector init --host localhost --kit /root/kit.txt', timeout=120)
    school.run('systemctl start caretaker-collector', timeout=120)
    assert school.run('systemctl is-enabled caretaker-collector') == 'enabled'
    school.run('caretaker-collector school add "Ash Grove"')
    code = re.search(r'CT1-\S+', school.run('caretaker-collector code new --school "Ash Grove"'))[0]
    said = school.run(f'caretaker enrol {code}', timeout=SLOW)
    assert 'is enrolled with localhost:8443 for Ash Grove as device' in said


def test_the_heartbeat_that_follows_is_acknowledged(school):
    # Nobody asks for it: the daemon sees the new key.
    school.until("grep -q '\"acknowledged\":[1-9]' /run/caretaker/status.json")
    status = school.status()['collector']
    assert (status['trouble'], status['in_flight']) == ('', False)
    device, = json.loads(school.run('caretaker-collector devices --json'))['devices']
    assert (device['name'], device['presence']) == ('bed', 'seen')


def test_apt_answers_inside_the_check_s_unit(school):
    said = json.loads(school.run('caretaker-collector device bed --json'))
    control, = (c for c in said['controls'] if c['control'] == 'updates')
    assert control['verdict'] in ('pass', 'fail'), control
    fix, = control['evidence']['pending']
    assert (fix['name'], fix['installed'], fix['fixed']) == ('school-editor', '1.0', '1.1')
    assert control['evidence']['automatic'] is False


# --- rights ---

def test_the_uplink_is_nobody_and_sees_nothing(school):
    # A connection that says nothing holds the unit up for as long as we look.
    school.run('setsid perl -MIO::Socket::UNIX -e \'$s = IO::Socket::UNIX->new('
               '"/run/caretaker/uplink.sock") or die; sleep 120\' '
               '< /dev/null > /dev/null 2>&1 & echo $! > /run/holder')
    try:
        school.until('pgrep -x caretaker-uplin > /dev/null', 60)
        pid = school.run('pgrep -x caretaker-uplin')
        status = dict(line.split(':\t', 1) for line in
                      school.run(f'cat /proc/{pid}/status').splitlines() if ':\t' in line)
        user = status['Uid'].split()[0]
        assert 61184 <= int(user) <= 65519, f'no dynamic user: {user}'
        assert set(status['Uid'].split()) == {user} and status['NoNewPrivs'] == '1'
        assert status['Seccomp'] == '2'
        for name in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'):
            assert int(status[name], 16) == 0, name
        unit = school.run(f'cat /proc/{pid}/cgroup')
        assert '/caretaker-uplink@' in unit, unit
        # As root even, in the files that it has: there is no agent's folder.
        inside = f'nsenter -t {pid} -m'
        for path in ('/var/lib/caretaker/device.key', '/etc/shadow', '/home/alice'):
            assert school.call(f'{inside} setpriv --reuid {user} --regid {user} --clear-groups '
                               f'cat {path}')[0] != 0, path
        assert school.call(f'{inside} ls /var/lib/caretaker/device.key')[0] != 0
        school.run('ls /var/lib/caretaker/device.key')
    finally:
        school.run('kill $(pgrep -x perl)')


def test_anybody_may_read_the_status_and_it_holds_nothing_personal(school):
    code, said, error = school.call('runuser -u alice -- caretaker status')
    assert code in (0, 1), error
    assert 'Collector: localhost:8443, Ash Grove, last heard' in said and 'updates' in said
    shown = said + school.run('cat /run/caretaker/status.json')
    for personal in ('alice', 'Alice', 'Liddell'):
        assert personal not in shown, personal


def test_a_user_may_not_check_nor_read_the_key_nor_use_the_uplink(school):
    code, said, error = school.call('runuser -u alice -- caretaker check')
    assert code == 2 and said == ''
    assert error.strip() == 'caretaker: only root may do that: sudo caretaker check'
    for path in ('/var/lib/caretaker', '/var/lib/caretaker-collector'):
        _, _, error = school.call(f'runuser -u alice -- ls {path}')
        assert 'Permission denied' in error, (path, error)
    code, _, _ = school.call('runuser -u alice -- perl -MIO::Socket::UNIX -e \'IO::Socket::UNIX'
                             '->new("/run/caretaker/uplink.sock") or die\'')
    assert code != 0


@pytest.mark.parametrize('unit, most', [('caretaker-uplink@1.service', 1.5),
                                        ('caretaker-collector.service', 1.5),
                                        ('caretakerd.service', 3.5),
                                        ('caretaker-check.service', 5.0)])
def test_an_installed_unit_is_exposed_to_little(school, unit, most):
    said = school.run(f'systemd-analyze security --no-pager {unit}')
    exposure = float(re.search(r'Overall exposure level for \S+: ([\d.]+)', said)[1])
    assert exposure <= most, said


def test_root_s_commands_leave_files_that_the_collector_can_read(school):
    school.run('caretaker-collector keys rotate-online')
    owners = school.run('stat -c %U /var/lib/caretaker-collector/*').split()
    assert set(owners) == {'_caretaker-collector'}
    school.until('journalctl -q -o cat -u caretaker-collector | grep -q "^reloaded"', 60)
    assert 'Permission denied' not in school.run('journalctl -q -u caretaker-collector')


# --- events ---

def test_many_changes_at_once_ask_for_one_check(school):
    school.rest()
    began = school.started()
    school.mark()
    school.run('for i in 1 2 3 4 5 6; do touch /etc/passwd /etc/group /etc/sudoers; done')
    school.checked()
    school.rest()
    assert school.started() == began + 1


def test_a_change_while_a_check_runs_asks_for_another(school):
    began = school.started()
    school.mark()
    school.run('touch /etc/passwd')
    school.until(f'[ -e {CHECKING} ]', 60)
    school.run('touch /etc/group')
    school.checked()
    school.mark()
    school.checked()
    school.rest()
    assert school.started() == began + 2


def test_while_somebody_waits_the_collector_is_asked_every_few_seconds(school):
    school.rest()
    school.run('systemctl kill -s USR1 caretakerd')
    for _ in range(2):
        school.mark()
        school.checked()
    times = [float(line.split()[0]) for line in school.run(
        'journalctl -q -o short-unix -u caretaker-poll --grep "Starting "').splitlines()]
    assert times[1] - times[0] >= 4.5, times
    # Ends the fast pace: it lives in the daemon.
    school.run('systemctl restart caretakerd', timeout=120)
    assert school.call('systemctl is-failed caretaker-poll.service')[1].strip() != 'failed'


def test_the_journal_speaks_in_sentences(school):
    log = school.run('journalctl -q -o cat -u caretakerd').splitlines()
    assert 'ready: a check every 3600 s, and when something happens' in log
    assert ('somebody waits for an approval: asking every 5 s for 10 minutes') in log
    assert not [line for line in log if re.match(r'^(<\d>|\d{4}-)', line)], log
    # Said with their weight: a warning is one to the journal as well.
    assert school.run('journalctl -q -o cat -p warning -u caretakerd') == ''


# --- ends ---

def test_a_daemon_that_is_killed_comes_back(school):
    before = school.show('caretakerd', 'MainPID')
    school.run(f'kill -9 {before}')
    school.until(f'read pid 2> /dev/null < {CGROUPS}/caretakerd.service/cgroup.procs && '
                 f'[ "$pid" != {before} ] && systemctl is-active -q caretakerd', 60)
    assert school.show('caretakerd', 'NRestarts') == '1'
    # However often: by itself systemd gives up at the sixth start within ten seconds.
    school.run('for i in 1 2 3 4 5 6; do systemctl kill -s KILL caretakerd; '
               'systemctl restart caretakerd || exit; done', timeout=120)


def test_a_daemon_that_hangs_is_ended_and_started_again(school):
    assert school.show('caretakerd', 'WatchdogUSec') == '5min'
    school.run('mkdir -p /run/systemd/system/caretakerd.service.d && '
               'printf "[Service]\\nWatchdogSec=4\\nRestartSec=0\\n" '
               '> /run/systemd/system/caretakerd.service.d/quick.conf && systemctl daemon-reload '
               '&& systemctl restart caretakerd', timeout=120)
    # It speaks: systemd hears it before the limit is over.
    pid, heard = school.show('caretakerd', 'MainPID', 'WatchdogTimestampMonotonic')
    school.until(f'[ $(systemctl show -P WatchdogTimestampMonotonic caretakerd) -gt {heard} ]', 20)
    school.run(f'kill -STOP {pid}')
    school.until(f'! [ -e /proc/{pid} ] && systemctl is-active -q caretakerd', 60)
    school.run('journalctl -q -o cat -u caretakerd | grep -q "Watchdog timeout"')
    school.run('rm -r /run/systemd/system/caretakerd.service.d && systemctl daemon-reload')


def test_a_daemon_that_is_told_to_stop_stops_and_says_so(school):
    school.run('systemctl stop caretakerd', timeout=60)
    assert school.show('caretakerd', 'Result') == 'success'
    assert school.run('journalctl -q -o cat -u caretakerd | grep -x ended | tail -n 1') == 'ended'


def test_everything_comes_back_as_after_a_boot(school):
    school.run(f'systemctl stop {" ".join(UNITS)} caretaker-collector caretaker-check.service '
               f'&& rm -rf /run/caretaker {TOLD}', timeout=120)
    school.run('systemctl start sockets.target multi-user.target', timeout=120)
    for unit in (*UNITS, 'caretaker-collector'):
        school.until(f'systemctl is-active -q {unit}', 60)
    school.checked()
    assert school.status()['collector']['trouble'] == ''


def test_the_daemon_is_small(school):
    rollup = school.run('cat /proc/$(systemctl show -P MainPID caretakerd)/smaps_rollup')
    pss = int(re.search(r'^Pss:\s+(\d+) kB', rollup, re.M)[1])
    print(f'caretakerd in the guest: PSS {pss} kB')
    assert pss < 3000


# --- packages ---

def test_an_upgrade_starts_the_new_programs_and_keeps_the_key(school):
    key = school.run('sha256sum /var/lib/caretaker/device.key')
    programs = ('caretakerd.service', 'caretaker-collector.service', 'caretaker-on-open.service')
    school.run(f'systemctl start {programs[2]}')   # as the first medium does that it guards
    pids = f'systemctl show -P MainPID {" ".join(programs)}'
    before = school.run(pids).split()
    school.run(f'{bed.INSTALL} /root/caretaker*.deb', timeout=300)
    units = (*UNITS, *programs)
    assert school.are('active', *units) == dict.fromkeys(units, 'active')
    units = (*ENABLED, programs[1])
    assert school.are('enabled', *units) == dict.fromkeys(units, 'enabled')
    assert not {*before, '0'} & {*school.run(pids).split()}
    assert school.run('sha256sum /var/lib/caretaker/device.key') == key
    assert school.run('cat /etc/caretaker/caretakerd.ini') == bed.CONF.strip()


def test_a_removed_agent_runs_no_more_and_a_purged_one_leaves_nothing(school):
    school.run('dpkg -r caretaker caretaker-collector', timeout=300)
    units = (*UNITS, 'caretaker-check.service', 'caretaker-collector.service')
    assert school.are('active', *units) == dict.fromkeys(units, 'inactive')
    assert school.call('pgrep caretaker')[0] != 0
    school.run('test -e /var/lib/caretaker/device.key && test -e /etc/caretaker/caretakerd.ini')
    school.run('dpkg -P caretaker caretaker-collector', timeout=300)
    left = school.run('find /etc /run /usr /var /lib/systemd -name "*caretaker*" -not -path '
                      '"/run/systemd/units/*"')
    assert left == '', left
