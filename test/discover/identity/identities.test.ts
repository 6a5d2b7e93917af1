import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { limits } from '../../../src/config/limits.ts';
import { Identities } from '../../../src/discover/identity/identities.ts';
import { Inspector } from '../../../src/discover/plan.ts';
import { type HostFacts, readHost } from '../../../src/discover/proc/host.ts';
import { uuidV5 } from '../../../src/discover/uuid.ts';
import { Counters } from '../../../src/telemetry/counters.ts';
import { type FakeProcess, fakeProc } from '../fake-proc.ts';
import { TemporaryFolder } from '../temporary.ts';

const HOST: HostFacts = {
  id: 'host-1',
  name: 'edge-1',
  arch: 'amd64',
  bootId: 'boot-1',
  bootEpochMs: Date.UTC(2026, 0, 1),
};
const TICK_NS = 10_000_000;

function identities(context: TestContext, processes: readonly FakeProcess[], counters?: Counters) {
  const root = fakeProc(context, processes);
  const inspector = new Inspector(counters, root);
  const base = { inspector, version: '1.2.3', host: HOST, root };
  return new Identities(counters === undefined ? base : { ...base, counters });
}

function attributesOf(context: TestContext, process: Partial<FakeProcess>, counters?: Counters) {
  const fake = { pid: 5, exe: '/usr/bin/node', comm: 'node', ...process };
  return identities(context, [fake], counters).get(5, 100 * TICK_NS, 'node').resource.attributes;
}

test('a process is described by executable, owner, start, host and agent', (context) => {
  const attributes = attributesOf(context, {
    commandLine: ['node', 'server.js', '--password=x'],
    cgroup: `0::/docker/${'c'.repeat(64)}\n`,
  });
  assert.deepEqual(attributes, {
    'service.name': 'node',
    'service.instance.id': uuidV5(
      '4d63009a-8d0f-11ee-aad7-4c796ed8e320',
      `host-1/boot-1/5/${100 * TICK_NS}`,
    ),
    'process.pid': 5,
    'process.creation.time': '2026-01-01T00:00:01.000Z',
    'process.executable.name': 'node',
    'process.executable.path': '/usr/bin/node',
    'process.command': 'node',
    'process.owner': '0',
    'container.id': 'c'.repeat(64),
    'host.id': 'host-1',
    'host.name': 'edge-1',
    'host.arch': 'amd64',
    'os.type': 'linux',
    'telemetry.distro.name': 'spantap',
    'telemetry.distro.version': '1.2.3',
  });
});

test('the name is taken from OTEL_SERVICE_NAME, then the attributes, then the executable', (context) => {
  const name = (environment: readonly string[]) =>
    attributesOf(context, { environment })['service.name'];
  const given = 'OTEL_RESOURCE_ATTRIBUTES=service.name=from-attributes';
  assert.equal(name(['OTEL_SERVICE_NAME=from-name', given]), 'from-name');
  assert.equal(name(['OTEL_SERVICE_NAME=', given]), 'from-attributes');
  assert.equal(name([]), 'node');
});

test('a process adds attributes, but cannot deny what the agent sees for itself', (context) => {
  const given = {
    'service.namespace': 'shop',
    'service.instance.id': 'api-1',
    'k8s.node.name': 'node-1',
    'host.name': 'given',
    'process.pid': '1',
    'container.id': 'given',
    'telemetry.sdk.name': 'x',
    'spantap.tag.team': 'x',
  };
  const text = Object.entries(given).map((entry) => entry.join('='));
  const attributes = attributesOf(context, {
    cgroup: `0::/docker/${'c'.repeat(64)}\n`,
    environment: [`OTEL_RESOURCE_ATTRIBUTES=${text}`],
  });
  assert.equal(attributes['service.namespace'], 'shop');
  assert.equal(attributes['service.instance.id'], 'api-1');
  assert.equal(attributes['k8s.node.name'], 'node-1');
  assert.equal(attributes['host.name'], 'edge-1');
  assert.equal(attributes['process.pid'], 5);
  assert.equal(attributes['container.id'], 'c'.repeat(64));
  assert.equal(attributes['telemetry.sdk.name'], undefined);
  assert.equal(attributes['spantap.tag.team'], undefined);
});

test('a malformed variable is ignored whole and counted', (context) => {
  const counters = new Counters();
  const environment = ['OTEL_RESOURCE_ATTRIBUTES=service.name=a,b=%zz'];
  assert.equal(attributesOf(context, { environment }, counters)['service.name'], 'node');
  assert.equal(counters.get('dropped.resource_attributes'), 1);
});

test('attributes beyond the limits are dropped or cut, and counted', (context) => {
  const counters = new Counters();
  const many = Array.from({ length: limits.resourceAttributesMax + 1 }, (_, i) => `k${i}=v`);
  const long = 'ä'.repeat(limits.attributeBytesMax);
  const attributes = attributesOf(
    context,
    {
      environment: [`OTEL_RESOURCE_ATTRIBUTES=${many.join(',')}`, `OTEL_SERVICE_NAME=${long}`],
    },
    counters,
  );
  assert.equal(counters.get('dropped.resource_attributes'), 1);
  assert.equal(attributes[`k${limits.resourceAttributesMax}`], undefined);
  assert.equal(attributes['service.name'], 'ä'.repeat(limits.attributeBytesMax / 2));
  assert.equal(counters.get('truncated.resource_attributes'), 1);
});

test('a title that carries arguments is not told', (context) => {
  const attributes = attributesOf(context, { commandLine: ['nginx: master process -c /x'] });
  assert.equal(attributes['process.command'], undefined);
});

test('workers share the service instance of what forked them', (context) => {
  const nginx = { exe: '/usr/sbin/nginx', comm: 'nginx' };
  const all = identities(context, [
    { pid: 10, parentPid: 9, startTicks: 50, ...nginx },
    { pid: 11, parentPid: 10, startTicks: 60, ...nginx },
    { pid: 12, parentPid: 10, startTicks: 61, ...nginx },
    { pid: 9, parentPid: 1, exe: '/bin/dash' },
  ]);
  const [master, one, two] = [
    all.get(10, 50 * TICK_NS, 'nginx').resource.attributes,
    all.get(11, 60 * TICK_NS, 'nginx').resource.attributes,
    all.get(12, 61 * TICK_NS, 'nginx').resource.attributes,
  ];
  assert.equal(one['service.instance.id'], master['service.instance.id']);
  assert.equal(two['service.instance.id'], master['service.instance.id']);
  assert.notEqual(one['process.pid'], two['process.pid']);
});

test('a process has one identity; a reused pid has another', (context) => {
  const all = identities(context, [{ pid: 5, exe: '/usr/bin/node', startTicks: 100 }]);
  const first = all.get(5, 100 * TICK_NS + 4_000_000, 'node');
  assert.equal(all.get(5, 100 * TICK_NS + 4_000_000, 'node'), first);
  const other = all.get(5, 90 * TICK_NS, 'old');
  assert.notEqual(other, first);
  assert.equal(other.resource.attributes['service.name'], 'old');
});

test('late spans of a process find it after another one took its pid', (context) => {
  const all = identities(context, [{ pid: 5, exe: '/usr/bin/node', startTicks: 100 }]);
  const old = all.get(5, 90 * TICK_NS, 'old');
  const now = all.get(5, 100 * TICK_NS, 'node');
  assert.equal(all.get(5, 90 * TICK_NS, 'old'), old);
  assert.equal(all.get(5, 100 * TICK_NS, 'node'), now);
  all.forget(5, 100 * TICK_NS);
  assert.equal(all.get(5, 90 * TICK_NS, 'old'), old);
});

test('after exec a process gets another identity', (context) => {
  const all = identities(context, [{ pid: 5, exe: '/usr/bin/node' }]);
  const first = all.get(5, 100 * TICK_NS, 'node');
  all.forget(5, 100 * TICK_NS);
  all.forget(6, 100 * TICK_NS);
  assert.notEqual(all.get(5, 100 * TICK_NS, 'node'), first);
});

test('a process that ended before it was read is named by what the kernel knew', (context) => {
  const { attributes } = identities(context, []).get(77, 5 * TICK_NS, 'curl').resource;
  assert.equal(attributes['service.name'], 'curl');
  assert.equal(attributes['process.pid'], 77);
  assert.equal(attributes['host.id'], 'host-1');
});

test('beyond the limit the oldest identity is forgotten, and counted', (context) => {
  const counters = new Counters();
  const all = identities(context, [], counters);
  const first = all.get(1, 0, 'a');
  for (let pid = 2; pid <= limits.resourcesMax + 1; pid += 1) all.get(pid, 0, 'a');
  assert.equal(counters.get('discover.resources_forgotten'), 1);
  assert.notEqual(all.get(1, 0, 'a'), first);
});

test('the host id is the machine id, else the DMI id, else the boot id', (context) => {
  const folder = new TemporaryFolder(context);
  const machine = folder.file('machine-id', `${'0123456789abcdef'.repeat(2)}\n`);
  const fresh = folder.file('fresh', 'uninitialized\n');
  const dmi = folder.file('dmi', '4C4C4544-0043-4210-8035-C7C04F443732\n');
  assert.equal(readHost([machine, dmi]).id, '0123456789abcdef'.repeat(2));
  assert.equal(readHost([fresh, dmi]).id, '4c4c4544-0043-4210-8035-c7c04f443732');
  const last = readHost([fresh, `${folder.path}/missing`]);
  assert.equal(last.id, last.bootId);
  assert.match(last.bootId, /^[0-9a-f-]{36}$/);
});

test('UUIDs are those of RFC 9562', () => {
  // Appendix A.4: namespace DNS, www.example.com.
  const dns = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';
  assert.equal(uuidV5(dns, 'www.example.com'), '2ed6657d-e927-568b-95e1-2665a8aea6a2');
});
