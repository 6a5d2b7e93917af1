/** The endpoint as programs ask it, and as those who do not mean well do. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect, createServer, Server, type Socket } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { AgentError } from '../../src/telemetry/agent-error.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import {
  Endpoint,
  type EndpointOptions,
  PLAIN,
  parseAddress,
} from '../../src/telemetry/endpoint.ts';

const silent = () => undefined;
const SILENT = { debug: silent, info: silent, warn: silent, error: silent };
const LIMITS = { connectionsMax: 4, requestsMax: 2, requestTimeoutMs: 5_000 };

interface Scene {
  readonly endpoint: Endpoint;
  readonly counters: Counters;
}

async function listen(t: TestContext, options: Partial<EndpointOptions> = {}): Promise<Scene> {
  const counters = new Counters();
  const endpoint = await Endpoint.listen({
    address: '127.0.0.1:0',
    routes: {
      '/ok': (accept) => ({ status: 200, contentType: PLAIN, body: ['a', `${accept}`] }),
      '/no': () => ({ status: 503, contentType: PLAIN, body: ['no'] }),
    },
    limits: LIMITS,
    counters,
    log: SILENT,
    ...options,
  });
  t.after(() => endpoint.close());
  return { endpoint, counters };
}

interface Reply {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

async function ask(port: number, path: string, options: object = {}): Promise<Reply> {
  const asked = request({ host: '127.0.0.1', port, path, agent: false, ...options }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = await response.toArray();
  return {
    status: response.statusCode,
    headers: response.headers,
    body: Buffer.concat(chunks).toString(),
  };
}

/** A connection that says `text` and reads nothing. */
async function open(t: TestContext, port: number, text = ''): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', silent);
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  socket.write(text);
  return socket;
}

describe('an answer', () => {
  test('comes from its route, which sees what is accepted', async (t) => {
    const { endpoint } = await listen(t);
    const reply = await ask(endpoint.port, '/ok?x=1', { headers: { accept: 'text/plain' } });
    assert.equal(reply.status, 200);
    assert.equal(reply.body, 'atext/plain');
    assert.equal(reply.headers['content-type'], PLAIN);
    assert.equal((await ask(endpoint.port, '/no')).status, 503);
  });

  test('to HEAD has no body', async (t) => {
    const { endpoint } = await listen(t);
    const reply = await ask(endpoint.port, '/ok', { method: 'HEAD' });
    assert.deepEqual([reply.status, reply.body], [200, '']);
  });

  for (const [path, method, status] of [
    ['/', 'GET', 404],
    ['/ok/', 'GET', 404],
    ['/__proto__', 'GET', 404],
    ['/constructor', 'GET', 404],
    ['/ok', 'POST', 405],
    ['/ok', 'DELETE', 405],
    ['*', 'OPTIONS', 405],
  ] as const) {
    test(`to ${method} ${path} is ${status}`, async (t) => {
      const { endpoint } = await listen(t);
      const reply = await ask(endpoint.port, path, { method });
      assert.equal(reply.status, status);
      if (status === 405) assert.equal(reply.headers.allow, 'GET, HEAD');
    });
  }
});

test('a connection that the system does not let it accept ends nothing', async (t) => {
  const listenOn = t.mock.method(Server.prototype, 'listen');
  const said: string[] = [];
  const log = { ...SILENT, warn: (message: string) => said.push(message) };
  const { endpoint } = await listen(t, { log });
  const server: unknown = listenOn.mock.calls[0]?.this;
  assert.ok(server instanceof Server);
  // As node:net does when accept(2) fails.
  server.emit('error', new Error('accept EMFILE'));
  assert.deepEqual(said, ['telemetry endpoint: accept EMFILE']);
  assert.equal((await ask(endpoint.port, '/ok')).status, 200);
});

describe('within its bounds', () => {
  test('a connection beyond the limit is refused and counted; the next one after a close is not', async (t) => {
    const { endpoint, counters } = await listen(t);
    const idle = await Promise.all([1, 2, 3, 4].map(() => open(t, endpoint.port)));
    const refused = await open(t, endpoint.port, 'GET /ok HTTP/1.1\r\nHost: x\r\n\r\n');
    await closed(refused);
    assert.equal(counters.get('telemetry.refused'), 1);
    for (const socket of idle) socket.destroy();
    await answered(endpoint.port);
  });

  test('requests beyond the limit get 503', async (t) => {
    const large = 'x'.repeat(1024 * 1024);
    const body = Array.from({ length: 64 }, () => large);
    const routes = { '/large': () => ({ status: 200, contentType: PLAIN, body }) };
    const { endpoint, counters } = await listen(t, { routes });
    const text = 'GET /large HTTP/1.1\r\nHost: x\r\n\r\n';
    for (const socket of [await open(t, endpoint.port, text), await open(t, endpoint.port, text)]) {
      await once(socket, 'readable');
    }
    const reply = await ask(endpoint.port, '/large');
    assert.equal(reply.status, 503);
    assert.equal(counters.get('telemetry.refused'), 1);
  });

  test('who does not read is let go', async (t) => {
    const body = Array.from({ length: 64 }, () => 'x'.repeat(1024 * 1024));
    const routes = { '/large': () => ({ status: 200, contentType: PLAIN, body }) };
    const limits = { ...LIMITS, requestTimeoutMs: 200 };
    const { endpoint } = await listen(t, { routes, limits });
    const socket = await open(t, endpoint.port, 'GET /large HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'readable');
    await closed(socket);
  });

  for (const [what, text] of [
    ['never ends its head', 'GET /ok HTTP/1.1\r\nHost: x\r\n'],
    ['says nothing', ''],
    ['says nothing more', 'GET /ok HTTP/1.1\r\nHost: x\r\n\r\n'],
    [
      'never sends the body that it announced',
      'GET /ok HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n',
    ],
  ]) {
    test(`who ${what} is let go`, async (t) => {
      const limits = { ...LIMITS, requestTimeoutMs: 200 };
      const { endpoint } = await listen(t, { limits });
      await closed(await open(t, endpoint.port, text));
    });
  }

  /** Reads what comes and resolves when the other end closed, or reset the connection. */
  async function closed(socket: Socket): Promise<void> {
    socket.resume();
    if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
  }

  /** A place may be given back a moment after its connection ended. */
  async function answered(port: number): Promise<void> {
    for (;;) {
      const reply = await ask(port, '/ok').catch(() => undefined);
      if (reply?.status === 200) return;
    }
  }
});

describe('an address', () => {
  test('that is taken is an error that says what to do', async (t) => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    t.after(() => other.close());
    const { port } = other.address() as { port: number };
    const error: unknown = await listen(t, { address: `127.0.0.1:${port}` }).catch((e) => e);
    assert.ok(error instanceof AgentError);
    assert.match(error.message, /another program listens there/);
    assert.match(error.text.todo ?? '', /telemetry\.endpoint/);
  });

  for (const [address, expected] of [
    ['127.0.0.1:10001', { host: '127.0.0.1', port: 10_001 }],
    ['[::1]:1', { host: '::1', port: 1 }],
    ['localhost:9464', { host: 'localhost', port: 9_464 }],
    [':80', { port: 80 }],
  ] as const) {
    test(`${address} is understood`, () => assert.deepEqual(parseAddress(address), expected));
  }

  test('without a port is refused', () => assert.throws(() => parseAddress('x'), AgentError));
});
