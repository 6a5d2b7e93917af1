import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FLAG, U32, U32_COLUMNS } from '../../../src/handoff/layout.ts';
import { changesOf } from '../../../src/rules/changes/facts.ts';
import { ExchangeSource } from '../../../src/rules/fields/exchange-source.ts';
import type { Facts } from '../../../src/rules/fields/facts.ts';
import { TRUE } from '../../../src/rules/types.ts';
import { type Row, toBatch } from '../../export/rows.ts';
import { expressionOf, factSource } from '../rules.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n';

function hopOf(ingress: Row, ...egress: readonly Row[]) {
  return toBatch([
    { hop: 0 },
    { hop: 1, responseHead: ok, ...ingress },
    ...egress.map((row): Row => ({ hop: 1, client: true, responseHead: ok, ...row })),
    { hop: 2 },
  ]);
}

function changes(ingress: Row, ...egress: readonly Row[]): Facts {
  return changesOf(hopOf(ingress, ...egress), 1);
}

describe('what a proxy changed', () => {
  test('is nothing when it passed everything on', () => {
    assert.deepEqual(changes({}, {}), {
      'link.changed.method': false,
      'link.changed.path': false,
      'link.changed.query': false,
      'link.changed.host': false,
      'link.changed.status': false,
      'link.added.headers': [],
      'link.removed.headers': [],
      'link.changed.headers': [],
      'link.added.response_headers': [],
      'link.removed.response_headers': [],
      'link.changed.response_headers': [],
      'link.changed.request_body': false,
      'link.changed.response_body': false,
    });
  });

  test('is told for target, host, headers and status', () => {
    const facts = changes(
      {
        target: '/api/users?a=1',
        headers: [
          ['Host', 'shop.example'],
          ['Upgrade', 'websocket'],
          ['Accept', 'a'],
          ['X', '1'],
        ],
        status: 502,
        responseHead: 'HTTP/1.1 502 No\r\nVia: proxy\r\nContent-Type: text/html\r\n\r\n',
      },
      {
        method: 'POST',
        target: '/users',
        headers: [
          ['host', 'backend:9001'],
          ['accept', 'a'],
          ['x', '1'],
          ['X', '2'],
          ['X-Forwarded-For', 'c'],
        ],
        status: 500,
        responseHead: 'HTTP/1.1 500 No\r\ncontent-type: text/plain\r\nServer: b\r\n\r\n',
      },
    );
    assert.equal(facts['link.changed.method'], true);
    assert.equal(facts['link.changed.path'], true);
    assert.equal(facts['link.changed.query'], true);
    assert.equal(facts['link.changed.host'], true);
    assert.equal(facts['link.changed.status'], true);
    assert.deepEqual(facts['link.added.headers'], ['x-forwarded-for']);
    assert.deepEqual(facts['link.removed.headers'], ['upgrade']);
    assert.deepEqual(facts['link.changed.headers'], ['x']);
    assert.deepEqual(facts['link.added.response_headers'], ['via']);
    assert.deepEqual(facts['link.removed.response_headers'], ['server']);
    assert.deepEqual(facts['link.changed.response_headers'], ['content-type']);
  });

  test('is not told for heads that were cut, statuses and hosts that were not seen', () => {
    const facts = changes({ head: 'GET / HTTP/1.1\r\nAccept: a' }, { status: 0, responseHead: '' });
    assert.equal(facts['link.changed.path'], false);
    assert.equal(facts['link.removed.headers'], undefined);
    assert.equal(facts['link.added.response_headers'], undefined);
    assert.equal(facts['link.changed.status'], undefined);
    assert.equal(facts['link.changed.host'], undefined);
  });

  test('of a body is told by length and bytes, and not where bytes were not seen', () => {
    const body = 'link.changed.request_body';
    assert.equal(changes({ requestBodyBytes: 5 }, { requestBodyBytes: 6 })[body], true);
    assert.equal(changes({ requestBodyBytes: 5 }, { requestBodyBytes: 5 })[body], undefined);
    assert.equal(changes({ requestBodyBytes: 5, flags: FLAG.loss }, {})[body], undefined);
    assert.equal(changes({ requestBodyBytes: 5 }, { end: 'closed' })[body], undefined);
    assert.equal(withBodies('abcde', 'abcde')[body], false);
    assert.equal(withBodies('abcde', 'abcdX')[body], true);
    assert.equal(withBodies('abc', 'abcde')[body], undefined);
    assert.equal(withBodies('abX', 'abcde')[body], true);
  });

  test('is compared with the last attempt, and for each egress with its ingress', () => {
    const batch = hopOf(
      { target: '/a' },
      { target: '/b' },
      { target: '/a', resendCount: 1 },
      { target: '/auth', flags: FLAG.subrequest },
    );
    const paths = [0, 1, 2, 3, 4, 5].map((row) => changesOf(batch, row)['link.changed.path']);
    assert.deepEqual(paths, [undefined, false, true, false, undefined, undefined]);
  });

  test('is not told of a program that asks several things for one request', () => {
    const batch = hopOf({}, { target: '/a' }, { target: '/b' });
    assert.deepEqual(
      [1, 2, 3].map((row) => changesOf(batch, row)),
      [{}, {}, {}],
    );
    assert.deepEqual(changesOf(hopOf({}), 1), {});
  });

  test('is asked for by rules', () => {
    const batch = hopOf(
      {
        headers: [
          ['Host', 'a'],
          ['Upgrade', 'websocket'],
        ],
      },
      { headers: [['Host', 'a']] },
    );
    const source = new ExchangeSource({ ...factSource(), link: changesOf });
    source.open(batch);
    source.seek(1);
    const { test: matches } = expressionOf('link.removed.headers contains "upgrade"');
    assert.equal(matches(source), TRUE);
  });
});

/** Five bytes long on both sides, of which these were kept. */
function withBodies(ingress: string, egress: string): Facts {
  const batch = hopOf({ requestBodyBytes: 5 }, { requestBodyBytes: 5 });
  const bytes = Buffer.concat([batch.bytes, Buffer.from(ingress), Buffer.from(egress)]);
  const at = batch.bytes.length;
  const place = (row: number, start: number, length: number): void => {
    batch.u32[row * U32_COLUMNS + U32.requestBodyOffset] = start;
    batch.u32[row * U32_COLUMNS + U32.requestBodyKeptBytes] = length;
  };
  place(1, at, ingress.length);
  place(2, at + ingress.length, egress.length);
  return changesOf({ ...batch, bytes: new Uint8Array(bytes) }, 1);
}
