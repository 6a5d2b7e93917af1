/** The files of the guides, a real nginx, a real S3 server: what lies where the spans say it lies. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { startAgent } from '../harness/agent.ts';
import { assertNoLoss } from '../harness/facts.ts';
import { ask } from '../harness/http-client.ts';
import type { OtlpSpan } from '../harness/otlp-span.ts';
import { freePorts } from '../harness/ports.ts';
import { Scene } from '../harness/scene.ts';
import { BUCKET, S3Server } from './s3-server.ts';

const GUIDES = join(import.meta.dirname, '..', '..', 'guides');

interface Proxied {
  readonly scene: Scene;
  readonly front: number;
  readonly api: number;
}

/** `/api/...` is passed on without the prefix. */
async function openScene(): Promise<Proxied> {
  const scene = new Scene();
  const { front, api } = await freePorts('front', 'api');
  await scene.backend('api', api);
  await scene.nginx(
    front,
    `server {
      listen 127.0.0.1:${front};
      proxy_http_version 1.1;
      location / { proxy_pass http://127.0.0.1:${api}; }
      location /api/ {
        proxy_pass http://127.0.0.1:${api}/;
        proxy_set_header Connection "";
        proxy_set_header X-Forwarded-For $remote_addr;
      }
    }`,
  );
  return { scene, front, api };
}

function post(port: number, path: string, body: string) {
  const headers = { 'content-type': 'application/json', 'user-agent': 'guide' };
  return ask(port, path, { method: 'POST', headers, body });
}

describe('the first file of the guide for Traefik, with nginx', () => {
  let proxied: Proxied;
  before(async () => {
    proxied = await openScene();
  });
  after(() => proxied.scene.close());

  test('prints both transactions in the layout of the guide', async () => {
    const { scene, front, api } = proxied;
    const config = join(GUIDES, 'traefik', '1-start.yaml');
    const agent = await startAgent({
      folder: scene.folder,
      flags: ['--config', config, ...scene.processFlags],
      env: { OTEL_TRACES_EXPORTER: 'none' },
    });
    await post(front, '/api/users', '{"name": "Alice", "role": "admin"}');
    const counters = await agent.stop();
    assertNoLoss({ ...counters, 'dropped.export_none': 0 });
    const [ingress, egress] = transactionsOf(agent.program.stdout);
    assert.deepEqual(ingress, [
      '=== HTTP Transaction ===',
      'Source Process: nginx (PID: #)',
      'Direction: INGRESS ← (client to nginx)',
      'Method: POST',
      `URL: http://127.0.0.1:${front}/api/users`,
      'Status: 200 OK',
      'Duration: #ms',
      'Time To First Byte: #ms',
      'Peer: #',
      'Trace: # (Span: #)',
      '',
      '--- Request Headers ---',
      'content-type: application/json',
      'user-agent: guide',
      `Host: 127.0.0.1:${front}`,
      'Connection: close',
      'Content-Length: 34',
      '',
      '--- Request Body ---',
      '{"name": "Alice", "role": "admin"}',
      '',
      '--- Response Headers ---',
      'Server: nginx/#',
      'Date: #',
      'Content-Type: text/plain',
      'Content-Length: 3',
      'Connection: close',
      '',
      '--- Response Body ---',
      'xxx',
      '',
      '--- Changed by the Proxy ---',
      'Own Time: #ms',
      'Path: /api/users → /users (prefix /api stripped)',
      `Host: 127.0.0.1:${front} → 127.0.0.1:${api}`,
      'Request Header Added: X-Forwarded-For: 127.0.0.1',
      'Request Header Removed: Connection: close',
      'Response Header Added: Server: nginx/#',
      'Response Header Removed: Keep-Alive: timeout=60',
      'Response Header Changed: Connection: keep-alive → close',
      '========================',
    ]);
    assert.deepEqual(egress?.slice(2, 5), [
      'Direction: EGRESS → (nginx to backend)',
      'Method: POST',
      `URL: http://127.0.0.1:${api}/users`,
    ]);
    assert.ok(egress?.includes('X-Forwarded-For: 127.0.0.1'));
    assert.equal(egress?.[8], 'Peer: #');
    assert.match(String(egress?.[9]), /^Trace: # \(Span: #, Parent: # by exact\.state\)$/);
    const changed = (lines: readonly string[] = []) => lines.slice(lines.indexOf('Own Time: #ms'));
    assert.deepEqual(changed(egress), changed(ingress));
  });

  for (const exporter of ['none', 'console']) {
    test(`ends although nobody reads what it prints (${exporter})`, async () => {
      const { scene, front } = proxied;
      const config = join(GUIDES, 'traefik', '1-start.yaml');
      const { program } = await startAgent({
        folder: scene.folder,
        flags: ['--config', config, ...scene.processFlags],
        env: { OTEL_TRACES_EXPORTER: exporter },
      });
      program.child.stdout?.pause();
      for (let n = 0; n < 20; n++) await post(front, `/api/${n}?bytes=60000`, 'a'.repeat(60_000));
      const ended = once(program.child, 'exit', { signal: AbortSignal.timeout(20_000) });
      program.signal('SIGTERM');
      assert.deepEqual(await ended, [0, null], program.output);
      assert.match(program.stderr, /reader is too slow/);
      const counters = JSON.parse(readFileSync(join(scene.folder, 'summary.json'), 'utf8'));
      assert.ok(counters['dropped.store_stdout'] > 0);
      assert.equal(counters['dropped.store_stdout'] + counters['store.printed'], 60);
    });
  }
});

/** Those of nginx, ingress first; numbers that differ from run to run are a #. */
function transactionsOf(stdout: string): string[][] {
  const blocks = stdout.match(/^=== HTTP Transaction ===\n[\s\S]*?\n={24}$/gm) ?? [];
  return blocks
    .filter((block) => block.includes('Source Process: nginx'))
    .sort((a) => (a.includes('INGRESS') ? -1 : 1))
    .map((block) =>
      block
        .replace(
          /(?<=PID: |Peer: |Trace: |Span: |Parent: |nginx\/|Date: )[^)\s,][^),\n]*?(?=[),\s]|$)/gm,
          '#',
        )
        .replace(/Date: .*/g, 'Date: #')
        .replace(/[\d.]+(?=ms$)/gm, '#')
        .split('\n'),
    );
}

describe('the production file of the guide for HAProxy, with nginx', () => {
  let proxied: Proxied;
  let server: S3Server;

  before(async () => {
    proxied = await openScene();
    const { s3 } = await freePorts('s3');
    const folder = join(proxied.scene.folder, 's3');
    mkdirSync(folder);
    server = new S3Server(folder, s3, {});
  });

  after(async () => {
    server.client.destroy();
    await server.stop();
    await proxied.scene.close();
  });

  /** Where it stores is all that differs. */
  function writeConfig(): string {
    const { scene } = proxied;
    const text = readFileSync(join(GUIDES, 'haproxy', '5-production-s3.yaml'), 'utf8')
      .replace('s3.amazonaws.com', `127.0.0.1:${server.port}`)
      .replace('my-company-haproxy-traffic', BUCKET)
      .replace(
        'insecure: false',
        `insecure: true
      spool: { directory: ${join(scene.folder, 'spool')} }
      retry_on_failure: { initial_interval: 50ms, max_interval: 500ms }`,
      );
    assert.match(text, /spool/);
    const off = '\notel: { spool: { enabled: false } }\n';
    return scene.writeFile('production.yaml', text + off);
  }

  async function objectAt(uri: unknown): Promise<Buffer> {
    const prefix = `s3://${BUCKET}/`;
    assert.ok(typeof uri === 'string' && uri.startsWith(prefix), String(uri));
    const command = new GetObjectCommand({ Bucket: BUCKET, Key: uri.slice(prefix.length) });
    const { Body } = await server.client.send(command);
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  }

  test('loses nothing while the store is away, and keeps no request waiting', async () => {
    const { scene, front } = proxied;
    const { accessKey, secretKey } = server.options();
    await scene.watch({
      flags: ['--config', writeConfig()],
      env: {
        AWS_ACCESS_KEY_ID: accessKey?.value ?? '',
        AWS_SECRET_ACCESS_KEY: secretKey?.value ?? '',
      },
    });
    const { agent } = scene;
    const failed = Array.from({ length: 40 }, (_, n) => `/failed/${n}`);
    for (const path of failed) await post(front, `${path}?status=500`, `{"path":"${path}"}`);
    await ask(front, '/fine');
    const spans = await scene.collector.await('spans while the store is away', (all) => {
      const found = all.filter(({ attributes }) => attributes['spantap.record_ref']);
      return found.length >= 3 * failed.length ? found : undefined;
    });
    await agent.program.line(/127\.0\.0\.1:\d+.*(ECONNREFUSED|refused)/i);
    await server.start();
    await server.createBucket();
    const counters = await scene.stopAgent();
    assert.equal(counters['dropped.by_rule'], 3, 'the request that did not fail');
    assertNoLoss({ ...counters, 'dropped.by_rule': 0 });
    assert.ok((counters['store.retries'] ?? 0) > 0, 'it was away');
    const dropped = Object.entries(counters).filter(
      ([name, value]) => name.startsWith('dropped.store') && value > 0,
    );
    assert.deepEqual(dropped, []);
    for (const span of spans) await assertStored(span);
    const [fine] = scene.tracesOf('/fine');
    assert.equal(fine, undefined, 'level none of the guide: no span, no record');
  });

  /** The record is that of the span, and bodies have the digests that the span gives. */
  async function assertStored({ spanId, attributes }: OtlpSpan): Promise<void> {
    const record = JSON.parse((await objectAt(attributes['spantap.record_ref'])).toString());
    assert.equal(record.span_id, spanId);
    for (const side of ['request', 'response']) {
      const body = await objectAt(attributes[`http.${side}.body.content_ref`]);
      const digest = createHash('sha256').update(body).digest('hex');
      assert.equal(digest, attributes[`spantap.http.${side}.body.sha256`]);
      assert.equal(digest, record[side].body_info.sha256);
      assert.equal(body.length, attributes[`http.${side}.body.size`]);
    }
  }
});
