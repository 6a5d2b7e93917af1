import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { diag } from '@opentelemetry/api';
import { createLog, type LogOptions, routeDiagnostics } from '../../src/telemetry/log.ts';

function capture(options: LogOptions) {
  const lines: string[] = [];
  return { lines, log: createLog(options, { write: (line) => lines.push(line) }) };
}

describe('the log for people', () => {
  test('is one line a message with time and level', () => {
    const { lines, log } = capture({ level: 'info', encoding: 'console' });
    log.warn('collector is away');
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /^\d\d:\d\d:\d\d warn {2}collector is away\n$/);
  });

  test('lets no control character through', () => {
    const { lines, log } = capture({ level: 'info', encoding: 'console' });
    log.info('a\u001b[2Jb\r\nc');
    assert.match(lines[0] ?? '', / info {2}a \[2Jb c\n$/);
  });

  test('leaves out what is below its level', () => {
    const { lines, log } = capture({ level: 'warn', encoding: 'console' });
    log.info('quiet');
    log.debug('quieter');
    assert.deepEqual(lines, []);
  });

  test('says nothing when silent', () => {
    const { lines, log } = capture({ level: 'silent', encoding: 'console' });
    log.error('unheard');
    assert.deepEqual(lines, []);
  });
});

test('the log for machines is one JSON object a line', () => {
  const { lines, log } = capture({ level: 'debug', encoding: 'json' });
  log.debug('found "it"');
  const record = JSON.parse(lines[0] ?? '');
  assert.equal(record.msg, 'found "it"');
  assert.equal(record.name, 'spantap');
  assert.equal(record.level, 20);
});

test('warnings of the OpenTelemetry packages reach the log', (t) => {
  const { lines, log } = capture({ level: 'info', encoding: 'console' });
  routeDiagnostics(log);
  t.after(() => diag.disable());
  diag.warn('OTEL_X is wrong', new Error('very'));
  diag.info('chatter');
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /warn {2}OTEL_X is wrong very\n$/);
});
