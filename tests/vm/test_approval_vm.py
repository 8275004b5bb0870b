# From a refused stick to an open one with nothing replaced: agent and collector in one guest, under
# systemd; alice asks, the school answers, and the stick that stayed in its port is a disk.  The
# steps of one story: each leaves the guest as the next one expects it.
# SPDX-License-Identifier: Apache-2.0
import json
import re

import pytest

import bed
import usb
from seat import Seat

SECONDS = 10   # from the school's word to the disk, and from its other word to none
LOOK = '/usr/libexec/caretaker/caretaker-check poll'
POLICY = ('[policy]\nname = Sticks\n[exceptions]\nstorage = any\n[removable-storage]\nmode = enforce\n'
          'allow = approved\nencrypted =\nscan = no\n')
@pytest.fixture(scope='module')
def image(tmp_path_factory):
    return usb.fat(tmp_path_factory.mktemp('stick') / 'stick.img')


@pytest.fixture(scope='module')
def school(image):
    """A school's collector, and a machine of it whose gate is shut by its policy."""
    with bed.guest(installed=True) as guest:
        it = Seat(guest, checks=True)
        # What a check looks at is another module's matter and takes half a minute here; that the
        # collector is asked and answers is what this one is about.
        it.run('mkdir -p /run/systemd/system/caretaker-check.service.d && printf "[Service]\\nExecStart=\\n'
               'ExecStart=/usr/libexec/caretaker/caretaker-check poll\\n" > '
               '/run/systemd/system/caretaker-check.service.d/quick.conf && systemctl daemon-reload')
        it.run('caretaker-collector init --host localhost --kit /root/kit.txt', timeout=120)
        it.run('systemctl start caretaker-collector && caretaker-collector school add Ash --audit-days 0', timeout=120)
        guest.write('/root/policy.ini', POLICY)
        it.run('caretaker-collector policy publish /root/policy.ini --school Ash')
        code = re.search(r'CT1-\S+', it.run('caretaker-collector code new --school Ash'))[0]
        it.run(f'caretaker enrol {code}', timeout=150)
        it.until(lambda: it.call('/usr/libexec/caretaker/caretaker-gate status')[0] == 0,
                 'the policy shuts the gate')
        it.stick = it.plug(usb.storage(image, 'ASKED-1'))
        yield it


def timed(school, command, until):
    """Seconds from a command's begin until what follows from it is there, by the guest's clock."""
    return int(school.run(f'began=$(date +%s%N); {command} >&2; timeout 60 sh -c "until {until}; do '
                          'sleep 0.05; done" && echo $((($(date +%s%N) - began) / 1000000))')) / 1000


def promised(school):
    """SECONDS, and what the agent's two looks at the collector cost on a machine as slow as this."""
    return SECONDS + 2 * timed(school, LOOK, 'true')


def requests(school, *args):
    said = school.run(f'caretaker-collector requests list --json {" ".join(args)}')
    return json.loads(said)['requests']


def test_a_refused_stick_can_be_asked_for_by_who_sits_there(school):
    said = school.verdict('ASKED-1', 'refused', 'not-approved')
    assert said['may_ask'] and school.disks() == []
    code, text, error = school.call('runuser -u alice -- caretaker hardware')
    assert said['reference'] in text, text + error
    school.run(f'runuser -u alice -- caretaker hardware ask {said["reference"]} --reason "the assembly"')
    school.until(lambda: requests(school), 'the request is at the collector')
    row, = requests(school)
    assert (row['reference'], row['reason'], row['state']) == (said['reference'], 'the assembly', 'open')
    # Taken by the agent, and the folder is still alice's to write and not to read.
    assert school.run('ls /var/spool/caretaker') == ''
    assert school.call('runuser -u alice -- ls /var/spool/caretaker')[0] != 0
    assert school.disks() == []


def test_an_approval_opens_it_within_ten_seconds_in_its_port(school):
    reference = school.of('ASKED-1')['reference']
    took = timed(school, f'caretaker-collector requests approve {reference} --approved Head',
                 '[ -e /sys/block/sda ]')
    school.verdict('ASKED-1', 'open')
    school.until(lambda: school.is_open('sda'), 'alice may use it')
    print(f'approval to disk: {took:.1f} s')
    assert took <= promised(school)


def test_a_revoked_approval_shuts_it_again(school):
    school.run('mount /dev/sda /mnt')
    row, = requests(school, '--all')
    took = timed(school, f'caretaker-collector exceptions end {row["exception"]}',
                 '! [ -e /sys/block/sda ]')
    school.verdict('ASKED-1', 'refused')
    assert not school.mounted()
    print(f'revocation to no disk: {took:.1f} s')
    assert took <= promised(school)
