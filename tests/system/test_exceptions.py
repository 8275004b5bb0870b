# Exceptions from the technician's command to the verdict on the machine.
# SPDX-License-Identifier: Apache-2.0
import datetime

POLICY = """[policy]
name = exceptions
[privacy]
users = name
[accounts]
mode = audit
administrators = root
[exceptions]
controls = accounts
max_days = 30
"""


def administrators(machine, *names):
    """The machine's accounts: root, and these people in the group sudo."""
    etc = machine.root / 'etc'
    etc.mkdir(parents=True, exist_ok=True)
    (etc / 'passwd').write_text('root:x:0:0::/root:/bin/bash\n' + ''.join(
        f'{name}:x:{1000 + i}:100::/home/{name}:/bin/bash\n' for i, name in enumerate(names)))
    (etc / 'shadow').write_text(''.join(
        f'{name}:$6$salt$hash:19000:0:99999:7:::\n' for name in ('root', *names)))
    (etc / 'group').write_text(f'root:x:0:\nusers:x:100:\nsudo:x:27:{",".join(names)}\n')


def accounts(machine):
    machine.beat()
    (found,) = [c for c in machine.status()['controls'] if c['id'] == 'accounts']
    return found


def told_accounts(collector, machine):
    (told,) = [c for c in collector.json('device', machine.uuid)['controls']
               if c['control'] == 'accounts']
    return told


def allow(collector, machine, what, days):
    collector.cmd('exceptions', 'add', 'accounts', '--device', machine.uuid, '--what', what,
                  '--reason', 'lesson on networks', '--asked', 'A Teacher', '--approved', 'A Head',
                  '--days', days)


def test_one_person_is_allowed_until_the_exception_ends_and_no_other_is(site, collector):
    machine = site.enrolled(collector, 'pc')
    collector.publish(POLICY)
    administrators(machine, 'smith')
    machine.beat()                      # takes the policy ...
    found = accounts(machine)           # ... and goes by it
    assert (found['verdict'], found['why']) == ('fail', 'extra-administrators'), found
    allow(collector, machine, 'smith', 7)
    machine.beat()
    found = accounts(machine)
    assert (found['verdict'], found['why']) == ('excepted', 'excepted'), found
    end = datetime.datetime.fromisoformat(found['until'].replace('Z', '+00:00'))
    left = end - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(days=6) < left < datetime.timedelta(days=8)
    told = told_accounts(collector, machine)
    assert told['verdict'] == 'excepted' and told['until'] == found['until']
    assert told['evidence']['excepted'] == [{'what': 'smith', 'until': found['until']}]
    assert collector.wrong_counts() == {}

    administrators(machine, 'smith', 'jones')
    found = accounts(machine)
    assert (found['verdict'], found['why']) == ('fail', 'extra-administrators')
    assert told_accounts(collector, machine)['evidence']['extra_administrators'] == ['jones']


def test_a_policy_that_lets_no_exception_be_made_is_not_by_passed_by_one(site, collector):
    machine = site.enrolled(collector, 'pc')
    collector.publish(POLICY.replace('controls = accounts', 'controls = services'))
    administrators(machine, 'smith')
    allow(collector, machine, 'smith', 7)
    machine.beat()
    assert accounts(machine)['verdict'] == 'fail'
