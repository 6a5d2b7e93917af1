import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
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

  test('of a body whose length is not exact is told by its bytes alone', () => {
    const body = 'link.changed.response_body';
    const flags = FLAG.responseSizeInexact;
    const inexact = { flags, responseBodyBytes: 300_239 };
    assert.equal(changes(inexact, { responseBodyBytes: 300_007, flags })[body], undefined);
    assert.equal(changes(inexact, { responseBodyBytes: 300_000 })[body], undefined);
    assert.equal(changes(inexact, { responseBodyBytes: 300_239 })[body], undefined);
    assert.equal(changes(inexact, {})['link.changed.request_body'], false);
  });

  test('of a request body is told when the request had ended, whatever became of it', () => {
    const body = 'link.changed.request_body';
    const cut = { end: 'closed', requestEndNs: 5, requestBodyBytes: 5 } as const;
    assert.equal(changes(cut, { ...cut, requestBodyBytes: 6 })[body], true);
    assert.equal(changes(cut, { ...cut, requestEndNs: 0 })[body], undefined);
    assert.equal(
      changes({ ...cut, requestBodyBytes: 0 }, { end: 'reset', requestEndNs: 5 })[body],
      false,
    );
  });

  test('of a body that is not here is told by the digests of the whole', () => {
    const body = 'link.changed.request_body';
    const held = (text: string | null): Side => ({ kept: '', whole: text, isHeld: true });
    const here = (kept: string, whole: string | null = null): Side => ({ kept, whole });
    assert.equal(withSides(held('abcde'), held('abcde'))[body], false);
    assert.equal(withSides(held('abcde'), held('abcdX'))[body], true);
    assert.equal(withSides(held('abcde'), held(null))[body], undefined);
    assert.equal(withSides(held('abcde'), here('abcde'))[body], false);
    assert.equal(withSides(here('abcdX'), held('abcde'))[body], true);
    assert.equal(withSides(held('abcde'), here('abc'))[body], undefined);
    assert.equal(withSides(here('abc', 'abcde'), here('abcde'))[body], false);
    assert.equal(withSides(here('abc', 'abcde'), here('abc', 'abcdX'))[body], true);
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
  return withSides({ kept: ingress, whole: null }, { kept: egress, whole: null });
}

interface Side {
  readonly kept: string;
  /** What its digest is of; null: none is known. */
  readonly whole: string | null;
  readonly isHeld?: boolean;
}

function withSides(ingress: Side, egress: Side): Facts {
  const batch = hopOf({ requestBodyBytes: 5 }, { requestBodyBytes: 5 });
  let bytes = Buffer.from(batch.bytes);
  const put = (more: Buffer): number => {
    bytes = Buffer.concat([bytes, more]);
    return bytes.length - more.length;
  };
  for (const [index, { kept, whole, isHeld }] of [ingress, egress].entries()) {
    const row = (index + 1) * U32_COLUMNS;
    batch.u32[row + U32.requestBodyOffset] = put(Buffer.from(kept));
    batch.u32[row + U32.requestBodyKeptBytes] = isHeld === true ? 5 : kept.length;
    batch.u32[row + U32.requestBodyHeld] = isHeld === true ? 7 : 0;
    if (whole === null) continue;
    batch.u32[row + U32.requestBodyDigestOffset] = put(createHash('sha256').update(whole).digest());
  }
  return changesOf({ ...batch, bytes: new Uint8Array(bytes) }, 1);
}
