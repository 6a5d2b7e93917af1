import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TapConfig } from '../src/config/file/types.ts';
import { trafficOf } from '../src/traffic.ts';

const NOTHING = { level: 'summary', requestBody: false, responseBody: false } as const;
const COPIED = { ingress: NOTHING, egress: NOTHING };

function excludedBy(direction: TapConfig['direction'], ignoreLoopback = false): string {
  const tap = { direction, ignoreLoopback, auditIncludeDns: false };
  const { excluded } = trafficOf({
    tap,
    copied: COPIED,
    bodyBytesMax: 1000,
    reportsConnections: false,
  });
  return Object.entries(excluded)
    .filter(([, isExcluded]) => isExcluded)
    .map(([name]) => name)
    .join(' ');
}

test('a direction excludes all others', () => {
  assert.equal(excludedBy('all'), '');
  assert.equal(excludedBy('ingress'), 'egressInternal egressExternal');
  assert.equal(excludedBy('egress'), 'ingress');
  assert.equal(excludedBy('egress-internal'), 'ingress egressExternal');
  assert.equal(excludedBy('egress-external'), 'ingress egressInternal');
  assert.equal(excludedBy('all', true), 'loopback');
});

test('only bodies that something looks at are copied, and whole connections are on request', () => {
  const copied = {
    ingress: { level: 'full', requestBody: true, responseBody: false },
    egress: { level: 'none', requestBody: false, responseBody: true },
  } as const;
  const tap = { direction: 'all', ignoreLoopback: false, auditIncludeDns: true } as const;
  const traffic = trafficOf({ tap, copied, bodyBytesMax: 1000, reportsConnections: true });
  assert.deepEqual(traffic.bodyBytesMax, {
    ingress: { request: 1000, response: 0 },
    egress: { request: 0, response: 1000 },
  });
  assert.equal(traffic.reportsConnections, true);
  assert.equal(traffic.reportsDns, true);
});
