/** Secrets in every place, a real proxy, a real agent, and everything that comes out of it. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { MAIN, startAgent } from '../harness/agent.ts';
import { startCollector } from '../harness/collector.ts';
import { tunnel } from '../harness/http-client.ts';
import { freePorts } from '../harness/ports.ts';
import { Program } from '../harness/program.ts';
import { Scene } from '../harness/scene.ts';
import { startBackend } from './backend.ts';
import {
  CARDS,
  CLIENT_ADDRESS,
  canary,
  configOf,
  DEFAULT_PLACES,
  FORWARDED_ADDRESS,
  REQUEST_PLACES,
  RESPONSE_PLACES,
} from './canaries.ts';
import { filesBelow, leaksOf, type Output, readable } from './outputs.ts';
import { ask } from './requests.ts';

const NAMED = [...REQUEST_PLACES, ...RESPONSE_PLACES].map(canary);
const ADDRESSES = [CLIENT_ADDRESS, FORWARDED_ADDRESS];
const PATTERNS = Object.values(CARDS);
/** What no rule covers must have come through, or there was nothing to leak. */
const KEPT = ['kept-in-header', 'kept-in-query', 'kept-in-request', 'kept-in-answer'];
/** Of the last request: those before it are counted by then. */
const TUNNEL_DURATION = /http_client_request_duration.*http_response_status_code="101"/;
const METRICS_TIMEOUT_MS = 30_000;
const METRICS_POLL_MS = 100;

const scene = new Scene();
const backends: Server[] = [];
let port: number;
let telemetryPort: number;

function site(ports: Record<'front' | 'api' | 'failing' | 'closed', number>): string {
  return `
upstream api { server 127.0.0.1:${ports.api}; keepalive 4; }
upstream flaky { server 127.0.0.1:${ports.failing} max_fails=0; server 127.0.0.1:${ports.api} backup; }
server {
  listen 127.0.0.1:${ports.front};
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  large_client_header_buffers 4 64k;
  gzip_types application/json;
  gzip_min_length 1;
  location / { proxy_pass http://api; proxy_set_header Host $host; proxy_set_header Connection ""; }
  location /api/ { proxy_pass http://api/; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }
  location /compressed { gzip on; gzip_http_version 1.0; gzip_proxied any; proxy_pass http://api; }
  location /retry { proxy_pass http://flaky; proxy_next_upstream error http_503 non_idempotent; }
  location /error { proxy_pass http://127.0.0.1:${ports.failing}; }
  location /intercepted {
    proxy_pass http://127.0.0.1:${ports.failing};
    proxy_intercept_errors on;
    error_page 503 /sorry;
  }
  location = /sorry { internal; proxy_pass http://api; }
  location /guarded { auth_request /auth; proxy_pass http://api; }
  location = /auth { internal; proxy_pass http://api; proxy_pass_request_body off; proxy_set_header Content-Length ""; }
  location /missing { proxy_pass http://127.0.0.1:${ports.closed}; }
  location /tunnel { proxy_pass http://api; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection Upgrade; }
}`;
}

before(async () => {
  const ports = await freePorts('front', 'api', 'failing', 'closed', 'telemetry');
  port = ports.front;
  telemetryPort = ports.telemetry;
  backends.push(await startBackend(ports.api, 200), await startBackend(ports.failing, 503));
  await scene.nginx(ports.front, site(ports));
});

after(async () => {
  for (const backend of backends) backend.closeAllConnections();
  for (const backend of backends) backend.close();
  await scene.close();
});

function outputsOf(program: Program): Output[] {
  const { stdout, stderr } = program;
  return [
    { name: 'stdout', text: stdout },
    { name: 'bodies on stdout', text: readable(Buffer.from(stdout)) },
    { name: 'stderr', text: stderr },
  ];
}

/** What /metrics says once it says this: exchanges are counted some time after they happened. */
async function metricsWith(pattern: RegExp): Promise<string> {
  for (const endMs = performance.now() + METRICS_TIMEOUT_MS; ; await setTimeout(METRICS_POLL_MS)) {
    const text = await (await fetch(`http://127.0.0.1:${telemetryPort}/metrics`)).text();
    if (pattern.test(text) || performance.now() > endMs) return text;
  }
}

function expectNoLeak(outputs: readonly Output[], secrets: readonly string[]): void {
  assert.deepEqual(leaksOf(outputs, secrets), []);
}

describe('secrets', () => {
  test('are in a recording, which is what this test would see of a leak', async () => {
    const file = join(scene.folder, 'recording');
    const recorder = new Program('recorder', process.execPath, [
      ...[MAIN, 'record', file, ...scene.processFlags],
      ...['--seconds', '60', '--bytes-max', '50000000'],
    ]);
    await recorder.line(/watching/);
    await ask(port, true);
    await recorder.stop();
    const text = readFileSync(file, 'latin1');
    // Encoded, or beyond what is copied.
    const hidden = [
      ...['json-gzip', 'json-brotli', 'json-zstd', 'answer-gzip', 'answer-long', 'late-header'].map(
        canary,
      ),
    ];
    hidden.push(CARDS.escapedPath, CARDS.escapedJson);
    const all = [...NAMED, ...ADDRESSES, ...PATTERNS];
    const missing = all.filter((each) => !text.includes(each) && !hidden.includes(each));
    assert.deepEqual(missing, []);
    expectNoLeak(outputsOf(recorder), [...NAMED, ...ADDRESSES, ...PATTERNS]);
  });

  test('are in no span, tree, record, body, log or summary', async () => {
    const objects = join(scene.folder, 'objects');
    mkdirSync(objects);
    const config = configOf(`{ type: file, directory: ${objects} }`, telemetryPort, true);
    await scene.watch({
      flags: ['--config', scene.writeFile('qtap.yaml', config)],
      env: { OTEL_TRACES_EXPORTER: 'otlp,console' },
    });
    const count = await ask(port, true);
    await tunnel(port, `/tunnel?token=${canary('query-custom')}`, canary('custom-header'));
    const { agent, collector } = scene;
    const metrics = await metricsWith(TUNNEL_DURATION);
    const counters = await scene.stopAgent();
    await collector.stop();
    const files = filesBelow(objects);
    const spans = collector.lines().join('\n');
    const summary = JSON.stringify(counters);
    const outputs = [
      ...files,
      ...outputsOf(agent.program),
      { name: 'spans', text: readable(Buffer.from(spans)) },
      { name: 'summary', text: summary },
      { name: 'metrics', text: metrics },
    ];
    expectNoLeak(outputs, [...NAMED, ...ADDRESSES, ...PATTERNS]);
    for (const kept of KEPT) {
      assert.ok(
        files.some(({ text }) => text.includes(kept)),
        `${kept} in records`,
      );
    }
    assert.match(spans, /kept-in-tracestate/);
    assert.match(metrics, TUNNEL_DURATION);
    assert.match(metrics, /http_client_request_duration.*server_address="shop\.example"/);
    assert.match(agent.program.stdout, /GET \/headers/, 'trees');
    assert.match(agent.program.stdout, /"msg":"HTTP transaction"/, 'access logs');
    assert.match(agent.program.stdout, /"l7Protocol":"http1"/, 'connection events');
    const records = files.filter(({ name }) => /\.(json|txt)$/.test(name));
    assert.ok(records.length >= count, `${records.length} records of ${count} requests`);
    assert.ok((counters['store.bodies_masked'] ?? 0) > 0);
  });

  test('are in nothing that is printed, and not in bodies that only their type gives away', async () => {
    const file = scene.writeFile('stdout.yaml', configOf('{ type: stdout }', telemetryPort, false));
    const agent = await startAgent({
      folder: scene.folder,
      flags: [...scene.processFlags, '--config', file],
      env: { OTEL_TRACES_EXPORTER: 'none' },
    });
    const count = await ask(port, false);
    await agent.stop();
    expectNoLeak(outputsOf(agent.program), [...NAMED, ...ADDRESSES]);
    const { stdout } = agent.program;
    const texts = stdout.match(/^=== HTTP Transaction ===$/gm)?.length ?? 0;
    const lines = stdout.match(/^\{"metadata"/gm)?.length ?? 0;
    assert.ok(texts >= count / 2 && lines >= count / 2, `${texts} texts, ${lines} lines`);
    for (const kept of KEPT) assert.ok(readable(Buffer.from(stdout)).includes(kept), kept);
  });

  test('of the defaults are in no span, without rules and without a store', async () => {
    const folder = join(scene.folder, 'defaults');
    mkdirSync(folder);
    const collector = await startCollector(folder);
    const file = scene.writeFile(
      'details.yaml',
      '{ capture: { level: details }, otel: { spool: { enabled: false } } }',
    );
    const flags = [...scene.processFlags, '--config', file];
    const env = { OTEL_TRACES_EXPORTER: 'otlp,console' };
    const agent = await startAgent({ folder, collector, flags, env });
    await ask(port, false);
    await agent.stop();
    await collector.stop();
    const spans = collector.lines().join('\n');
    const outputs = [
      ...outputsOf(agent.program),
      { name: 'spans', text: readable(Buffer.from(spans)) },
    ];
    expectNoLeak(outputs, DEFAULT_PLACES.map(canary));
    assert.match(spans, /http\.request\.header\.x-kept/);
  });
});
