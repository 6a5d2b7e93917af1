/**
 * Requests whose head HAProxy reads in several pieces, or behind empty lines (RFC 9112 2.2): its
 * probes name their client like any other's.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type NetConnectOpts } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventCause, eventCauseFlag } from '../../src/capture/layout.gen.ts';
import { allTraffic } from '../../src/handoff/traffic.ts';
import { freePorts } from '../e2e/harness/ports.ts';
import { type Data, skip, Tap } from './harness.ts';
import { type RunningProxy, startProxy } from './proxies.ts';

const REST = ' HTTP/1.1\r\nHost: x\r\n\r\n';

/** How a client may cut what it sends into writes. */
const CUTS: Readonly<Record<string, readonly string[]>> = {
  'one empty line first': ['\r\n', `GET /t${REST}`],
  'two empty lines first': ['\r\n\r\n', `GET /t${REST}`],
  'a long method in two pieces': ['UNSUBSCRIB', `E /t${REST}`],
  'a long method alone': ['UNSUBSCRIBE', ` /t${REST}`],
  'byte for byte': [...`GET /t${REST}`],
  'byte for byte behind empty lines': [...`\r\n\r\nGET /t${REST}`],
};

describe('request heads that HAProxy reads in pieces', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'spantap-heads-'));
  let backend: Server;
  let proxy: RunningProxy;
  let tap: Tap;
  /** The two ways to the proxy: with TCP each socket tells its role, with Unix its bytes do. */
  const ways = { tcp: { port: 0, host: '127.0.0.1' }, unix: { path: join(folder, 'in.sock') } };
  before(async () => {
    backend = createServer((_, response) => response.end('answer'));
    backend.listen(0, '127.0.0.1');
    await once(backend, 'listening');
    const { port } = await freePorts('port');
    const { port: backendPort } = backend.address() as AddressInfo;
    const bind = `unix@${ways.unix.path}`;
    const place = { folder: join(folder, 'haproxy'), port, backendPort, bind };
    proxy = await startProxy({ kind: 'haproxy', ...place, upstream: 'reuse', threads: 1 });
    ways.tcp.port = port;
    tap = new Tap({ traffic: allTraffic(0) });
    tap.inspect(proxy.program.pid);
  });
  after(async () => {
    tap.kernel.close();
    await proxy.program.stop();
    backend.close();
    backend.closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  });

  const upstream = () => tap.datas.filter((data) => data.isWrite && /^[A-Z]+ \/t/.test(data.text));

  /** What was read from the test's client; connections that the proxy opened are no clients. */
  function reads(): Data[] {
    const own = new Set(
      tap.opens.filter(({ role }) => role === 'client').map((open) => open.connectionId),
    );
    return tap.datas.filter(
      (data) => !data.isWrite && data.text !== '' && !own.has(data.connectionId),
    );
  }

  /** Sends each piece when the proxy has read the one before; resolves with the answer. */
  async function send(way: NetConnectOpts, pieces: readonly string[]): Promise<void> {
    const socket = connect(way).setNoDelay(true);
    const answered = once(socket, 'data');
    await once(socket, 'connect');
    let sent = '';
    for (const piece of pieces) {
      socket.write(piece);
      sent += piece;
      const read = () => reads().map((data) => data.text);
      await tap.until(JSON.stringify(sent), () => read().join('') === sent);
    }
    await answered;
    socket.destroy();
  }

  /** The upstream request names the connection on which the pieces were read. */
  async function assertLinked(): Promise<void> {
    await tap.until('the upstream request', () => upstream().length > 0);
    const [request] = upstream();
    assert.equal(request?.cause, eventCause.CAUSE_HAPROXY);
    assert.equal(request.causeConnectionId, reads()[0]?.connectionId);
  }

  for (const [name, way] of Object.entries(ways)) {
    for (const [cut, pieces] of Object.entries(CUTS)) {
      test(`${name}: ${cut}`, async () => {
        tap.datas.length = 0;
        await send(way, pieces);
        await assertLinked();
      });
    }
  }

  test('unix: of an excluded client the first request says so', async () => {
    tap.datas.length = 0;
    const excluded = { ...allTraffic(0).excluded, ingress: true };
    tap.kernel.setTraffic({ ...allTraffic(0), excluded });
    const socket = connect(ways.unix);
    socket.write(`GET /t${REST}`);
    await once(socket, 'data');
    socket.destroy();
    await tap.until('the upstream request', () => upstream().length > 0);
    const [request] = upstream();
    assert.equal(request?.causeFlags, eventCauseFlag.CAUSE_EXCLUDED);
    assert.deepEqual(reads(), []);
  });
});
