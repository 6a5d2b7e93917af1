/**
 * Recorded traffic of real proxies through the real process into a receiver: every span that
 * arrives is complete by the rules of its kind.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import type { DecodedRequest, DecodedSpan, DecodedValue } from './decoder.ts';
import { HttpReceiver } from './receiver.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const SERVER = 2;
const CLIENT = 3;

const BOTH = ['http.request.method', 'network.protocol.version', 'network.transport'];
const REQUIRED: Readonly<Record<number, readonly string[]>> = {
  [SERVER]: [...BOTH, 'url.scheme', 'url.path'],
  [CLIENT]: [...BOTH, 'url.full', 'server.address'],
};

for (const file of globSync('test/replay/*.events', { cwd: ROOT })) {
  test(`${basename(file)} becomes spans that are complete`, async (t) => {
    const receiver = new HttpReceiver();
    t.after(() => receiver.close());
    const port = await receiver.listen();
    await replay(join(ROOT, file), `http://127.0.0.1:${port}`);
    const { requests } = receiver;
    const spans = requests.flatMap(withResource);
    assert.ok(spans.length > 20, `${spans.length} spans`);
    for (const { span, attributes } of spans) checkSpan(span, attributes);
    checkIds(spans.map(({ span }) => span));
    for (const request of requests) checkResources(request);
  });
}

async function replay(file: string, endpoint: string): Promise<void> {
  const child = spawn(process.execPath, [join(ROOT, 'src', 'main.ts'), 'replay', file], {
    env: { ...withoutOtel(), OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_METRICS_EXPORTER: 'none' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stderr: Buffer[] = [];
  child.stderr.on('data', (chunk) => stderr.push(chunk));
  child.stdout.resume();
  const [code] = await once(child, 'exit');
  assert.equal(code, 0, Buffer.concat(stderr).toString());
}

function withoutOtel(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(([name]) => !name.startsWith('OTEL_'));
  return Object.fromEntries(entries);
}

type Values = ReadonlyMap<string, DecodedValue>;

function withResource(request: DecodedRequest): { span: DecodedSpan; attributes: Values }[] {
  return request.resourceSpans.flatMap(({ scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        span,
        attributes: new Map(span.attributes.map(({ key, value }) => [key, value])),
      })),
    ),
  );
}

function checkSpan(span: DecodedSpan, attributes: Values): void {
  const names = [...attributes.keys()];
  const says = `${span.name}: ${names.join(' ')}`;
  assert.ok(span.kind === SERVER || span.kind === CLIENT);
  for (const name of REQUIRED[span.kind] ?? [])
    assert.ok(attributes.has(name), `${name} in ${says}`);
  assert.equal(names.length, span.attributes.length, `a key twice in ${says}`);
  assert.match(span.name, /^[A-Z]+$/);
  assert.ok(BigInt(span.endTimeUnixNano) >= BigInt(span.startTimeUnixNano));
  assert.equal(Buffer.from(span.traceId, 'base64').length, 16);
  assert.equal(Buffer.from(span.spanId, 'base64').length, 8);
  const status = Number(attributes.get('http.response.status_code')?.intValue ?? 0);
  const isFailed = status >= (span.kind === CLIENT ? 400 : 500);
  if (isFailed) assert.equal(attributes.get('error.type')?.stringValue, String(status));
}

function checkIds(spans: readonly DecodedSpan[]): void {
  const ids = new Map(spans.map((span) => [span.spanId, span]));
  assert.equal(ids.size, spans.length, 'an id twice');
  for (const span of spans) {
    const parent = ids.get(span.parentSpanId);
    if (parent === undefined) continue;
    assert.equal(parent.traceId, span.traceId);
    assert.notEqual(parent.kind, span.kind, 'SERVER and CLIENT take turns');
  }
}

function checkResources({ resourceSpans }: DecodedRequest): void {
  for (const { resource } of resourceSpans) {
    const names = resource.attributes.map(({ key }) => key);
    assert.ok(names.includes('service.name'), names.join(' '));
    assert.equal(new Set(names).size, names.length);
  }
}
