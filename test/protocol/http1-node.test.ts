/** Node's own http as encoder: what a real client and server put on a connection is read whole. */
import assert from 'node:assert/strict';
import http from 'node:http';
import type { Socket } from 'node:net';
import { type Duplex, duplexPair } from 'node:stream';
import { describe, test } from 'node:test';
import { headerValue } from '../../src/handoff/head.ts';
import { play, playAll } from './outcome.ts';
import { cutEvent, Wire } from './wire.ts';

const HOST = 'shop.example';

/** A client and a server joined in this process; each write of either side is one call. */
class Joined {
  readonly wire: Wire;
  readonly #agent: http.Agent;
  readonly #server: http.Server;

  constructor(side: 'server' | 'client', listener: http.RequestListener) {
    this.wire = new Wire({ role: side });
    this.#server = http.createServer({ keepAliveTimeout: 0 }, listener);
    const [client, server] = duplexPair();
    // What the agent asks of a socket that it keeps alive.
    const nothing = () => client;
    Object.assign(client, {
      setKeepAlive: nothing,
      setTimeout: nothing,
      ref: nothing,
      unref: nothing,
    });
    this.#record(client, (bytes) => this.wire.request(bytes));
    this.#record(server, (bytes) => this.wire.response(bytes));
    this.#server.emit('connection', server);
    this.#agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    this.#agent.createConnection = () => client as Socket;
  }

  get server(): http.Server {
    return this.#server;
  }

  #record(stream: Duplex, call: (bytes: Buffer) => void): void {
    const write = stream._write.bind(stream);
    stream._write = (chunk, encoding, callback) => {
      call(Buffer.isBuffer(chunk) ? Buffer.from(chunk) : Buffer.from(chunk, encoding));
      write(chunk, encoding, callback);
    };
  }

  /** Sends a request; resolves with the status when the response has ended. */
  send(options: http.RequestOptions, ...body: string[]): Promise<number> {
    return new Promise((resolve, reject) => {
      const request = http.request({ host: HOST, agent: this.#agent, ...options });
      request.on('error', reject);
      // The joined streams deliver within the write of the head, which must end first.
      request.on('continue', () => setImmediate(() => this.#sendBody(request, body)));
      request.on('response', (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0));
      });
      if (options.headers === undefined || !('Expect' in options.headers)) {
        this.#sendBody(request, body);
      } else request.flushHeaders();
    });
  }

  /** Resolves when the first byte of the other protocol is there. */
  upgrade(options: http.RequestOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const request = http.request({ host: HOST, agent: this.#agent, ...options });
      request.on('error', reject);
      request.on('upgrade', (_response, socket, head) => {
        if (head.length > 0) resolve();
        else socket.once('data', () => resolve());
      });
      request.end();
    });
  }

  #sendBody(request: http.ClientRequest, body: readonly string[]): void {
    for (const part of body) request.write(part);
    request.end();
  }

  close(): void {
    this.#agent.destroy();
    this.#server.close();
  }
}

const listener: http.RequestListener = (request, response) => {
  request.resume().on('end', () => {
    switch (request.url) {
      case '/chunked':
        response.write('one');
        response.addTrailers({ 'X-Trailer': '1' });
        response.end('two');
        break;
      case '/early':
        response.writeEarlyHints({ link: '</a.css>; rel=preload' });
        response.end('late');
        break;
      case '/nothing':
        response.writeHead(204).end();
        break;
      default:
        response.setHeader('X-Echo', request.url ?? '');
        // Without it Node's client gives the connection up after HEAD.
        response.setHeader('Content-Length', 1000);
        response.end('x'.repeat(1000));
    }
  });
};

const EXPECTED = [
  '1 GET /plain 200 complete response=1000',
  '2 POST /chunked 200 complete request=8 response=6',
  '3 GET /early 200 complete response=4 interim=1',
  '4 HEAD /plain 200 complete',
  '5 DELETE /nothing 204 complete',
  '6 PUT /plain 200 complete request=4 response=1000 interim=1',
  '7 OPTIONS * 200 complete response=1000',
];

async function talk(side: 'server' | 'client'): Promise<Wire> {
  const joined = new Joined(side, listener);
  await joined.send({ path: '/plain' });
  await joined.send({ path: '/chunked', method: 'POST' }, 'four', 'more');
  await joined.send({ path: '/early' });
  await joined.send({ path: '/plain', method: 'HEAD' });
  await joined.send({ path: '/nothing', method: 'DELETE' });
  const headers = { Expect: '100-continue', 'Content-Length': 4 };
  await joined.send({ path: '/plain', method: 'PUT', headers }, 'body');
  await joined.send({ path: '*', method: 'OPTIONS' });
  joined.close();
  return joined.wire;
}

describe('connections between a client and a server of Node', () => {
  for (const side of ['server', 'client'] as const) {
    test(`are read whole and cut (${side})`, async () => {
      const wire = await talk(side);
      const outcome = playAll(wire);
      assert.deepEqual(outcome.lines, EXPECTED);
      const [plain] = outcome.ended;
      assert.equal(headerValue(plain.request.bytes, 'host'), HOST);
      assert.equal(plain.response && headerValue(plain.response.bytes, 'x-echo'), '/plain');
      for (const [index, event] of wire.events.entries()) {
        for (let at = 1; at < event.lenBytes; at += 7) {
          const events = wire.events.toSpliced(index, 1, ...cutEvent(event, at));
          assert.deepEqual(play(wire, events, wire.close()).lines, EXPECTED, `${index} at ${at}`);
        }
      }
    });
  }

  test('become a tunnel when they are upgraded', async () => {
    const joined = new Joined('server', listener);
    joined.server.on('upgrade', (_request, socket) => {
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n',
      );
      socket.write('hello');
    });
    const headers = { Connection: 'upgrade', Upgrade: 'echo' };
    await joined.upgrade({ path: '/up', headers });
    const outcome = playAll(joined.wire);
    joined.close();
    assert.deepEqual(outcome.lines, ['1 GET /up 101 tunnel']);
    assert.equal(outcome.count('protocol.tunnel_bytes'), 5);
  });
});
