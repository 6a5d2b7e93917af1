/** Reports of connections as events, with Qtap's keys. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { connectionEvent } from '../../../src/store/events/connection-event.ts';
import { ORIGIN, processOf, reportOf } from './events.ts';

function eventFor(more: Parameters<typeof reportOf>[0] = {}, process = processOf()) {
  return connectionEvent(reportOf(more), { process, tags: {} }, ORIGIN);
}

describe('the event of a connection', () => {
  test("has Qtap's keys; the local end of an ingress is the destination", () => {
    const event = connectionEvent(
      reportOf({ isFinal: true, part: 2, bytesReceived: 300, bytesSent: 900 }),
      { process: processOf(), tags: { team: ['edge'] } },
      ORIGIN,
    );
    assert.deepEqual(event.item, {
      meta: { connectionId: '7', endpointId: '10.0.0.1' },
      tags: { team: ['edge'] },
      finalized: true,
      direction: 'ingress',
      part: 2,
      socketProtocol: 'tcp',
      l7Protocol: 'http1',
      tls: false,
      system: { hostname: 'edge-1', agent: 'spantap', agentInstance: 'a1' },
      source: { address: { family: 'ipv4', ip: '203.0.113.9', port: 40_000 } },
      destination: {
        address: { family: 'ipv4', ip: '10.0.0.1', port: 80 },
        hostname: 'edge-1',
        exe: '/usr/sbin/nginx',
        user: 'www-data',
        userId: 33,
        pid: 12,
      },
      bytesReceived: 300,
      bytesSent: 900,
      timestamp: '2026-11-21T12:00:01.000Z',
      createdAt: '2026-11-21T12:00:01.000Z',
      closedAt: '2026-11-21T12:00:03.000Z',
    });
    assert.equal(event.timeMs, ORIGIN.toUnixMs(3e9));
    assert.equal(event.title, 'Connection: [ingress via tcp] 203.0.113.9:40000 → 10.0.0.1:80');
  });

  test('has the names of the semantic conventions beside them', () => {
    assert.deepEqual(eventFor().attributes, {
      'spantap.direction': 'ingress',
      'network.transport': 'tcp',
      'network.type': 'ipv4',
      'network.protocol.name': 'http',
      'network.local.address': '10.0.0.1',
      'network.local.port': 80,
      'network.peer.address': '203.0.113.9',
      'network.peer.port': 40_000,
      'server.address': '10.0.0.1',
      'server.port': 80,
      'client.address': '203.0.113.9',
      'client.port': 40_000,
      'process.pid': 12,
      'process.executable.path': '/usr/sbin/nginx',
      'process.executable.name': 'nginx',
      'process.owner': 'www-data',
    });
  });

  test('has no bytes and no end while it is open', () => {
    const { item } = eventFor();
    assert.equal(item.finalized, false);
    for (const key of ['bytesReceived', 'bytesSent', 'closedAt']) assert.equal(key in item, false);
  });

  test('has no end that nobody saw, and says that its begin was not seen', () => {
    const { item } = eventFor({ isFinal: true, isEndLate: true, isStartSeen: false });
    assert.equal(item.finalized, true);
    assert.equal('closedAt' in item, false);
    assert.equal(item.startSeen, false);
  });

  test('names container and pod, the id as short as Qtap has it', () => {
    const process = processOf({
      container: { id: 'a'.repeat(64), name: 'edge', image: 'nginx:1.27' },
      pod: { name: 'edge-0', namespace: 'web' },
    });
    const { item, attributes } = eventFor({}, process);
    assert.deepEqual((item.destination as { container: unknown }).container, {
      id: 'a'.repeat(12),
      name: 'edge',
      image: 'nginx:1.27',
      pod: { name: 'edge-0', namespace: 'web' },
    });
    assert.equal(attributes['container.id'], 'a'.repeat(64));
    assert.equal(attributes['k8s.pod.name'], 'edge-0');
  });

  test('leaves out what is not known of the process', () => {
    const process = processOf({ exe: '', user: '', userId: undefined });
    const { destination } = eventFor({}, process).item as { destination: object };
    assert.deepEqual(Object.keys(destination), ['address', 'hostname', 'exe', 'pid']);
    assert.equal((destination as { exe: string }).exe, 'nginx');
  });
});

describe('direction', () => {
  const directionTo = (remoteAddress: string, family: 'ipv4' | 'unix' = 'ipv4') =>
    eventFor({ role: 'client', remoteAddress, family }).item.direction;

  test('of egress is internal where the address is, and for Unix sockets', () => {
    assert.equal(directionTo('10.1.2.3'), 'egress-internal');
    assert.equal(directionTo('/run/app.sock', 'unix'), 'egress-internal');
    assert.equal(directionTo('8.8.8.8'), 'egress-external');
  });

  test('of egress makes the process the source', () => {
    const { item, attributes } = eventFor({ role: 'client', remotePort: 443 });
    const { source, destination } = item as { source: { pid: number }; destination: object };
    assert.equal(source.pid, 12);
    assert.deepEqual(Object.keys(destination), ['address']);
    assert.deepEqual(
      [attributes['server.address'], attributes['server.port'], attributes['client.address']],
      ['203.0.113.9', 443, '10.0.0.1'],
    );
    assert.deepEqual(item.meta, { connectionId: '7', endpointId: '203.0.113.9' });
  });

  test('is left out when nobody knows which end the process is', () => {
    const { item, attributes } = eventFor({ role: 'unknown' });
    assert.equal('direction' in item, false);
    assert.equal('server.address' in attributes, false);
    assert.equal((item.source as { pid: number }).pid, 12);
  });
});

describe('the protocol', () => {
  const said = (speaks: 'http1' | 'http2' | 'tls' | 'other') => {
    const { item, attributes } = eventFor({ speaks });
    return [item.l7Protocol, item.tls, attributes['network.protocol.version']];
  };

  test('is http1, http2 or other; whether it is TLS only where that was seen', () => {
    assert.deepEqual(said('http1'), ['http1', false, undefined]);
    assert.deepEqual(said('http2'), ['http2', false, '2']);
    assert.deepEqual(said('tls'), ['other', true, undefined]);
    assert.deepEqual(said('other'), ['other', undefined, undefined]);
  });
});

test('a Unix socket has a path where others have address and port', () => {
  const { item, attributes, title } = eventFor({
    family: 'unix',
    localAddress: '/run/app.sock',
    localPort: 0,
    remoteAddress: '',
    remotePort: 0,
  });
  assert.equal(item.socketProtocol, 'unix');
  assert.deepEqual((item.destination as { address: unknown }).address, {
    family: 'unix',
    path: '/run/app.sock',
  });
  assert.deepEqual(item.source, { address: { family: 'unix' } });
  assert.equal(attributes['network.transport'], 'unix');
  assert.equal(attributes['server.address'], '/run/app.sock');
  assert.equal('server.port' in attributes, false);
  assert.equal(title, 'Connection: [ingress via unix] unix → /run/app.sock');
});

test('an IPv6 address is told from its port', () => {
  const { title } = eventFor({ family: 'ipv6', localAddress: '::1', remoteAddress: 'fe80::2' });
  assert.equal(title, 'Connection: [ingress via tcp] [fe80::2]:40000 → [::1]:80');
});
