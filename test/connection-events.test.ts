/** What events of connections say of their process: what rules and records say of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionEvents, factsOf } from '../src/connection-events.ts';
import type { ProcessView } from '../src/process-views.ts';
import type { StoreEvent } from '../src/store/events/types.ts';
import { reportOf } from './store/events/events.ts';

const view: ProcessView = {
  facts: {
    'src.process.user.name': 'www-data',
    'src.process.user.id': 33,
    'src.container.id': '0123456789ab',
  },
  process: {
    pid: 12,
    exe: '/usr/sbin/nginx',
    name: 'nginx',
    container: { name: 'edge', image: 'nginx:1.27' },
    pod: { name: 'edge-0', namespace: 'web' },
  },
  tags: ['team:edge', 'team:web', 'zone:a:b', 'bare'],
};

test('user, container and pod of a process are those of its facts; tags are lists by key', () => {
  assert.deepEqual(factsOf(reportOf(), view), {
    process: {
      pid: 12,
      exe: '/usr/sbin/nginx',
      name: 'nginx',
      user: 'www-data',
      userId: 33,
      container: { id: '0123456789ab', name: 'edge', image: 'nginx:1.27' },
      pod: { name: 'edge-0', namespace: 'web' },
    },
    tags: { team: ['edge', 'web'], zone: ['a:b'], bare: [''] },
  });
});

test('a process of which nothing is known has the name that the kernel knows', () => {
  const process = { pid: 0, exe: '', name: '', container: undefined, pod: undefined };
  const nobody = { facts: {}, process, tags: [] };
  const { process: told, tags } = factsOf(reportOf({ comm: 'worker' }), nobody);
  assert.deepEqual([told.pid, told.name, told.user, told.userId], [12, 'worker', '', undefined]);
  assert.deepEqual(tags, {});
});

test('each report becomes an event of the same agent', () => {
  const events: StoreEvent[] = [];
  const parts = { processOf: () => view, toUnixMs: (ns: number) => ns / 1e6 };
  const connections = new ConnectionEvents({ ...parts, add: (event) => events.push(event) });
  const egress = { role: 'client', remoteAddress: '192.168.1.1' } as const;
  connections.take([
    reportOf(),
    reportOf(egress),
    reportOf({ ...egress, remoteAddress: '8.8.8.8' }),
  ]);
  assert.deepEqual(
    events.map(({ item }) => item.direction),
    ['ingress', 'egress-internal', 'egress-external'],
  );
  const instances = events.map(
    ({ item }) => (item.system as { agentInstance: string }).agentInstance,
  );
  assert.equal(new Set(instances).size, 1);
  assert.match(instances[0] ?? '', /^[0-9a-f-]{36}$/);
});
