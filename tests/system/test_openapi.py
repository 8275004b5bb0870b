# Holds tools/collector/openapi.json to the running collector, both ways: what it describes is there
# and answers as described, and what is there it describes.
# SPDX-License-Identifier: Apache-2.0
import datetime
import http.client
import json
import pathlib
import re
import uuid

import pytest

SOURCE = pathlib.Path(__file__).parents[2] / 'tools/collector'
SPEC = json.loads((SOURCE / 'openapi.json').read_text())
TYPES = {'string': str, 'integer': int, 'boolean': bool, 'object': dict, 'array': list}
KNOWN = {'type', 'nullable', 'enum', 'properties', 'required', 'additionalProperties', 'items', 'format',
         'minimum', 'maximum', 'default', 'description', 'allOf', '$ref'}


def resolve(node):
    while '$ref' in node:
        target = SPEC
        for part in node['$ref'].removeprefix('#/').split('/'):
            target = target[part]
        node = target
    return node


def validate(value, schema, at='$'):
    """As much of OpenAPI 3.0's schemas as ours uses; a word that is not known here is an error."""
    schema = resolve(schema)
    assert set(schema) <= KNOWN, f'{at}: this test does not know {set(schema) - KNOWN}'
    if value is None:
        assert schema.get('nullable'), f'{at}: null is not described'
        return
    for part in schema.get('allOf', ()):
        validate(value, part, at)
    if 'type' in schema:
        assert isinstance(value, TYPES[schema['type']]), f'{at}: {value!r} is no {schema["type"]}'
        assert schema['type'] == 'boolean' or not isinstance(value, bool), f'{at}: a boolean'
    assert value in schema.get('enum', [value]), f'{at}: {value!r} is none of {schema.get("enum")}'
    assert not isinstance(value, int) or value >= schema.get('minimum', value), f'{at}: {value}'
    if schema.get('format') == 'date-time':
        datetime.datetime.strptime(value, '%Y-%m-%dT%H:%M:%SZ')
    if schema.get('format') == 'uuid':
        uuid.UUID(value)
    if isinstance(value, dict):
        known = schema.get('properties', {})
        missing = set(schema.get('required', ())) - set(value)
        assert not missing, f'{at}: {missing} is missing'
        if schema.get('additionalProperties') is False:
            assert set(value) <= set(known), f'{at}: {set(value) - set(known)} is not described'
        for name in set(value) & set(known):
            validate(value[name], known[name], f'{at}.{name}')
    if isinstance(value, list) and 'items' in schema:
        for i, item in enumerate(value):
            validate(item, schema['items'], f'{at}[{i}]')


class Api:
    def __init__(self, collector):
        self.collector = collector
        self.seen = set()
        self.token = collector.cmd('token', 'new', 'technician').strip()
        self.viewer = collector.cmd('token', 'new', '--role', 'viewer', 'governor').strip()

    def get(self, path, token='', status=200, method='GET'):
        """Asks, and holds the answer to the description of its path and status."""
        connection = http.client.HTTPConnection('127.0.0.1', self.collector.people, timeout=30)
        connection.request(method, path, headers={'Authorization': f'Bearer {token or self.token}'}
                           if token is not None else {})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        assert answer.status == status, f'{path}: {answer.status} {body}'
        described = next((p for p in sorted(SPEC['paths'], reverse=True) if re.fullmatch(
            re.sub(r'\\\{.*?\\\}', '[^/]+', re.escape(p)), path.partition('?')[0])), None)
        assert described, f'{path} is not described'
        if method != 'GET':
            return body
        responses = SPEC['paths'][described]['get']['responses']
        assert str(status) in responses, f'{path}: {status} is not described'
        content = resolve(responses[str(status)])['content']
        kind = answer.headers.get_content_type()
        assert kind in content, f'{path}: {kind} is not described'
        self.seen.add((described, status))
        if 'json' not in kind:
            return body.decode()
        value = json.loads(body)
        validate(value, content[kind]['schema'])
        return value


@pytest.fixture
def api(collector):
    return Api(collector)


def test_what_is_served_is_described_and_the_other_way_round():
    code = (SOURCE / 'api.c').read_text()
    table = code[code.index('api_routes[] = {'):]
    served = {(m.lower(), p.replace('*', '{id}'))
              for m, p in re.findall(r'\{"([A-Z]+)", "([^"]+)"', table)}
    described = {(method, path) for path, item in SPEC['paths'].items() for method in item}
    assert served == described


def test_parameters_are_those_of_the_code():
    code = (SOURCE / 'api.c').read_text()
    for path, function in (('/api/v1/rollup', 'get_rollup'), ('/api/v1/devices', 'get_devices')):
        body = code[code.index(f'static void {function}('):]
        names = re.findall(r'"(\w+)"', re.search(r'names\[\] = \{(.*?)NULL', body, re.S).group(1))
        described = [resolve(p)['name'] for p in SPEC['paths'][path]['get']['parameters']]
        assert sorted(names) == sorted(described)


def test_every_reference_in_the_description_leads_somewhere():
    for reference in re.findall(r'"\$ref": "([^"]+)"', (SOURCE / 'openapi.json').read_text()):
        assert resolve({'$ref': reference})


def test_the_served_description_is_the_one_in_the_source(api):
    assert api.get('/api/v1/openapi.json', token=None) == SPEC


def test_answers_are_as_described_with_real_devices(api, site):
    collector = api.collector
    collector.cmd('room', 'add', 'ICT 1', '--names', 'ict-*')
    machines = [site.enrolled(collector, f'ict-{i}') for i in range(3)]
    for machine in machines[:2]:
        machine.beat()
    for by in ('school', 'room', 'group', 'control'):
        rollup = api.get(f'/api/v1/rollup?by={by}&school=Oakfield')
        assert rollup['total']['devices'] == 3 and rollup['by'] == by
    assert [r['name'] for r in api.get('/api/v1/rollup?by=room')['rows']] == ['Oakfield / ICT 1']
    page = api.get('/api/v1/devices?school=Oakfield&room=ICT%201&limit=2')
    rest = api.get(f'/api/v1/devices?limit=2&after={page["next"]}')
    assert len(page['devices']) == 2 and len(rest['devices']) == 1 and rest['next'] is None
    assert {d['device'] for d in page['devices'] + rest['devices']} == {m.uuid for m in machines}
    # The one that was not heard of has no presence but "never_seen", no standing.
    (silent,) = api.get('/api/v1/devices?presence=never_seen')['devices']
    assert silent['device'] == machines[2].uuid and silent['standing'] is None
    one = api.get(f'/api/v1/devices/{machines[0].uuid}')
    assert len(one['controls']) > 5 and len(one['keys']) == 1 and len(one['chain']) == 1
    assert all(c['wrong'] or c['verdict'] == 'pass' for c in one['controls'])
    wanted = one['controls'][0]
    found = api.get(f'/api/v1/devices?control={wanted["control"]}&standing={wanted["standing"]}')
    assert machines[0].uuid in {d['device'] for d in found['devices']}
    assert 'caretaker_presence{presence="seen"} 2\n' in api.get('/metrics', token=None)
    assert api.get('/healthz', token=None)['status'] == 'ok'


@pytest.mark.parametrize('path, status, name', [
    ('/api/v1/rollup?by=colour', 400, 'parameter'),
    ('/api/v1/rollup?scool=x', 400, 'parameter'),
    ('/api/v1/rollup?school=%zz', 400, 'parameter'),
    ('/api/v1/rollup?school=Nowhere', 404, 'school'),
    ('/api/v1/devices?limit=0', 400, 'parameter'),
    ('/api/v1/devices?limit=1001', 400, 'parameter'),
    ('/api/v1/devices?standing=breach', 400, 'parameter'),
    ('/api/v1/devices?room=ICT1', 400, 'parameter'),
    ('/api/v1/devices/00000000-0000-4000-8000-000000000000', 404, 'device'),
    ('/api/v1/devices/x', 404, 'device'),
    ('/api/v1/requests?state=maybe', 400, 'parameter'),
    ('/api/v1/requests?school=Nowhere', 404, 'school'),
    ('/api/v1/devices/%25', 404, 'device'),
])
def test_a_refusal_is_a_problem_that_says_what_to_do(api, path, status, name):
    problem = api.get(path, status=status)
    assert problem['type'] == f'urn:caretaker:problem:{name}' and problem['status'] == status
    assert problem['detail']


def test_without_a_token_nothing_is_told(api):
    for path in ('/api/v1/rollup', '/api/v1/devices', '/api/v1/requests',
                 '/api/v1/devices/00000000-0000-4000-8000-000000000000'):
        assert api.get(path, token=None, status=401)['title'] == 'A token is needed'
        assert api.get(path, token='ctk_wrong', status=401)['title'] == 'The token is not known'
    api.collector.cmd('token', 'revoke', 'technician')
    api.get('/api/v1/rollup', status=401)


def test_a_viewer_gets_counts_and_no_device(api, site):
    machine = site.enrolled(api.collector)
    machine.beat()
    rollup = api.get('/api/v1/rollup', token=api.viewer)
    assert rollup['total']['devices'] == 1
    assert all('wrong' not in cause and 'todo' not in cause for cause in rollup['first'])
    assert machine.uuid not in json.dumps(rollup)
    api.get('/api/v1/devices', token=api.viewer, status=403)
    api.get('/api/v1/requests', token=api.viewer, status=403)
    api.get(f'/api/v1/devices/{machine.uuid}', token=api.viewer, status=403)


def test_a_schools_token_does_not_see_the_others(api, site):
    collector = api.collector
    machine = site.enrolled(collector)
    collector.cmd('school', 'add', 'Elm')
    elm = collector.cmd('token', 'new', '--school', 'Elm', 'elm').strip()
    assert api.get('/api/v1/rollup', token=elm)['total']['devices'] == 0
    assert api.get('/api/v1/devices', token=elm)['devices'] == []
    api.get('/api/v1/rollup?school=Oakfield', token=elm, status=404)
    api.get(f'/api/v1/devices/{machine.uuid}', token=elm, status=404)


def test_every_look_at_a_device_is_in_the_audit_trail(api, site):
    machine = site.enrolled(api.collector)
    api.get('/api/v1/devices')
    api.get(f'/api/v1/devices/{machine.uuid}')
    rows = [(r['who'], r['action'], r['object'])
            for r in api.collector.query("SELECT * FROM audit WHERE who LIKE 'token%'")]
    assert rows == [('token technician', 'look at devices', 'all schools'),
                    ('token technician', 'look at device', machine.uuid)]
