import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createVerdict, evaluate } from '../../src/rules/sets/rule-set.ts';
import { ruleSetOf, sourceOf } from './rules.ts';

test('rules without an engine pattern allocate nothing', () => {
  const set = ruleSetOf([
    { expr: 'http.req.path == "/health" and http.res.status == 200', level: 'none' },
    { expr: 'http.req.path matches /^\\/api\\/service-[a-z]\\//', level: 'summary' },
    { expr: 'http.req.headers.retry-after != ""', level: 'details' },
    { expr: 'http.req.url contains "dc2-" or http.res.duration_ms > 500', level: 'full' },
    { expr: 'dst.ip in 10.0.0.0/8 and direction == "ingress"', level: 'details' },
  ]);
  const source = sourceOf({ target: '/api/service-a/users?x=1', status: 503 });
  const verdict = createVerdict();
  const run = (count: number): void => {
    for (let i = 0; i < count; i++) {
      source.seek(0);
      evaluate(set, source, verdict);
    }
  };
  // Compiled code is made while this runs.
  run(200_000);
  let least = Number.POSITIVE_INFINITY;
  for (let window = 0; window < 20; window++) {
    const before = process.memoryUsage().heapUsed;
    run(5_000);
    const grown = process.memoryUsage().heapUsed - before;
    // Less after than before: the garbage collector ran in between.
    if (grown >= 0) least = Math.min(least, grown / 5_000);
  }
  assert.equal(verdict.level, 'details');
  assert.ok(least < 8, `${least} bytes per evaluation`);
});
