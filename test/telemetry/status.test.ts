import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COUNTER_NAMES, Counters, DEFINITIONS } from '../../src/telemetry/counters.ts';
import { formatStatus, formatSummary } from '../../src/telemetry/status.ts';

test('a quiet agent says five noughts', () => {
  assert.equal(formatStatus(new Counters()), '0 spans, 0 lost, 0 dropped, 0 truncated, 0 unlinked');
});

test('what is missing is told by reason, largest first', () => {
  const counters = new Counters();
  counters.add('export.spans', 120);
  counters.add('dropped.rejected', 2);
  counters.add('dropped.export_queue', 7);
  counters.add('truncated.spans', 1);
  counters.add('lost.ring_full', 4);
  assert.equal(
    formatSummary(counters),
    'in all: 120 spans, 0 lost, 9 dropped (export_queue 7, rejected 2), 1 truncated (spans 1), ' +
      '0 unlinked, 4 kernel events lost',
  );
});

test('what waits on disk stands beside what was exported', () => {
  const counters = new Counters();
  counters.add('export.spans', 120);
  counters.add('export.spooled', 50);
  counters.add('export.unspooled', 20);
  const rest = '0 lost, 0 dropped, 0 truncated, 0 unlinked';
  assert.equal(formatStatus(counters), `120 spans, 30 waiting in the spool, ${rest}`);
});

test('what an earlier run left is named even when nothing waits any more', () => {
  const counters = new Counters();
  counters.add('export.spans', 120);
  for (const name of ['spooled', 'unspooled', 'spool_found'] as const) {
    counters.add(`export.${name}`, 20);
  }
  const first = '120 spans, 0 waiting in the spool (20 found there at the start), 0 lost';
  assert.ok(formatStatus(counters).startsWith(first));
});

test('what only explains is not summed', () => {
  const counters = new Counters();
  for (const name of COUNTER_NAMES) if (DEFINITIONS[name].fact === 'info') counters.add(name, 5);
  assert.match(formatStatus(counters), /^5 spans, .* 0 lost, 0 dropped, 0 truncated, 0 unlinked/);
});
