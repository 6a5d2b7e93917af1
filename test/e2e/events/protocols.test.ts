/** Connections of nginx that carry no HTTP/1, or not in clear text: protocol, TLS and bytes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { type Certificates, createCertificates, read } from '../../export/certificates.ts';
import { freePorts } from '../harness/ports.ts';
import { Scene } from '../harness/scene.ts';
import { ReportingAgent } from './reporting-agent.ts';

interface Opened {
  readonly socket: Socket;
  /** Its own. */
  readonly port: number;
}

type Item = Readonly<Record<string, unknown>>;

const MIB = 1024 * 1024;
const TIMEOUT_MS = 30_000;

describe('connections of nginx by protocol', () => {
  let scene: Scene;
  let agent: ReportingAgent;
  let certificates: Certificates;
  let ports: Readonly<Record<'http2' | 'tls' | 'http1', number>>;
  let file: string;

  before(async () => {
    scene = new Scene();
    certificates = createCertificates();
    ports = await freePorts('http2', 'tls', 'http1');
    const { serverCertificate, serverKey } = certificates;
    const answer = 'location / { return 200 "0123456789"; }';
    const nginx = await scene.nginx(
      ports.http1,
      `server { listen 127.0.0.1:${ports.http1}; lingering_close off; ${answer} }
       server { listen 127.0.0.1:${ports.http2} http2; ${answer} }
       server {
         listen 127.0.0.1:${ports.tls} ssl;
         ssl_certificate ${serverCertificate};
         ssl_certificate_key ${serverKey};
         ${answer}
       }`,
    );
    file = join(scene.folder, 'connections.jsonl');
    agent = await ReportingAgent.start({
      pids: [nginx.pid],
      outputFile: join(scene.folder, 'stdout'),
      stores: [{ type: 'file', id: 'file', path: file, maxBytes: MIB, maxBackups: 0 }],
    });
  });
  after(async () => {
    await agent?.stop();
    await scene?.close();
    certificates?.remove();
  });

  /** The last event of the connection whose client has this port. */
  async function finalEvent(clientPort: number): Promise<Item> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const changes = watch(file);
    try {
      for (;;) {
        const changed = once(changes, 'change', { signal });
        changed.catch(() => undefined);
        const items: Item[] = (await readFile(file, 'utf8'))
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line).item);
        const found = items.find(
          ({ finalized, source }) => finalized === true && portOf(source) === clientPort,
        );
        if (found !== undefined) return found;
        await changed;
      }
    } finally {
      changes.close();
    }
  }

  /** Ends the connection, and compares what is told of it with what its client counted. */
  async function assertTold(
    { socket, port }: Opened,
    l7Protocol: string,
    tls: boolean | undefined,
  ) {
    socket.destroySoon();
    if (!socket.closed) await once(socket, 'close');
    const item = await finalEvent(port);
    assert.deepEqual([item.l7Protocol, item.tls, item.direction], [l7Protocol, tls, 'ingress']);
    assert.deepEqual([item.bytesReceived, item.bytesSent], [socket.bytesWritten, socket.bytesRead]);
  }

  async function open(port: number): Promise<Opened> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return { socket, port: socket.localPort ?? 0 };
  }

  test('HTTP/2 in clear text is http2', async () => {
    const opened = await open(ports.http2);
    const session = connectHttp2(`http://127.0.0.1:${ports.http2}`, {
      createConnection: () => opened.socket,
    });
    const stream = session.request({ ':path': '/' });
    stream.resume();
    await once(stream, 'end');
    session.close();
    await once(session, 'close');
    await assertTold(opened, 'http2', false);
  });

  test('TLS is other, with tls: true', async () => {
    const opened = await open(ports.tls);
    const { socket } = opened;
    const secure = connectTls({ socket, ca: read(certificates.authority), host: '127.0.0.1' });
    await once(secure, 'secureConnect');
    secure.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(secure, 'data');
    await assertTold(opened, 'other', true);
  });

  test('whatever else is other, and nobody says whether it is TLS', async () => {
    const opened = await open(ports.http1);
    opened.socket.write('SSH-2.0-client\r\n');
    await once(opened.socket, 'data');
    await assertTold(opened, 'other', undefined);
  });
});

function portOf(end: unknown): unknown {
  return (end as { address: { port: number } }).address.port;
}
