import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { limits } from '../../../src/config/limits.ts';
import { FLAG } from '../../../src/handoff/layout.ts';
import { ChangeReports } from '../../../src/rules/changes/report.ts';
import { compileRedaction } from '../../../src/rules/redaction/redaction.ts';
import type { RedactionRule } from '../../../src/rules/redaction/types.ts';
import { Counters } from '../../../src/telemetry/counters.ts';
import { type Row, toBatch } from '../../export/rows.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n';

function read(rows: readonly Row[], rules: readonly RedactionRule[] = []) {
  const compiled = compileRedaction(rules, { hashKey: Buffer.from('key') });
  assert.ok(compiled.ok);
  const counters = new Counters();
  const reports = new ChangeReports(compiled.redaction, counters);
  const batch = toBatch(rows.map((row) => ({ responseHead: ok, ...row })));
  return { reports: reports.read(batch, () => true), counters };
}

/** Of the ingress of a hop with these rows. */
function report(ingress: Row, egress: Row | readonly Row[], rules: readonly RedactionRule[] = []) {
  const rows = [egress].flat().map((row): Row => ({ hop: 1, client: true, ...row }));
  const [first] = read([{ hop: 1, ...ingress }, ...rows], rules).reports;
  assert.ok(first);
  return first;
}

const path = (from: string, to: string) => report({ target: from }, { target: to }).record.request;

describe('the report of what a proxy changed', () => {
  test('says that nothing did', () => {
    const { record, lines } = report({ ownNs: 512_345 }, {});
    assert.deepEqual(record, { own_ms: 0.512, request: {}, response: {} });
    assert.deepEqual(lines, ['Own Time: 0.512ms', 'Nothing']);
  });

  test('has both sides of everything that differs', () => {
    const { record, lines } = report(
      {
        target: '/api/users?a=1',
        headers: [
          ['Host', 'shop.example'],
          ['Upgrade', 'websocket'],
          ['Connection', 'keep-alive'],
        ],
        status: 502,
        responseHead: 'HTTP/1.1 502 No\r\nVia: proxy\r\n\r\n',
        requestBodyBytes: 5,
      },
      {
        method: 'POST',
        target: '/users',
        headers: [
          ['Host', 'backend:9001'],
          ['connection', 'close'],
          ['X-Forwarded-For', '10.0.0.1'],
          ['X-Forwarded-For', '10.0.0.2'],
        ],
        status: 500,
        responseHead: 'HTTP/1.1 500 No\r\nServer: b\r\n\r\n',
        requestBodyBytes: 7,
      },
    );
    assert.deepEqual(record, {
      request: {
        method: { from: 'GET', to: 'POST' },
        path: { from: '/api/users', to: '/users', prefix_stripped: '/api' },
        query: { from: '?a=1', to: '' },
        host: { from: 'shop.example', to: 'backend:9001' },
        headers: {
          added: [
            ['X-Forwarded-For', '10.0.0.1'],
            ['X-Forwarded-For', '10.0.0.2'],
          ],
          removed: [['Upgrade', 'websocket']],
          changed: [{ name: 'connection', from: ['keep-alive'], to: ['close'] }],
        },
        body: { from_bytes: 5, to_bytes: 7 },
      },
      response: {
        status: { from: 500, to: 502 },
        headers: { added: [['Via', 'proxy']], removed: [['Server', 'b']] },
      },
    });
    assert.deepEqual(lines, [
      'Method: GET → POST',
      'Path: /api/users → /users (prefix /api stripped)',
      'Query: ?a=1 → none',
      'Host: shop.example → backend:9001',
      'Request Header Added: X-Forwarded-For: 10.0.0.1',
      'Request Header Added: X-Forwarded-For: 10.0.0.2',
      'Request Header Removed: Upgrade: websocket',
      'Request Header Changed: connection: keep-alive → close',
      'Request Body: 5 bytes → 7 bytes',
      'Status: 500 → 502',
      'Response Header Added: Via: proxy',
      'Response Header Removed: Server: b',
    ]);
  });

  test('names the prefix that was stripped or added', () => {
    assert.equal(path('/api/users', '/users')?.path?.prefix_stripped, '/api');
    assert.equal(path('/api/', '/')?.path?.prefix_stripped, '/api');
    assert.equal(path('/api', '/')?.path?.prefix_stripped, '/api');
    assert.equal(path('/users', '/v2/users')?.path?.prefix_added, '/v2');
    assert.equal(path('/', '/v2')?.path?.prefix_added, '/v2');
    assert.deepEqual(path('/a/users', '/b/users')?.path, { from: '/a/users', to: '/b/users' });
    assert.deepEqual(path('/users', 'sers')?.path, { from: '/users', to: 'sers' });
    assert.match(report({ target: '/a' }, { target: '/v/a' }).lines.join(), /prefix \/v added/);
  });

  test('says what is not known, and nothing about it', () => {
    const { record, lines } = report(
      { head: 'GET /cut', responseHead: '', status: 0, requestBodyBytes: 3 },
      { requestBodyBytes: 3 },
    );
    assert.deepEqual(record, {
      request: { unknown: ['line', 'host', 'headers', 'body'] },
      response: { unknown: ['status', 'headers'] },
    });
    assert.deepEqual(lines, [
      'Request Line: unknown, a head was cut or not seen',
      'Host: unknown, a head was cut or not seen',
      'Request Headers: unknown, a head was cut or not seen',
      'Request Body: unknown, not all bytes were seen',
      'Status: unknown, not both were seen',
      'Response Headers: unknown, a head was cut or not seen',
    ]);
    const lost = report({ flags: FLAG.loss }, {}).record;
    assert.deepEqual(lost.request, { unknown: ['body'] });
  });

  test('knows a folded header from one that was changed', () => {
    const folded = { head: 'GET / HTTP/1.1\r\nHost: a\r\nX: one\r\n  two\r\n\r\n' };
    const flat = { head: 'GET / HTTP/1.1\r\nHost: a\r\nX: one two\r\n\r\n' };
    assert.deepEqual(report(folded, flat).record.request, {});
  });

  test('lists attempts and subrequests and compares the last attempt', () => {
    const { record, lines } = report({}, [
      { target: '/auth', flags: FLAG.subrequest, status: 204, remote: ['10.0.0.1', 80] },
      { status: 503, remote: ['10.0.0.2', 80], spanId: '1111111111111111' },
      { status: 0, end: 'reset', resendCount: 1, responseHead: '' },
      { target: '/b', resendCount: 2, family: 1, remote: ['/run/api', 0], endNs: 1_001_500_000 },
    ]);
    assert.deepEqual(record.request?.path, { from: '/', to: '/b', prefix_added: '/b' });
    assert.deepEqual(
      record.egress?.map(({ role }) => role),
      ['subrequest', 'attempt', 'attempt', 'compared'],
    );
    assert.deepEqual(record.egress?.[1], {
      span_id: '1111111111111111',
      role: 'attempt',
      method: 'GET',
      target: '/',
      status: 503,
      end: 'complete',
      duration_ms: 2,
      server: '10.0.0.2:80',
    });
    assert.deepEqual(lines.slice(-4), [
      'Subrequest: GET /auth > 10.0.0.1:80 204 2ms',
      'Attempt: GET / > 10.0.0.2:80 503 2ms',
      'Attempt: GET / > 10.0.0.9:51234 none (reset) 2ms',
      'Compared: GET /b > /run/api 200 1.5ms',
    ]);
  });

  test('of an egress compares that egress', () => {
    const rows: Row[] = [
      { hop: 1, target: '/a' },
      { hop: 1, client: true, target: '/b' },
      { hop: 1, client: true, target: '/c', resendCount: 1 },
      { hop: 1, client: true, target: '/auth', flags: FLAG.subrequest },
    ];
    const paths = read(rows).reports.map((each) => each?.record.request?.path?.to);
    assert.deepEqual(paths, ['/c', '/b', '/c', undefined]);
    const roles = read(rows).reports.map((each) => each?.record.egress?.map(({ role }) => role));
    assert.deepEqual(roles[1], ['compared', 'attempt', 'subrequest']);
    assert.deepEqual(roles[3], ['attempt', 'attempt', 'subrequest']);
  });

  test('only lists the requests of a program that asks several things for one', () => {
    const { record, lines } = report({ ownNs: 1e6 }, [{ target: '/a' }, { target: '/b' }]);
    assert.deepEqual(Object.keys(record), ['own_ms', 'egress']);
    assert.deepEqual(lines.slice(1), [
      'Request: GET /a > 10.0.0.9:51234 200 2ms',
      'Request: GET /b > 10.0.0.9:51234 200 2ms',
    ]);
  });

  test('is not made of exchanges without a hop or without egress', () => {
    const { reports } = read([{}, { hop: 1 }, { client: true }]);
    assert.deepEqual(reports.filter(Boolean), []);
  });

  test('lists so many requests of a hop and counts where there were more', () => {
    const { reportedEgressMax } = limits;
    const egress = Array.from(
      { length: reportedEgressMax + 3 },
      (): Row => ({ hop: 1, client: true }),
    );
    const { reports, counters } = read([{ hop: 1 }, ...egress]);
    assert.equal(reports[0]?.record.egress?.length, reportedEgressMax);
    assert.equal(reports[0]?.record.egress_more, 3);
    assert.equal(reports[0]?.lines.at(-1), 'and 3 more requests');
    assert.equal(counters.get('truncated.reported_egress'), egress.length + 1);
  });
});

describe('values in the report', () => {
  const secret = (value: string): Row => ({
    target: `/c/1234-5678?sig=${value}`,
    headers: [
      ['Host', 'a'],
      ['Authorization', value],
      ['X-User', value],
      ['Referer', `http://joe:${value}@a/?sig=${value}`],
    ],
  });

  test('that differ are told to differ and are not shown', () => {
    const { record, lines } = report(secret('s3cr3t-one'), secret('s3cr3t-two'), [
      { type: 'header', name: 'x-user', action: 'drop' },
    ]);
    assert.deepEqual(record.request, {
      query: { from: '?sig=REDACTED', to: '?sig=REDACTED' },
      headers: {
        changed: [
          { name: 'Authorization', from: ['REDACTED'], to: ['REDACTED'] },
          {
            name: 'Referer',
            from: ['http://REDACTED@a/?sig=REDACTED'],
            to: ['http://REDACTED@a/?sig=REDACTED'],
          },
        ],
      },
    });
    assert.doesNotMatch(lines.join('\n'), /s3cr3t/);
  });

  test('are hashed so that different ones still differ', () => {
    const rules = [{ type: 'header', name: 'x-user', action: 'hash' }] as const;
    const { record } = report(secret('one'), secret('two'), rules);
    const user = record.request?.headers?.changed?.find(({ name }) => name === 'X-User');
    assert.match(String(user?.from), /^hash:[0-9a-f]{16}$/);
    assert.notDeepEqual(user?.from, user?.to);
  });

  test('in prefixes and lists of requests are cleaned', () => {
    const rules = [{ type: 'regex', pattern: '\\d{4}-\\d{4}', action: 'mask' }] as const;
    const { record, lines } = report(
      { target: '/1234-5678/users' },
      [
        { target: '/users?sig=1', status: 502 },
        { target: '/users?sig=1', resendCount: 1 },
      ],
      rules,
    );
    const { path: changed } = record.request ?? {};
    assert.equal(changed?.prefix_stripped, '/REDACTED');
    assert.equal(record.egress?.[0]?.target, '/users?sig=REDACTED');
    assert.doesNotMatch(lines.join('\n'), /\/1234|sig=1/);
  });

  test('are no prefix where a pattern finds more in the whole', () => {
    const rules = [{ type: 'regex', pattern: 'key/\\d+', action: 'mask' }] as const;
    const { record } = report({ target: '/key/1234' }, { target: '/1234' }, rules);
    assert.deepEqual(record.request?.path, { from: '/REDACTED', to: '/1234' });
  });
});
