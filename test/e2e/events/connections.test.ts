/** Events of nginx' connections, from the kernel to files, standard output and a Collector. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { EventStoreConfig } from '../../../src/config/file/types.ts';
import { type Collector, startCollector } from '../harness/collector.ts';
import { ask } from '../harness/http-client.ts';
import { type NginxScene, openNginxScene } from '../nginx/scene.ts';
import { ReportingAgent } from './reporting-agent.ts';

interface ConnectionItem {
  readonly meta: { readonly connectionId: string };
  readonly finalized: boolean;
  readonly direction: string;
  readonly part: number;
  readonly l7Protocol: string;
  readonly source: End;
  readonly destination: End;
  readonly bytesReceived?: number;
  readonly bytesSent?: number;
  readonly createdAt: string;
  readonly closedAt?: string;
}

interface End {
  readonly address: { readonly ip: string; readonly port: number };
  readonly exe?: string;
  readonly pid?: number;
}

const MIB = 1024 * 1024;
const PROTOCOLS = ['grpc', 'http/protobuf', 'http/json'] as const;

/** One request on a connection that stays open; resolves with it when the answer is whole. */
async function askOn(socket: Socket, path: string, bytes: number): Promise<void> {
  socket.write(`GET ${path}?bytes=${bytes} HTTP/1.1\r\nHost: shop.test\r\n\r\n`);
  let text = '';
  for (;;) {
    const [chunk] = await once(socket, 'data');
    text += chunk;
    const headEnd = text.indexOf('\r\n\r\n');
    if (headEnd >= 0 && text.length >= headEnd + 4 + bytes) return;
  }
}

describe('connections of nginx are events', () => {
  let open: NginxScene;
  let collector: Collector;
  let agent: ReportingAgent;
  let file: string;
  let outputFile: string;

  before(async () => {
    open = await openNginxScene(1);
    const { scene, nginx } = open;
    collector = await startCollector(scene.folder);
    file = join(scene.folder, 'events', 'connections.jsonl');
    outputFile = join(scene.folder, 'stdout');
    const logs = PROTOCOLS.map((protocol): EventStoreConfig => {
      const port = protocol === 'grpc' ? collector.grpcPort : collector.httpPort;
      const endpoint = `http://127.0.0.1:${port}`;
      const none = { headers: undefined, environment: 'test', tls: undefined };
      return { type: 'otel', id: protocol, endpoint, protocol, serviceName: protocol, ...none };
    });
    agent = await ReportingAgent.start({
      pids: [nginx.pid],
      outputFile,
      stores: [
        { type: 'file', id: 'file', path: file, maxBytes: MIB, maxBackups: 1 },
        { type: 'stdout', id: 'stdout' },
        ...logs,
      ],
    });
  });
  after(async () => {
    await collector?.stop();
    await open?.scene.close();
  });

  const items = (path = file): ConnectionItem[] =>
    readFileSync(path, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line).item);

  /** The collector has them: so has the file, which is written sooner. */
  const arrived = (port: number, isFinal: boolean) =>
    collector.awaitLogs(`events of port ${port}`, (logs) =>
      logs.find(({ attributes }) => {
        const event = attributes.event as Record<string, unknown>;
        return attributes['network.peer.port'] === port && event.finalized === isFinal;
      }),
    );

  test('one that stays open is reported, and at its end with all its bytes', async () => {
    const socket = connect(open.port, '127.0.0.1');
    await once(socket, 'connect');
    const { localPort = 0 } = socket;
    await askOn(socket, '/kept/one', 1_000);
    await arrived(localPort, false);
    await askOn(socket, '/kept/two', 100_000);
    socket.end();
    await once(socket, 'close');
    const log = await arrived(localPort, true);

    const [first, last, ...more] = items().filter(
      ({ source }) => source.address.port === localPort,
    );
    assert(first && last);
    assert.deepEqual(more, []);
    assert.deepEqual([first.part, last.part], [0, 1]);
    assert.deepEqual([first.finalized, 'bytesSent' in first], [false, false]);
    assert.equal(first.meta.connectionId, last.meta.connectionId);
    assert.deepEqual([last.bytesReceived, last.bytesSent], [socket.bytesWritten, socket.bytesRead]);
    assert.deepEqual([last.direction, last.l7Protocol], ['ingress', 'http1']);
    assert.equal(last.destination.address.port, open.port);
    assert.match(last.destination.exe ?? '', /nginx$/);
    assert.ok(Date.parse(last.closedAt ?? '') - Date.parse(last.createdAt) >= 500);
    assert.ok(Math.abs(Date.parse(last.closedAt ?? '') - Date.now()) < 30_000);

    assert.equal(log.eventName, 'spantap.connection');
    assert.equal(log.attributes['process.executable.name'], 'nginx');
    assert.equal(log.attributes['server.port'], open.port);
    assert.equal(log.resource['deployment.environment.name'], 'test');
  });

  test('one to a backend has nginx as its source', async () => {
    await ask(open.port, '/fresh/backend');
    const log = await arrived(open.ports.api, true);
    const event = log.attributes.event as Record<string, unknown>;
    assert.equal(event.direction, 'egress-internal');
    assert.equal(event['destination.address.port'], open.ports.api);
    assert.match(String(event['source.exe']), /nginx$/);
    assert.ok(Number(event.bytesSent) > 0 && Number(event.bytesReceived) > 0);
  });

  test('no line holds anything of what was said', () => {
    assert.doesNotMatch(readFileSync(file, 'utf8'), /shop\.test|\/kept|\/fresh/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  test('one that outlives the agent is told with its bytes so far; all stores got the same', async () => {
    const socket = connect(open.port, '127.0.0.1');
    await once(socket, 'connect');
    await askOn(socket, '/itself', 4);
    await agent.stop();
    const last = items().findLast(({ source }) => source.address.port === socket.localPort);
    assert(last);
    assert.equal(last.finalized, false);
    assert.deepEqual([last.bytesReceived, last.bytesSent], [socket.bytesWritten, socket.bytesRead]);
    socket.destroy();

    const told = items();
    assert.deepEqual(items(outputFile), told);
    for (const protocol of PROTOCOLS) {
      const logs = await collector.awaitLogs(`all events over ${protocol}`, (all) => {
        const own = all.filter(({ resource }) => resource['service.name'] === protocol);
        return own.length >= told.length ? own : undefined;
      });
      assert.equal(logs.length, told.length, protocol);
    }
    assert.equal(agent.workerCounters.get('dropped.reports'), 0);
  });
});
