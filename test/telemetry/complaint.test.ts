import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Complaint } from '../../src/telemetry/complaint.ts';
import { Lines } from '../store/options.ts';

function scene(t: TestContext) {
  let nowMs = 5_000;
  t.mock.method(performance, 'now', () => nowMs);
  const log = new Lines();
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { complaint: new Complaint(log), log, pass };
}

test('what fails is said once a minute, and that it is over once', (t) => {
  const { complaint, log, pass } = scene(t);
  for (let seconds = 0; seconds < 130; seconds++) {
    complaint.say(() => 'away');
    pass(1_000);
  }
  complaint.end('back');
  complaint.end('back');
  assert.deepEqual(log.lines, ['warn away', 'warn away', 'warn away', 'info back']);
});

test('what fails and works by turns is said once a minute, too', (t) => {
  const { complaint, log, pass } = scene(t);
  for (let seconds = 0; seconds < 90; seconds++) {
    complaint.say(() => 'away');
    complaint.end('back');
    pass(1_000);
  }
  assert.deepEqual(log.lines, ['warn away', 'info back', 'warn away', 'info back']);
});

test('that something is over is nothing to say when nobody heard that it was not', (t) => {
  const { complaint, log } = scene(t);
  complaint.end('back');
  assert.deepEqual(log.lines, []);
});
