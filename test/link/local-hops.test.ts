import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unseenClose } from '../../src/capture/connections.ts';
import type { Connection } from '../../src/capture/types.ts';
import { FLAG } from '../../src/handoff/layout.ts';
import { connection, endpoint, exchange, type LooseExchange, process } from './builders.ts';
import { causeOf, Scene, tree } from './scene.ts';

const CURL = process(50, 'curl');
const NGINX = process(100, 'nginx');
const API = process(200, 'api');

/** Both ends of one TCP connection. */
function ends(client = CURL, server = NGINX, port = 40_000): [Connection, Connection] {
  const near = endpoint(`127.0.0.1:${port}`);
  const far = endpoint('127.0.0.1:80');
  return [
    connection({ process: client, role: 'client', local: near, remote: far }),
    connection({ process: server, role: 'server', local: far, remote: near }),
  ];
}

interface Chain {
  readonly sockets: readonly Connection[];
  readonly curl: LooseExchange;
  readonly ingress: LooseExchange;
  readonly egress: LooseExchange;
  readonly backend: LooseExchange;
}

/** curl -> nginx -> api, all on this host. */
function chain(headers: Record<string, string> = {}): Chain {
  const [curlSocket, nginxSocket] = ends(CURL, NGINX, 40_000);
  const [upstream, apiSocket] = ends(NGINX, API, 50_000);
  const ingress = exchange({ connection: nginxSocket, role: 'server', headers, startNs: 2e6 });
  return {
    sockets: [curlSocket, nginxSocket, upstream, apiSocket],
    curl: exchange({ connection: curlSocket, role: 'client', headers, startNs: 1e6 }),
    ingress,
    egress: exchange({
      connection: upstream,
      role: 'client',
      headers,
      cause: causeOf(ingress),
      startNs: 3e6,
    }),
    backend: exchange({ connection: apiSocket, role: 'server', headers, startNs: 4e6 }),
  };
}

const WHOLE = [
  'curl CLIENT GET / none',
  '  nginx SERVER GET / local',
  '    nginx CLIENT GET / exact.state',
  '      api SERVER GET / local',
];

test('a CLIENT span knows the process at the other end, when its request was read there', () => {
  const scene = new Scene();
  const { sockets, curl, ingress, egress, backend } = chain();
  scene.open(...sockets);
  for (const each of [curl, ingress, egress, backend]) scene.request(each);
  for (const each of [backend, egress, ingress, curl]) scene.respond(each);
  const peers = scene.allSpans().map(({ process: name, isClient, peer }) => [name, isClient, peer]);
  assert.deepEqual(
    peers.filter(([, isClient]) => isClient),
    [
      ['nginx', true, 'api'],
      ['curl', true, 'nginx'],
    ],
  );
  assert(peers.every(([, isClient, peer]) => isClient || peer === undefined));
});

test('both ends of a connection on this host make one tree', () => {
  const scene = new Scene();
  const { sockets, curl, ingress, egress, backend } = chain();
  scene.open(...sockets);
  for (const each of [curl, ingress, egress, backend]) scene.request(each);
  for (const each of [backend, egress, ingress, curl]) scene.respond(each);
  const spans = scene.spans();
  assert.deepEqual(tree(spans), WHOLE);
  assert.equal(scene.counters.get('link.local'), 2);
  assert.equal(scene.counters.get('link.root_client'), 1);
  assert.equal(scene.counters.total('unlinked'), 0);
});

/** All orders in which each exchange's request comes before its end. */
function* interleavings<Step>(tracks: readonly (readonly Step[])[]): Generator<Step[]> {
  if (tracks.every((track) => track.length === 0)) yield [];
  for (const [i, track] of tracks.entries()) {
    if (track.length === 0) continue;
    const rest = tracks.with(i, track.slice(1));
    for (const tail of interleavings(rest)) yield [track[0], ...tail];
  }
}

test('in whatever order eight events of three processes are recorded, the tree is the same', () => {
  let count = 0;
  const names = ['curl', 'ingress', 'egress', 'backend'] as const;
  const tracks = names.map((name) => [
    { name, kind: 'request' },
    { name, kind: 'respond' },
  ]);
  for (const steps of interleavings(tracks)) {
    const scene = new Scene();
    const exchanges = chain();
    scene.open(...exchanges.sockets);
    for (const { name, kind } of steps)
      if (kind === 'request') scene.request(exchanges[name]);
      else scene.respond(exchanges[name]);
    const order = steps.map(({ name, kind }) => `${kind} ${name}`).join(', ');
    assert.deepEqual(tree(scene.allSpans()), WHOLE, order);
    count++;
  }
  assert.equal(count, 2520);
});

test('a local hop takes precedence over the traceparent that came with it', () => {
  const scene = new Scene();
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const { sockets, curl, ingress, egress, backend } = chain({ traceparent });
  scene.open(...sockets);
  for (const each of [curl, ingress, egress, backend]) scene.request(each);
  for (const each of [backend, egress, ingress, curl]) scene.respond(each);
  const spans = scene.spans();
  assert.deepEqual(tree(spans), WHOLE);
  assert.ok(spans.every((span) => span.traceId === '0af7651916cd43dd8448eb211c80319c'));
  const root = spans.find((span) => span.process === 'curl');
  assert.equal(root?.parentSpanId, 'b7ad6b7169203331');
  assert.ok(((root?.flags ?? 0) & FLAG.parentIsRemote) !== 0);
});

test('an ingress waits for a watched client that was not seen to write yet, within bounds', () => {
  const scene = new Scene({ limits: { hopWaitMs: 1000 } });
  const { sockets, ingress } = chain();
  scene.open(...sockets);
  scene.request(ingress);
  scene.respond(ingress, 10e6);
  scene.linker.tick(900e6);
  assert.equal(scene.spans().length, 0);
  scene.linker.tick(1020e6);
  assert.deepEqual(tree(scene.spans()), ['nginx SERVER GET / none']);
});

test('a client seen after its server was handed on is counted and changes nothing', () => {
  const scene = new Scene();
  const { sockets, curl, ingress } = chain();
  scene.open(...sockets);
  scene.request(ingress);
  scene.respond(ingress, 10e6);
  scene.linker.tick(5e9);
  scene.request(curl);
  scene.respond(curl);
  assert.deepEqual(tree(scene.spans()), ['nginx SERVER GET / none', 'curl CLIENT GET / none']);
  assert.equal(scene.counters.get('link.local_late'), 1);
});

test('an ingress whose client is not watched is handed on at once', () => {
  const scene = new Scene();
  const { sockets, ingress } = chain();
  scene.open(sockets[1]);
  scene.request(ingress);
  scene.respond(ingress);
  assert.equal(scene.spans().length, 1);
});

test('two connections of one side with one address pair make no local hop', () => {
  const scene = new Scene();
  const [clientEnd, serverEnd] = ends();
  const [twin] = ends();
  scene.open(clientEnd, twin, serverEnd);
  for (const [socket, role] of [
    [clientEnd, 'client'],
    [twin, 'client'],
    [serverEnd, 'server'],
  ] as const)
    scene.respond(scene.request(exchange({ connection: socket, role })));
  assert.ok(scene.spans().every((span) => span.parentSpanId === ''));
  assert.equal(scene.counters.get('link.local_ambiguous'), 1);
});

test('a port that is used again pairs with the new connection only', () => {
  const scene = new Scene();
  const first = ends();
  const second = ends();
  scene.open(...first);
  const [a, b] = first.map((socket, i) =>
    exchange({ connection: socket, role: i === 0 ? 'client' : 'server', target: '/first' }),
  );
  scene.request(a);
  scene.linker.close(first[0], closed(first[0]));
  scene.open(...second);
  scene.request(b);
  const [c, d] = second.map((socket, i) =>
    exchange({ connection: socket, role: i === 0 ? 'client' : 'server', target: '/second' }),
  );
  for (const each of [c, d]) scene.request(each);
  for (const each of [a, b, c, d]) scene.respond(each);
  assert.deepEqual(tree(scene.spans()).sort(), [
    '  nginx SERVER GET /first local',
    '  nginx SERVER GET /second local',
    'curl CLIENT GET /first none',
    'curl CLIENT GET /second none',
  ]);
});

test('exchanges of unknown number make no local hop', () => {
  const scene = new Scene();
  const [clientEnd, serverEnd] = ends();
  scene.open(clientEnd, serverEnd);
  scene.respond(scene.request(exchange({ connection: clientEnd, role: 'client', ordinal: 0 })));
  scene.respond(scene.request(exchange({ connection: serverEnd, role: 'server', ordinal: 0 })));
  assert.equal(scene.counters.get('link.local_no_ordinal'), 1);
  assert.ok(scene.spans().every((span) => span.parentSpanId === ''));
});

test('two ends whose requests differ are not one connection', () => {
  const scene = new Scene();
  const [clientEnd, serverEnd] = ends();
  scene.open(clientEnd, serverEnd);
  const made = [
    exchange({ connection: clientEnd, role: 'client', target: '/a' }),
    exchange({ connection: serverEnd, role: 'server', target: '/b' }),
  ];
  for (const each of made) scene.request(each);
  for (const each of made) scene.respond(each);
  assert.equal(scene.counters.get('link.local_contradiction'), 1);
  assert.ok(scene.spans().every((span) => span.parentSpanId === ''));
});

test('a client that gave up is still the parent of the request that its server reads later', () => {
  for (const target of ['/a', '/b']) {
    const scene = new Scene();
    const [clientEnd, serverEnd] = ends();
    scene.open(clientEnd, serverEnd);
    const gaveUp = exchange({ connection: clientEnd, role: 'client', target: '/a' });
    Object.assign(scene.request(gaveUp), { end: 'closed', endNs: 5e6 });
    scene.end(gaveUp);
    scene.respond(scene.request(exchange({ connection: serverEnd, role: 'server', target })));
    assert.equal(scene.counters.get('link.local'), target === '/a' ? 1 : 0);
  }
});

test('equal addresses in two network namespaces are two connections', () => {
  const scene = new Scene();
  const [clientEnd, serverEnd] = ends();
  const elsewhere = { ...serverEnd, netnsInode: 2 };
  scene.open(clientEnd, elsewhere);
  scene.respond(scene.request(exchange({ connection: clientEnd, role: 'client' })));
  scene.respond(scene.request(exchange({ connection: elsewhere, role: 'server' })));
  assert.ok(scene.spans().every((span) => span.parentSpanId === ''));
});

test('Unix sockets are paired by their inodes', () => {
  const scene = new Scene();
  const path = { address: '/run/app.sock', port: 0 };
  const common = { family: 'unix', local: path, remote: path } as const;
  const inodes = { client: 71, server: 72 };
  const clientEnd = connection({
    ...common,
    process: CURL,
    role: 'client',
    socketInode: inodes.client,
    peerInode: inodes.server,
  });
  const serverEnd = connection({
    ...common,
    process: API,
    role: 'server',
    socketInode: inodes.server,
    peerInode: inodes.client,
  });
  scene.open(clientEnd, serverEnd);
  const a = scene.request(exchange({ connection: clientEnd, role: 'client' }));
  const b = scene.request(exchange({ connection: serverEnd, role: 'server' }));
  for (const each of [b, a]) scene.respond(each);
  assert.deepEqual(tree(scene.spans()), ['curl CLIENT GET / none', '  api SERVER GET / local']);
});

test('a proxy that calls itself makes one tree', () => {
  const scene = new Scene();
  const [upstream, again] = ends(NGINX, NGINX);
  const outside = connection({ process: NGINX, role: 'server' });
  scene.open(outside, upstream, again);
  const first = scene.request(exchange({ connection: outside, role: 'server' }));
  const loop = scene.request(
    exchange({ connection: upstream, role: 'client', cause: causeOf(first) }),
  );
  const second = scene.request(exchange({ connection: again, role: 'server' }));
  for (const each of [second, loop, first]) scene.respond(each);
  assert.deepEqual(tree(scene.spans()), [
    'nginx SERVER GET / none',
    '  nginx CLIENT GET / exact.state',
    '    nginx SERVER GET / local',
  ]);
});

test('a proxy that called itself a thousand times is one tree', () => {
  const scene = new Scene({ limits: { lateClientMs: 50 } });
  const outside = connection({ process: NGINX, role: 'server' });
  const exchanges = [scene.request(exchange({ connection: outside, role: 'server' }))];
  for (let depth = 0; depth < 1000; depth++) {
    const [upstream, again] = ends(NGINX, NGINX, 10_000 + depth);
    const cause = causeOf(exchanges[2 * depth]);
    exchanges.push(scene.request(exchange({ connection: upstream, role: 'client', cause })));
    exchanges.push(scene.request(exchange({ connection: again, role: 'server' })));
  }
  for (const each of exchanges.toReversed()) scene.respond(each);
  const spans = scene.allSpans();
  assert.equal(spans.length, 2001);
  assert.equal(new Set(spans.map((span) => span.traceId)).size, 1);
  assert.equal(spans.filter((span) => span.parentSpanId === '').length, 1);
});

test('the first exchange of a connection waits a moment for a client that is recorded late', () => {
  for (const [waitedMs, tier] of [
    [20, 'local'],
    [80, 'none'],
  ] as const) {
    const scene = new Scene({ limits: { lateClientMs: 50 } });
    const { curl, ingress } = chain();
    scene.request(ingress);
    scene.respond(ingress, 10e6);
    assert.equal(scene.spans().length, 0);
    scene.linker.tick(ingress.requestStartNs + waitedMs * 1e6);
    scene.request(curl);
    scene.respond(curl, 11e6);
    const server = scene.allSpans().find((span) => !span.isClient);
    assert.equal(server?.tier, tier);
  }
});

function closed(socket: Connection) {
  return unseenClose(socket.id, 5e6);
}
