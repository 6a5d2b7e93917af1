import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FLAG } from '../../src/handoff/layout.ts';
import { parseTraceparent } from '../../src/link/traceparent.ts';
import { connection, exchange, head, process } from './builders.ts';
import { causeOf, Scene, type Span } from './scene.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const OTHER = 'ffffffffffffffffffffffffffffffff';
const SPAN = 'b7ad6b7169203331';
const VALID = `00-${TRACE}-${SPAN}-01`;

function parsed(...values: string[]) {
  const lines = values.map((value) => ['TraceParent', value] as const);
  return parseTraceparent(head('GET / HTTP/1.1', [['host', 'h'], ...lines, ['a', 'b']]));
}

test('a valid traceparent is read into words', () => {
  assert.deepEqual(parsed(VALID), {
    trace0: 0x0af76519,
    trace1: 0x16cd43dd,
    trace2: 0x8448eb21 | 0,
    trace3: 0x1c80319c,
    span0: 0xb7ad6b71 | 0,
    span1: 0x69203331,
    flags: 1,
  });
});

test('a request without traceparent has no context', () => {
  assert.equal(parseTraceparent(head('GET / HTTP/1.1', { host: 'h' })), 'absent');
});

test('malformed values are ignored (W3C Trace Context 3.2.2)', () => {
  const bad = {
    'version ff': `ff-${TRACE}-${SPAN}-01`,
    'upper case': VALID.toUpperCase(),
    'upper case version': `0A-${TRACE}-${SPAN}-01`,
    'no hex': `00-${TRACE.replace('a', 'g')}-${SPAN}-01`,
    'short trace id': `00-${TRACE.slice(1)}-${SPAN}-01`,
    'zero trace id': `00-${'0'.repeat(32)}-${SPAN}-01`,
    'zero span id': `00-${TRACE}-${'0'.repeat(16)}-01`,
    'other separators': VALID.replaceAll('-', '_'),
    'bad flags': `00-${TRACE}-${SPAN}-0x`,
    'version 00 with more': `${VALID}-00`,
    'higher version without a dash': `01-${TRACE}-${SPAN}-0100`,
    empty: '',
  };
  for (const [what, value] of Object.entries(bad)) assert.equal(parsed(value), 'invalid', what);
});

test('a higher version is read by its first four fields', () => {
  assert.notEqual(parsed(`01-${TRACE}-${SPAN}-01`), 'invalid');
  const extended = parsed(`cc-${TRACE}-${SPAN}-03-what-ever`);
  assert.ok(typeof extended !== 'string');
  assert.equal(extended.flags, 3);
});

test('only the bits that are defined are read from the flags', () => {
  const context = parsed(`00-${TRACE}-${SPAN}-fc`);
  assert.ok(typeof context !== 'string');
  assert.equal(context.flags, 0);
});

test('two different traceparents are no context, two equal ones are one', () => {
  assert.equal(parsed(VALID, ` 00-${OTHER}-${SPAN}-01`), 'conflict');
  assert.equal(parsed(VALID, VALID.slice(0, -1)), 'conflict');
  assert.equal(parsed(VALID, `${VALID}-1`), 'conflict');
  assert.notEqual(parsed(VALID, `\t ${VALID} `), 'conflict');
  assert.notEqual(parsed(VALID, VALID, VALID), 'conflict');
});

interface Case {
  readonly incoming?: string;
  readonly outgoing?: string | readonly string[];
  readonly comm?: string;
}

/** One hop with these traceparents; its ingress and egress spans. */
function hop({ incoming, outgoing, comm = 'nginx' }: Case): [Span, Span, ...Span[]] {
  const scene = new Scene();
  const identity = process(100, comm);
  const headers = (value?: string) => (value === undefined ? {} : { Traceparent: value });
  const ingress = exchange({
    connection: connection({ process: identity, role: 'server' }),
    role: 'server',
    headers: headers(incoming),
  });
  scene.request(ingress);
  const values = outgoing === undefined || typeof outgoing === 'string' ? [outgoing] : outgoing;
  for (const [i, value] of values.entries()) {
    const upstream = connection({ process: identity, role: 'client' });
    const egress = exchange({
      connection: upstream,
      role: 'client',
      headers: headers(value),
      cause: causeOf(ingress),
      target: `/${i}`,
    });
    scene.respond(scene.request(egress));
  }
  scene.respond(ingress);
  const [server, client, ...more] = scene.spans();
  return [server, client, ...more];
}

function flagsOf(span: Span, flag: number): boolean {
  return (span.flags & flag) !== 0;
}

test('without a context the trace starts at the ingress and is random', () => {
  const [server] = hop({});
  assert.equal(server.parentSpanId, '');
  assert.equal(server.traceFlags, 3);
  assert.match(server.traceId, /^[0-9a-f]{32}$/);
});

test('an ingress with a context is a remote child of its caller', () => {
  const [server] = hop({ incoming: VALID });
  assert.equal(server.traceId, TRACE);
  assert.equal(server.parentSpanId, SPAN);
  assert.equal(server.tier, 'traceparent');
  assert.ok(flagsOf(server, FLAG.parentIsRemote));
  assert.equal(server.traceFlags, 1);
});

test('case A: without an outgoing context the egress is a child with an id of its own', () => {
  const [server, client] = hop({ incoming: VALID });
  assert.equal(client.traceId, TRACE);
  assert.equal(client.parentSpanId, server.spanId);
  assert.notEqual(client.spanId, SPAN);
});

test('case B: a context that is passed through names the caller, not the egress', () => {
  const [server, client] = hop({ incoming: VALID, outgoing: VALID });
  assert.equal(client.parentSpanId, server.spanId);
  assert.equal(client.traceId, TRACE);
  assert.notEqual(client.spanId, SPAN);
});

test('case C: a rewritten context gives the egress its span id', () => {
  const [server, client] = hop({ incoming: VALID, outgoing: `00-${TRACE}-1111111111111111-01` });
  assert.equal(client.spanId, '1111111111111111');
  assert.equal(client.parentSpanId, server.spanId);
  assert.equal(client.traceId, TRACE);
});

test('case C without an incoming context: the ingress joins the trace that the proxy made', () => {
  const [server, client] = hop({ outgoing: `00-${TRACE}-1111111111111111-01` });
  assert.equal(server.traceId, TRACE);
  assert.equal(server.parentSpanId, '');
  assert.equal(client.spanId, '1111111111111111');
  assert.equal(client.parentSpanId, server.spanId);
});

test('case C with several attempts: only the first takes the span id', () => {
  const value = `00-${TRACE}-1111111111111111-01`;
  const [server, first, second] = hop({ incoming: VALID, outgoing: [value, value] });
  assert.equal(first.spanId, '1111111111111111');
  assert.notEqual(second.spanId, first.spanId);
  assert.equal(second.parentSpanId, server.spanId);
});

test('case E: an egress in another trace is linked both ways', () => {
  const [server, client] = hop({ incoming: VALID, outgoing: `00-${OTHER}-1111111111111111-01` });
  assert.equal(client.traceId, OTHER);
  assert.equal(client.spanId, '1111111111111111');
  assert.equal(client.parentSpanId, '');
  assert.deepEqual([client.linkTraceId, client.linkSpanId], [server.traceId, server.spanId]);
  assert.deepEqual([server.linkTraceId, server.linkSpanId], [OTHER, client.spanId]);
  assert.equal(client.tier, 'exact.state');
});

test('a caller that does not sample marks the whole hop', () => {
  const [server, client] = hop({ incoming: `00-${TRACE}-${SPAN}-00` });
  assert.ok(flagsOf(server, FLAG.notSampled) && flagsOf(client, FLAG.notSampled));
  assert.equal(client.traceFlags, 0);
});

for (const [what, values, counter] of [
  ['malformed', ['nonsense'], 'link.traceparent_invalid'],
  ['contradicting', [VALID, `00-${OTHER}-${SPAN}-01`], 'link.traceparent_conflict'],
] as const) {
  test(`a ${what} context is counted and starts a new trace`, () => {
    const scene = new Scene();
    const socket = connection({ process: process(100), role: 'server' });
    const headers = values.map((value) => ['traceparent', value] as const);
    scene.respond(scene.request(exchange({ connection: socket, role: 'server', headers })));
    assert.equal(scene.counters.get(counter), 1);
    assert.equal(scene.spans()[0].parentSpanId, '');
  });
}

test('a client that serves nothing is a child of the context that it sends', () => {
  const scene = new Scene();
  const socket = connection({ process: process(50, 'curl'), role: 'client' });
  for (const ordinal of [1, 2]) {
    const headers = { traceparent: VALID };
    scene.respond(
      scene.request(exchange({ connection: socket, role: 'client', headers, ordinal })),
    );
  }
  const [a, b] = scene.spans();
  assert.deepEqual([a.traceId, a.parentSpanId], [TRACE, SPAN]);
  assert.notEqual(a.spanId, b.spanId);
});

/** A process that serves and then posts its own spans to a collector. */
function tracedApp(scene: Scene) {
  const app = process(300, 'app');
  const post = exchange({
    connection: connection({ process: app, role: 'client' }),
    role: 'client',
    method: 'POST',
    target: '/v1/traces',
  });
  scene.respond(scene.request(post));
  return app;
}

test('case D: hops of a program that exports spans of its own are dropped and counted', () => {
  const scene = new Scene();
  const app = tracedApp(scene);
  const ingress = scene.request(
    exchange({ connection: connection({ process: app, role: 'server' }), role: 'server' }),
  );
  const egress = exchange({
    connection: connection({ process: app, role: 'client' }),
    role: 'client',
    cause: causeOf(ingress, { kind: 'go' }),
  });
  scene.respond(scene.request(egress));
  scene.respond(ingress);
  assert.equal(scene.counters.get('dropped.native_tracing'), 2);
  assert.equal(scene.log.length, 1);
  assert.deepEqual(
    scene.spans().map((span) => span.line),
    ['POST /v1/traces'],
  );
});

test('case D: a failed export, or spans that are passed on, prove nothing', () => {
  const scene = new Scene();
  const relay = process(301, 'collector');
  const request = { method: 'POST', target: '/v1/traces' } as const;
  const received = exchange({
    connection: connection({ process: relay, role: 'server' }),
    role: 'server',
    ...request,
  });
  scene.respond(scene.request(received));
  const sent = () =>
    exchange({
      connection: connection({ process: relay, role: 'client' }),
      role: 'client',
      ...request,
    });
  scene.respond(scene.request(sent()));
  const failing = process(302, 'app');
  const failed = exchange({
    connection: connection({ process: failing, role: 'client' }),
    role: 'client',
    ...request,
  });
  scene.respond(scene.request(failed), 10e6, 503);
  for (const identity of [relay, failing]) {
    const socket = connection({ process: identity, role: 'server' });
    scene.respond(scene.request(exchange({ connection: socket, role: 'server' })));
  }
  assert.equal(scene.counters.get('dropped.native_tracing'), 0);
  assert.equal(scene.spans().length, 5);
});
