import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, type TestContext, test } from 'node:test';
import { ConsoleExporter, type ConsoleLimits } from '../../src/export/console/console-exporter.ts';
import { SpanObjects } from '../../src/export/otlp/span-object.ts';
import { SpanDescriber } from '../../src/export/span.ts';
import { FLAG } from '../../src/handoff/layout.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { kept } from './decided.ts';
import { type Row, toBatch } from './rows.ts';
import { fixedClock, SUMMARY } from './stage.ts';

const NAMES = ['nginx', 'api', 'haproxy'];
const MS = 1e6;
const T = 1e12;

class Paper extends Writable {
  text = '';
  isStuck = false;

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    if (!this.isStuck) done();
  }
}

function create(options: Partial<ConsoleLimits & { isColoured: boolean }> = {}) {
  const counters = new Counters();
  const clock = fixedClock();
  const out = new Paper();
  const exporter = new ConsoleExporter({
    out,
    counters,
    clock,
    isColoured: options.isColoured ?? false,
    describer: new SpanDescriber(SUMMARY, clock, counters),
    objects: new SpanObjects(2_048, counters),
    resourceOf: (index) => ({ attributes: { 'service.name': NAMES[index] ?? '?' } }),
    limits: { tracesMax: options.tracesMax ?? 10, spansMax: options.spansMax ?? 100 },
  });
  return { exporter, out, counters };
}

const id = (number: number): string => number.toString(16).padStart(16, '0');

/** A retry behind nginx, and the two backends on the same host. */
const NGINX: Row[] = [
  {
    target: '/orders/42',
    hop: 1,
    spanId: id(1),
    startNs: T,
    endNs: T + 14.2 * MS,
    ownNs: 0.5 * MS,
    remote: ['127.0.0.1', 51_234],
  },
  {
    client: true,
    target: '/orders/42',
    status: 502,
    tier: 'exact.state',
    hop: 1,
    spanId: id(2),
    parentSpanId: id(1),
    startNs: T + 0.2 * MS,
    endNs: T + 3.3 * MS,
    remote: ['127.0.0.1', 9001],
  },
  {
    client: true,
    target: '/orders/42',
    resendCount: 1,
    tier: 'exact.state',
    hop: 1,
    spanId: id(3),
    parentSpanId: id(1),
    startNs: T + 3.4 * MS,
    endNs: T + 14 * MS,
    remote: ['127.0.0.1', 9002],
  },
];
const BACKENDS: Row[] = [[4, 2, 502, 0.3, 3.2] as const, [5, 3, 200, 3.5, 13.8] as const].map(
  ([span, parent, status, start, end]) => ({
    process: 1,
    target: '/orders/42',
    status,
    tier: 'local' as const,
    hop: span,
    spanId: id(span),
    parentSpanId: id(parent),
    startNs: T + start * MS,
    endNs: T + end * MS,
  }),
);

async function print(rows: Row[]): Promise<string> {
  const { exporter, out } = create();
  exporter.add(...kept(toBatch(rows)));
  await exporter.close(1_000);
  return out.text;
}

describe('a tree', () => {
  test('is drawn as the documentation shows it, from batches in any order', async () => {
    const { exporter, out, counters } = create();
    exporter.add(...kept(toBatch(BACKENDS)));
    exporter.add(...kept(toBatch(NGINX)));
    await exporter.close(1_000);
    assert.equal(
      out.text,
      `trace 0af76519… 5 spans, 14.2 ms
nginx      GET /orders/42   200  14.2 ms  (own 0.5 ms)   127.0.0.1:51234 > :8080
├─ nginx   GET /orders/42   502   3.1 ms  > 127.0.0.1:9001  exact.state  attempt 1
│  └─ api  GET /orders/42   502   2.9 ms  local hop
└─ nginx   GET /orders/42   200  10.6 ms  > 127.0.0.1:9002  exact.state  resend 1
   └─ api  GET /orders/42   200  10.3 ms  local hop

`,
    );
    assert.equal(counters.get('export.spans'), 5);
  });

  test('of one span, whose parent is elsewhere, stands alone', async () => {
    const row: Row = { parentSpanId: id(99), tier: 'traceparent', local: ['::1', 80], family: 6 };
    assert.equal(
      await print([{ ...row, remote: ['2001:db8::1', 5] }]),
      `trace 0af76519… 1 span, 2.0 ms
nginx  GET /   200  2.0 ms  traceparent   [2001:db8::1]:5 > :80

`,
    );
  });

  test('says what went wrong and what is special', async () => {
    const text = await print([
      { status: 0, end: 'reset', hop: 1, spanId: id(1), flags: FLAG.loss },
      {
        client: true,
        flags: FLAG.unlinked,
        hop: 0,
        spanId: id(2),
        target: 'http://h/x?sig=s3cret',
      },
      {
        client: true,
        flags: FLAG.subrequest | FLAG.requestTruncated,
        tier: 'exact.state',
        spanId: id(3),
      },
    ]);
    assert.match(text, / - .*connection_reset {2}lost/);
    assert.match(text, /GET \/x\?sig=REDACTED .*> 10\.0\.0\.9:51234 {2}unlinked/);
    assert.match(text, /exact\.state {2}subrequest {2}truncated/);
    assert.ok(!text.includes('s3cret'));
  });

  test('over Unix sockets shows their path', async () => {
    const text = await print([{ family: 1, local: ['/run/app.sock', 0], remote: ['', 0] }]);
    assert.match(text, /unix > \/run\/app\.sock/);
  });

  test('lets no byte of the wire steer the terminal, and shortens long targets', async () => {
    const text = await print([{ target: `/\u001b[2J${'x'.repeat(200)}` }]);
    assert.ok(!text.includes('\u001b'));
    assert.match(text, /GET \/\?\[2Jx+…/);
  });

  test('whose ids form a ring is printed all the same, each span once', async () => {
    const text = await print([
      { spanId: id(1), parentSpanId: id(2), target: '/one' },
      { spanId: id(2), parentSpanId: id(1), target: '/two' },
      { spanId: id(3), parentSpanId: id(3), target: '/three' },
    ]);
    for (const target of ['/one', '/two', '/three']) {
      assert.equal(text.split(`GET ${target} `).length, 2, target);
    }
  });

  test('has colours only when told', async () => {
    const { exporter, out } = create({ isColoured: true });
    exporter.add(...kept(toBatch([{ status: 500 }])));
    await exporter.close(1_000);
    assert.ok(out.text.includes('\u001b[31m500\u001b[0m'));
    assert.ok(!(await print([{ status: 500 }])).includes('\u001b'));
  });
});

/** Timers and performance.now move only when told. */
function mockTime(t: TestContext): (ms: number) => void {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let nowMs = 1_000;
  t.mock.method(performance, 'now', () => nowMs);
  return (ms) => {
    for (let passed = 0; passed < ms; passed += 10) {
      nowMs += 10;
      t.mock.timers.tick(10);
    }
  };
}

describe('a trace is printed', () => {
  test('when no span of it came for a moment', (t) => {
    const pass = mockTime(t);
    const { exporter, out } = create();
    exporter.add(...kept(toBatch(NGINX)));
    pass(200);
    exporter.add(...kept(toBatch(BACKENDS)));
    pass(250);
    assert.equal(out.text, '');
    pass(250);
    assert.match(out.text, /^trace 0af76519… 5 spans/);
  });

  test('after some patience even when spans keep coming', (t) => {
    const pass = mockTime(t);
    const { exporter, out } = create({ spansMax: 1_000 });
    for (let i = 0; i < 60; i++) {
      exporter.add(...kept(toBatch([{ spanId: id(i + 1) }])));
      pass(100);
    }
    assert.match(out.text, /^trace/);
  });
});

describe('what the console cannot hold is dropped and counted', () => {
  test('by spans, whole hops at a time', async () => {
    const { exporter, counters } = create({ spansMax: 4 });
    exporter.add(...kept(toBatch(NGINX)));
    exporter.add(...kept(toBatch(NGINX)));
    assert.equal(counters.get('dropped.console'), 3);
    await exporter.close(0);
    assert.equal(counters.get('export.spans'), 3);
  });

  test('by traces', async () => {
    const { exporter, counters } = create({ tracesMax: 2 });
    const traces = [1, 2, 3].map((n) => ({ traceId: n.toString().padStart(32, '0') }));
    exporter.add(...kept(toBatch(traces)));
    assert.equal(counters.get('dropped.console'), 1);
    await exporter.close(0);
  });

  test('when the reader of the output does not read', async () => {
    const { exporter, out, counters } = create({ spansMax: 100_000, tracesMax: 100_000 });
    out.isStuck = true;
    const many = Array.from({ length: 300 }, () => ({ target: `/${'x'.repeat(50)}` }));
    for (let i = 0; i < 50; i++) {
      exporter.add(...kept(toBatch(many)));
      await exporter.flush(0);
    }
    assert.ok(counters.get('dropped.console') > 0);
    assert.ok(out.writableLength < 2 * 1024 * 1024);
  });
});

test('what is not kept is not printed', async () => {
  const { exporter, out } = create();
  exporter.add(...kept(toBatch([{}]), { isKept: () => false }));
  await exporter.close(0);
  assert.equal(out.text, '');
});
