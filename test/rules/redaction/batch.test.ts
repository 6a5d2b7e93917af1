import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ExchangeView } from '../../../src/handoff/batch.ts';
import { headers } from '../../../src/handoff/head.ts';
import { KNOWN_HEADERS, SLOT } from '../../../src/handoff/known-headers.ts';
import type { ExchangeBatch } from '../../../src/handoff/layout.ts';
import { BatchRedaction } from '../../../src/rules/redaction/batch.ts';
import { compileRedaction } from '../../../src/rules/redaction/redaction.ts';
import type { RedactionRule } from '../../../src/rules/redaction/types.ts';
import { type Row, toBatch } from '../../export/rows.ts';

function redactionOf(rules: readonly RedactionRule[] = []): BatchRedaction {
  const compiled = compileRedaction(rules, { hashKey: Buffer.from('key') });
  assert.ok(compiled.ok);
  return new BatchRedaction(compiled.redaction);
}

function rowOf(batch: ExchangeBatch, row: number): ExchangeView {
  const view = new ExchangeView();
  view.open(batch);
  view.seek(row);
  return view;
}

/** Row 1 of three, redacted alone. */
function redact(row: Row, rules: readonly RedactionRule[] = []): ExchangeView {
  const batch = toBatch([{}, row, {}]);
  return rowOf(
    redactionOf(rules).apply(batch, (index) => index === 1),
    1,
  );
}

const mask = (name: string): RedactionRule => ({ type: 'header', name, action: 'mask' });

describe('a batch without secrets', () => {
  test('has new heads for the rows that are wanted', () => {
    const view = redact({
      target: '/a?sig=1',
      headers: [
        ['Host', 'shop'],
        ['Authorization', 'Bearer abc'],
      ],
      responseHead: 'HTTP/1.1 302 Found\r\nLocation: /b?sig=2\r\nSet-Cookie: id=3\r\n\r\n',
    });
    assert.equal(
      view.requestHead.toString(),
      'GET /a?sig=REDACTED HTTP/1.1\r\nHost: shop\r\nAuthorization: REDACTED\r\n\r\n',
    );
    assert.equal(
      view.responseHead.toString(),
      'HTTP/1.1 302 Found\r\nLocation: /b?sig=REDACTED\r\nSet-Cookie: REDACTED\r\n\r\n',
    );
  });

  test('leaves all other rows and columns as they were', () => {
    const rows: Row[] = [
      { target: '/0?sig=1', responseHead: 'HTTP/1.1 200 OK\r\nSet-Cookie: a\r\n\r\n' },
      { target: '/1', requestBody: 'body', remote: ['10.1.1.1', 5], responseBody: 'answer' },
      { target: '/2?sig=1' },
    ];
    const before = toBatch(rows);
    const batch = toBatch(rows);
    const visible = redactionOf().apply(batch, (index) => index === 1);
    for (const row of [0, 2]) {
      const [was, is] = [rowOf(before, row), rowOf(visible, row)];
      assert.deepEqual(is.requestHead, was.requestHead);
      assert.deepEqual(is.responseHead, was.responseHead);
      assert.equal(is.header(SLOT.host), was.header(SLOT.host));
    }
    const view = rowOf(visible, 1);
    assert.equal(view.requestBody.toString(), 'body');
    assert.equal(view.responseBody.toString(), 'answer');
    assert.equal(view.remoteAddress, '10.1.1.1');
    assert.deepEqual(visible.f64, before.f64);
  });

  test('is the same batch when no row is wanted', () => {
    const batch = toBatch([{}]);
    assert.equal(
      redactionOf().apply(batch, () => false),
      batch,
    );
  });

  test('has no head where none was seen', () => {
    const view = redact({ responseHead: '', status: 0 });
    assert.equal(view.responseHead.length, 0);
  });

  test('is made again and again, of batches of any size', () => {
    const redaction = redactionOf([mask('x-user')]);
    for (const count of [1, 300, 2]) {
      const rows = Array.from(
        { length: count },
        (_, n): Row => ({ target: `/${n}`, headers: [['X-User', `user ${n}`]] }),
      );
      const visible = redaction.apply(toBatch(rows), (row) => row % 2 === 0);
      for (let row = 0; row < count; row++) {
        const user = row % 2 === 0 ? 'REDACTED' : `user ${row}`;
        const expected = `GET /${row} HTTP/1.1\r\nX-User: ${user}\r\n\r\n`;
        assert.equal(rowOf(visible, row).requestHead.toString(), expected);
      }
    }
  });
});

describe('known headers of a batch without secrets', () => {
  const all: Row = {
    headers: KNOWN_HEADERS.map((name, n) => [name.toUpperCase(), `  value ${n} of ${name} `]),
  };

  test('point to the values in the new head', () => {
    const view = redact({ ...all, target: '/much/longer?sig=0123456789' });
    for (const [slot, name] of KNOWN_HEADERS.entries()) {
      assert.equal(view.header(slot), `value ${slot} of ${name}`);
    }
  });

  test('show what rules leave, and are absent where one says so', () => {
    const view = redact(all, [
      mask('host'),
      { type: 'header', name: 'x-forwarded-for', action: 'drop' },
      { type: 'header', name: 'user-agent', action: 'hash' },
      { type: 'regex', pattern: 'value 3', action: 'mask' },
    ]);
    assert.equal(view.header(SLOT.host), 'REDACTED');
    assert.equal(view.header(SLOT['x-forwarded-for']), undefined);
    assert.match(String(view.header(SLOT['user-agent'])), /^hash:[0-9a-f]{16}$/);
    assert.equal(view.header(SLOT['x-request-id']), 'REDACTED of x-request-id');
    assert.equal(view.header(SLOT.forwarded), 'value 6 of forwarded');
  });

  test('are those of this row, not of the one before', () => {
    const batch = toBatch([all, { headers: [] }]);
    const visible = redactionOf().apply(batch, () => true);
    const values = KNOWN_HEADERS.map((_, slot) => rowOf(visible, 1).header(slot));
    assert.deepEqual(new Set(values), new Set([undefined]));
  });

  test('may be folded, empty, or repeated: the first value counts', () => {
    const head = [
      'GET / HTTP/1.1',
      'Host:',
      'User-Agent: one\r\n two',
      'X-Request-Id: first',
      'X-Request-Id: second',
      '\r\n',
    ].join('\r\n');
    const view = redact({ head });
    assert.equal(view.header(SLOT.host) ?? '', '');
    assert.equal(view.header(SLOT['user-agent']), 'one two');
    assert.equal(view.header(SLOT['x-request-id']), 'first');
  });

  test('keep the context of a trace', () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const tracestate = 'vendor=a,ot=th:8';
    const view = redact({
      headers: [
        ['Authorization', 'a very long secret that becomes short'],
        ['Traceparent', traceparent],
        ['Tracestate', tracestate],
      ],
    });
    assert.equal(view.header(SLOT.traceparent), traceparent);
    assert.equal(view.header(SLOT.tracestate), tracestate);
    assert.deepEqual([...headers(view.requestHead)].length, 3);
  });
});
