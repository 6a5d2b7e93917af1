/** docs/event-stores.md shows events as they are made. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectionEvent } from '../../../src/store/events/connection-event.ts';
import { jsonLine } from '../../../src/store/events/json-line.ts';
import { requestEvent } from '../../../src/store/events/request-event.ts';
import { DEFINITIONS } from '../../../src/telemetry/counters.ts';
import { inputOf, requestOf, responseOf } from '../record-inputs.ts';
import { ORIGIN, processOf, reportOf } from './events.ts';

const page = readFileSync(
  join(import.meta.dirname, '..', '..', '..', 'docs', 'event-stores.md'),
  'utf8',
);

/** The documented event; the text counts, so that the order of keys does. */
function documented(type: string): string {
  const found = new RegExp(`<!-- event ${type} -->\n\`\`\`json\n([^]*?)\`\`\``).exec(page);
  return JSON.stringify(JSON.parse(found?.[1] ?? ''));
}

test('the event of a connection', () => {
  const report = reportOf({ isFinal: true, part: 1, bytesReceived: 300, bytesSent: 900 });
  const event = connectionEvent(report, { process: processOf(), tags: { team: ['edge'] } }, ORIGIN);
  assert.equal(jsonLine(event).trimEnd(), documented('connection'));
});

test('the event of an exchange', () => {
  const headers = [
    ['User-Agent', 'curl/8'],
    ['X-Tenant', 'blue'],
  ] as const;
  const request = requestOf('GET', 'http://shop.test/cart?id=1', headers, { path: '/cart' });
  const response = responseOf(200, [['Content-Type', 'application/json']]);
  const input = inputOf(request, response, {
    connectionId: '7',
    endpointId: 'shop.test',
    requestId: 'r1',
    tags: ['env:prod'],
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
  });
  const event = requestEvent(input, { tags: ['team:edge'], headers: ['x-tenant'] });
  assert.equal(jsonLine(event).trimEnd(), documented('request'));
});

test('every counter that the page names exists', () => {
  const names = [...page.matchAll(/`(dropped\.\w+)`/g)].map(([, name = '']) => name);
  assert.ok(names.length > 8);
  assert.deepEqual(
    names.filter((name) => !(name in DEFINITIONS)),
    [],
  );
});
