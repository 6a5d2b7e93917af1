/** docs/metrics.md names what is there, with the bounds that hold. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { limits } from '../../../src/config/limits.ts';
import { CLIENT, SERVER } from '../../../src/export/metrics/instruments.ts';
import { COUNTER_NAMES } from '../../../src/telemetry/counters.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const text = readFileSync(join(ROOT, 'docs', 'metrics.md'), 'utf8');

test('every metric is described with its unit', () => {
  for (const { name, unit } of [SERVER, CLIENT].flatMap((side) => Object.values(side))) {
    const line = text
      .split('\n')
      .find((each) => each.startsWith('|') && each.includes(`\`${name}\``));
    assert.ok(line?.includes(`\`${unit}\``), name);
  }
});

test('every counter that is named exists', () => {
  const named = [
    ...text.matchAll(/`(?:spantap)?\.?((?:metrics|lost|dropped|telemetry|link)\.[a-z_]+)`/g),
  ];
  const names = named.map(([, name]) => name).filter((name) => name !== 'telemetry.endpoint');
  assert.ok(names.length > 10);
  for (const name of names)
    assert.ok(
      COUNTER_NAMES.some((known) => known === name),
      name,
    );
});

test('bounds are those of the code', () => {
  for (const bound of [
    limits.metricServicesMax,
    limits.metricSeriesMax,
    limits.metricAllSeriesMax,
    limits.metricRequestPointsMax,
    limits.endpointConnectionsMax,
    limits.endpointRequestsMax,
  ]) {
    assert.match(text, new RegExp(`\\b${bound}\\b`));
  }
});
