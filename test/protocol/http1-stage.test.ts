import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Connection } from '../../src/capture/types.ts';
import { limits } from '../../src/config/limits.ts';
import { KNOWN_HEADERS, type KnownHeader, SLOT } from '../../src/handoff/known-headers.ts';
import { Http1Stage } from '../../src/protocol/http1/stage.ts';
import type { Exchange } from '../../src/protocol/types.ts';
import { keptOf, Outcome, play, playAll } from './outcome.ts';
import { Wire } from './wire.ts';

const GET = 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const CAUSE = {
  cause: 1,
  causeConnectionId: 42,
  causeReadPosition: 100,
  causeWritePosition: 200,
  causeToken: 4096,
};

function only(outcome: Outcome): Exchange {
  assert.equal(outcome.ended.length, 1, outcome.lines.join('\n'));
  return outcome.ended[0];
}

describe('a connection that is open when capture stops', () => {
  const stopped = (wire: Wire) => ({ ...wire.close(), isStillOpen: true });

  test('ends what waits for a response as detached', () => {
    const wire = new Wire().read(GET);
    assert.equal(only(play(wire, wire.events, stopped(wire))).end, 'detached');
  });

  test('ends it as lost when bytes of the response were lost', () => {
    const wire = new Wire().read(GET).write(OK);
    const exchange = only(play(wire, wire.events.slice(0, 1), stopped(wire)));
    assert.equal(exchange.end, 'lost');
    assert.ok(exchange.hasLoss);
  });

  test('tells how many exchanges were lost at its end', () => {
    const wire = new Wire().read(GET).write(OK).read(GET).write(OK).read(GET).write(OK);
    const outcome = play(wire, wire.events.slice(0, 2), stopped(wire));
    assert.deepEqual([outcome.ended.length, outcome.lostExchanges], [1, 2]);
  });
});

describe('times', () => {
  test('are those of the events that brought the first and last bytes', () => {
    const wire = new Wire()
      .read('P', { timeNs: 10 })
      .read('OST /a HTTP/1.1\r\nContent-Length: 4\r\n', { timeNs: 20 })
      .read('\r\nbo', { timeNs: 30 })
      .read('dy', { timeNs: 40 })
      .write('HTTP/1.1 103 Early Hints\r\n\r\n', { timeNs: 50 })
      .write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n', { timeNs: 60 })
      .write('okay', { timeNs: 70 });
    const exchange = only(playAll(wire));
    assert.equal(exchange.requestStartNs, 10);
    assert.equal(exchange.requestHeadNs, 30);
    assert.equal(exchange.requestEndNs, 40);
    assert.equal(exchange.responseStartNs, 60);
    assert.equal(exchange.endNs, 70);
  });

  test('of a body until close end with its last byte', () => {
    const wire = new Wire({ role: 'client' })
      .write(GET, { timeNs: 10 })
      .read('HTTP/1.1 200 OK\r\n\r\nbody', { timeNs: 20 })
      .read('more', { timeNs: 30 })
      .eof({ timeNs: 40 });
    assert.equal(only(playAll(wire)).endNs, 30);
  });

  test('of an exchange without response end with the connection', () => {
    const wire = new Wire().read(GET, { timeNs: 10 });
    const exchange = only(play(wire, wire.events, { ...wire.close(), timeNs: 99 }));
    assert.equal(exchange.end, 'closed');
    assert.equal(exchange.endNs, 99);
  });

  test('of a connection whose close nobody saw end with its last byte', () => {
    const wire = new Wire().read(GET, { timeNs: 10 }).write('HTTP/1.1 200 OK\r\n', { timeNs: 20 });
    const swept = { ...wire.close(), isLate: true, timeNs: 30_000_000_000 };
    assert.equal(only(play(wire, wire.events, swept)).endNs, 20);
  });
});

describe('positions', () => {
  test('count bytes of each direction from the start of the connection', () => {
    const request = 'POST /b HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc';
    const wire = new Wire()
      .read(GET)
      .write(OK)
      .read(`\r\n${request}`)
      .write(`HTTP/1.1 103 H\r\n\r\n${OK}`);
    const exchange = playAll(wire).ended[1];
    const interim = 'HTTP/1.1 103 H\r\n\r\n'.length;
    assert.equal(exchange.requestStartPosition, GET.length + 2);
    assert.equal(exchange.requestHeadEndPosition, GET.length + 2 + request.length - 3);
    assert.equal(exchange.responseStartPosition, OK.length + interim);
    assert.equal(exchange.responseEndPosition, 2 * OK.length + interim);
  });
});

describe('who moved the bytes', () => {
  test('is the thread and goroutine that brought the rest of the head', () => {
    const wire = new Wire()
      .read('G', { tid: 1, goroutine: 11 })
      .read(GET.slice(1), { tid: 2, goroutine: 22 })
      .write(OK, { tid: 3, goroutine: 33 });
    const exchange = only(playAll(wire));
    assert.deepEqual([exchange.tid, exchange.goroutine], [2, 22]);
  });

  test('program state comes from the event with the first byte', () => {
    const wire = new Wire({ role: 'client' })
      .write(GET.slice(0, 5), { cause: CAUSE })
      .write(GET.slice(5), { cause: { ...CAUSE, causeConnectionId: 43 } })
      .read(OK);
    assert.deepEqual(only(playAll(wire)).cause, {
      kind: 'nginx',
      connectionId: 42,
      readPosition: 100,
      writePosition: 200,
      token: 4096,
      isSubrequest: false,
      isAmbiguous: false,
      isNoIngress: false,
      isIngressExcluded: false,
    });
  });

  test('program state comes from the event that completes the head when the first has none', () => {
    const wire = new Wire({ role: 'client' })
      .write(GET.slice(0, 5))
      .write(GET.slice(5), { cause: { ...CAUSE, cause: 3, causeFlags: 7 } })
      .read(OK);
    const { cause } = only(playAll(wire));
    assert.equal(cause?.kind, 'go');
    assert.deepEqual(
      [cause?.isSubrequest, cause?.isAmbiguous, cause?.isNoIngress],
      [true, true, true],
    );
  });

  test('no program state is null', () => {
    assert.equal(only(playAll(new Wire().read(GET).write(OK))).cause, null);
  });
});

describe('heads', () => {
  const values: Record<KnownHeader, string> = {
    host: 'shop.example:8080',
    'user-agent': 'curl/8.0',
    'content-type': 'text/plain; charset=utf-8',
    'x-request-id': 'abc-123',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    tracestate: 'a=1,b=2',
    forwarded: 'for=192.0.2.1;proto=https',
    'x-forwarded-for': '192.0.2.1, 10.0.0.1',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'shop.example',
  };

  function requestWith(lines: readonly string[]): Exchange {
    const request = `GET /a HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
    return only(playAll(new Wire().read(request).write(OK)));
  }

  function knownOf({ request }: Exchange, name: KnownHeader): string | undefined {
    const start = request.known[2 * SLOT[name]];
    const end = request.known[2 * SLOT[name] + 1];
    return start === -1 ? undefined : request.bytes.toString('latin1', start, end);
  }

  test('are kept as sent', () => {
    const exchange = only(playAll(new Wire().read(`\r\n${GET}`).write(OK)));
    assert.equal(exchange.request.bytes.toString('latin1'), GET);
    assert.equal(exchange.response?.bytes.toString('latin1'), OK.slice(0, -2));
  });

  for (const [style, change] of [
    ['as documented', (name: string) => `${name}: `],
    ['in capitals', (name: string) => `${name.toUpperCase()}:`],
    ['with blanks', (name: string) => `${name}: \t `],
  ] as const) {
    test(`name where known headers lie, ${style}`, () => {
      const exchange = requestWith(KNOWN_HEADERS.map((name) => `${change(name)}${values[name]} `));
      for (const name of KNOWN_HEADERS) assert.equal(knownOf(exchange, name), values[name]);
      assert.equal(exchange.request.repeated, 0);
    });
  }

  test('name the first of repeated headers and tell that there are more', () => {
    const exchange = requestWith(['Traceparent: one', 'Host: a', 'traceparent: two']);
    assert.equal(knownOf(exchange, 'traceparent'), 'one');
    assert.equal(exchange.request.repeated, 1 << SLOT.traceparent);
    assert.equal(knownOf(exchange, 'user-agent'), undefined);
  });

  test('do not take longer or shorter names for known ones', () => {
    const names = KNOWN_HEADERS.flatMap((name) => [
      `${name}s: 1`,
      `${name.slice(0, -1)}: 1`,
      `x${name}: 1`,
    ]);
    const exchange = requestWith(names);
    for (const name of KNOWN_HEADERS) assert.equal(knownOf(exchange, name), undefined, name);
  });

  test('may lie at the very end of a buffer', () => {
    const wire = new Wire().read('GET /a HTTP/1.1\r\nTraceparent: x\r\n\r\n').write(OK);
    const outcome = new Outcome();
    const stage = new Http1Stage(outcome, { counters: outcome.counters });
    for (const event of wire.events)
      stage.data(wire.connection, { ...event, bytes: Buffer.from(event.bytes) });
    assert.equal(knownOf(only(outcome), 'traceparent'), 'x');
  });
});

describe('bodies', () => {
  const chunked =
    'POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n';

  test('are kept without their chunk framing', () => {
    const exchange = only(playAll(new Wire().read(chunked).write(OK), 100));
    assert.equal(keptOf(exchange.requestBody)?.toString(), 'abcdef');
    assert.equal(keptOf(exchange.responseBody)?.toString(), 'ok');
    assert.equal(exchange.isRequestTruncated, false);
  });

  test('are not kept unless asked for', () => {
    const exchange = only(playAll(new Wire().read(chunked).write(OK)));
    assert.equal(exchange.requestBody, null);
    assert.equal(exchange.requestBodyBytes, 6);
  });

  test('that were not copied are counted and marked', () => {
    const response = 'HTTP/1.1 200 OK\r\nContent-Length: 1005\r\n\r\nfirst';
    const wire = new Wire().read(GET).write(response).sendfile(1000);
    const outcome = playAll(wire, 2000);
    const exchange = only(outcome);
    assert.equal(keptOf(exchange.responseBody)?.toString(), 'first');
    assert.equal(exchange.responseBodyBytes, 1005);
    assert.equal(exchange.isResponseTruncated, true);
    assert.equal(outcome.count('truncated.body'), 1);
  });

  test('of exchanges that are cut off are kept as far as they came', () => {
    const wire = new Wire().read(GET).write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbegin');
    const exchange = only(playAll(wire, 100));
    assert.equal(exchange.end, 'closed');
    assert.equal(keptOf(exchange.responseBody)?.toString(), 'begin');
  });

  test('end where bytes were lost', () => {
    const wire = new Wire()
      .read(GET)
      .write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc')
      .write('def')
      .write('ghi');
    const exchange = only(play(wire, wire.events.toSpliced(2, 1), wire.close(), 100));
    assert.equal(keptOf(exchange.responseBody)?.toString(), 'abc');
    assert.equal(exchange.responseBodyBytes, 9);
    assert.deepEqual([exchange.end, exchange.hasLoss], ['complete', true]);
  });
});

describe('roles', () => {
  test('show in the bytes when the start of a connection was not seen', () => {
    for (const [side, first] of [
      ['server', 'request'],
      ['client', 'request'],
      ['server', 'response'],
      ['client', 'response'],
    ] as const) {
      const wire = new Wire({ role: 'unknown', side });
      if (first === 'response') wire.response('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
      wire.request(GET).response(OK);
      const outcome = playAll(wire);
      assert.deepEqual(outcome.lines, ['0 GET /a 200 complete response=2'], `${side} ${first}`);
      assert.equal(outcome.ended[0].role, side);
      assert.equal(outcome.ended[0].connection.role, side);
      assert.equal(outcome.count('dropped.unpaired'), first === 'response' ? 1 : 0);
    }
  });
});

describe('connections older than the agent', () => {
  const orphan = 'HTTP/1.1 200 OK\r\nX-Of: before\r\nContent-Length: 0\r\n\r\n';
  const reads = { tid: 2, goroutine: 2 };
  const writes = { tid: 1, goroutine: 1 };
  const client = { role: 'client', startSeen: false } as const;

  test('do not pair the request that may belong to the response before it', () => {
    const wire = new Wire(client)
      .read(orphan, { ...reads, timeNs: 1e9 })
      .write(GET, { ...writes, timeNs: 1e9 + 9e6 })
      .read(OK, { ...reads, timeNs: 1e9 + 12e6 });
    const outcome = playAll(wire);
    assert.deepEqual(outcome.lines, []);
    assert.equal(outcome.count('dropped.unpaired'), 2);
  });

  test('pair again with a request that was recorded much later', () => {
    const wire = new Wire(client)
      .read(orphan, { ...reads, timeNs: 1e9 })
      .write(GET, { ...writes, timeNs: 1e9 + 11e6 })
      .read(OK, { ...reads, timeNs: 1e9 + 12e6 });
    const outcome = playAll(wire);
    assert.deepEqual(outcome.lines, ['0 GET /a 200 complete response=2']);
    assert.equal(outcome.count('dropped.unpaired'), 1);
  });

  test('pair at once when one thread reads the response and writes the next request', () => {
    const wire = new Wire(client)
      .read(orphan, { ...reads, timeNs: 1e9 })
      .write(GET, { tid: 2, goroutine: 1, timeNs: 1e9 + 1e5 })
      .read(OK, { ...reads, timeNs: 1e9 + 2e5 });
    assert.deepEqual(playAll(wire).lines, ['0 GET /a 200 complete response=2']);
  });

  test('wait for a request that is not in the middle of a body', () => {
    const wire = new Wire({ role: 'server', startSeen: false })
      .read('rest of an upload')
      .read('GET /smuggled HTTP/1.1\r\n\r\n')
      .write(OK)
      .read(GET)
      .write(OK);
    const outcome = playAll(wire);
    assert.deepEqual(outcome.lines, ['0 GET /a 200 complete response=2']);
  });
});

describe('losses', () => {
  test('of whole exchanges are told by number, and ordinals go on', () => {
    const wire = new Wire();
    for (let index = 1; index <= 6; index++) wire.read(GET.replace('/a', `/${index}`)).write(OK);
    const outcome = play(wire, wire.events.toSpliced(2, 6), wire.close());
    assert.deepEqual(outcome.lines, [
      '1 GET /1 200 complete response=2',
      '5 GET /5 200 complete response=2',
      '6 GET /6 200 complete response=2',
    ]);
    assert.equal(outcome.lostExchanges, 3);
  });

  test('leave ordinals unknown when turns do not count plainly', () => {
    const wire = new Wire().read('PUT /0 HTTP/1.1\r\nContent-Length: 1\r\n\r\n');
    wire.write('HTTP/1.1 100 Continue\r\n\r\n').read('x').write(OK);
    for (let index = 1; index <= 3; index++) wire.read(GET.replace('/a', `/${index}`)).write(OK);
    const outcome = play(wire, wire.events.toSpliced(4, 4), wire.close());
    assert.deepEqual(outcome.lines, [
      '1 PUT /0 200 complete request=1 response=2 interim=1',
      '0 GET /3 200 complete response=2',
    ]);
    assert.equal(outcome.lostExchanges, 2);
  });

  test('at the end of a connection are told when it closes', () => {
    const wire = new Wire();
    for (let index = 1; index <= 4; index++) wire.read(GET.replace('/a', `/${index}`)).write(OK);
    const outcome = play(wire, wire.events.slice(0, 3), wire.close());
    assert.deepEqual(outcome.lines, ['1 GET /1 200 complete response=2', '2 GET /2 0 lost loss']);
    assert.equal(outcome.lostExchanges, 2);
  });

  test('of everything are told when the connection closes', () => {
    const wire = new Wire().read(GET).write(OK).read(GET).write(OK);
    assert.equal(play(wire, [], wire.close()).lostExchanges, 2);
  });

  test('are not assumed when nobody saw how a connection ended', () => {
    const wire = new Wire().read(GET).write(OK).read(GET);
    const close = { ...wire.close(), readPosition: -1, writePosition: -1, turns: -1 };
    const outcome = play(wire, wire.events.slice(0, 2), close);
    assert.deepEqual(outcome.lines, ['1 GET /a 200 complete response=2']);
    assert.equal(outcome.lostExchanges, 0);
  });

  test('of a response leave its exchange marked and the next one whole', () => {
    const wire = new Wire({ role: 'client' })
      .write(GET)
      .read(OK)
      .write(GET.replace('/a', '/b'))
      .read(OK);
    const outcome = play(wire, wire.events.toSpliced(1, 1), wire.close());
    assert.deepEqual(outcome.lines, ['1 GET /a 0 lost loss', '2 GET /b 200 complete response=2']);
  });

  test('of bytes that come after all are counted as late', () => {
    const wire = new Wire().read(GET).write(OK).read(GET.replace('/a', '/b')).write(OK);
    const [first, second, third, fourth] = wire.events;
    const outcome = play(wire, [first, third, second, fourth], wire.close());
    assert.equal(outcome.count('protocol.late_events'), 0, 'directions are independent');
    const late = play(wire, [third, second, first, fourth], wire.close());
    assert.equal(late.count('protocol.late_events'), 1);
    assert.equal(late.accounted, 2);
  });
});

describe('the end of a connection', () => {
  test('by error ends what is open as reset', () => {
    const wire = new Wire()
      .read(GET)
      .write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab')
      .error(32, true);
    assert.deepEqual(playAll(wire).lines, ['1 GET /a 200 reset response=2']);
  });

  test('a failed send of a client may still be answered', () => {
    const wire = new Wire({ role: 'client' })
      .write('POST /a HTTP/1.1\r\nContent-Length: 9\r\n\r\nab')
      .error(32, true)
      .read('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n');
    assert.deepEqual(playAll(wire).lines, ['1 POST /a 413 complete request=2']);
  });

  test('the end of the requests does not end the responses', () => {
    const wire = new Wire().read(GET).eof().write(OK);
    assert.deepEqual(playAll(wire).lines, ['1 GET /a 200 complete response=2']);
  });

  test('in the middle of a head leaves no exchange', () => {
    const wire = new Wire().read('GET /a HTTP/1.1\r\nHo');
    const outcome = playAll(wire);
    assert.deepEqual(outcome.lines, []);
    assert.equal(outcome.count('protocol.incomplete_heads'), 1);
    assert.equal(outcome.accounted, 0);
  });

  test('in the middle of a head that the server answered leaves one', () => {
    const wire = new Wire()
      .read('GET /a HTTP/1.1\r\nHo')
      .write('HTTP/1.1 408 Timeout\r\nContent-Length: 0\r\n\r\n');
    assert.deepEqual(playAll(wire).lines, [
      '1 GET /a 408 complete request-truncated request-size-inexact',
    ]);
  });

  test('of the agent ends what is open as detached', () => {
    const outcome = new Outcome();
    const stage = new Http1Stage(outcome, { counters: outcome.counters });
    const wire = new Wire().read(GET);
    const { connection } = wire;
    stage.open(connection, 0);
    for (const event of wire.events) stage.data(connection, event);
    stage.finish(77);
    assert.deepEqual(outcome.lines, ['1 GET /a 0 detached']);
    assert.equal(outcome.ended[0].endNs, 77);
  });

  test('data of a connection whose open was lost is left alone', () => {
    const outcome = new Outcome();
    const stage = new Http1Stage(outcome, { counters: outcome.counters });
    for (const event of new Wire().read(GET).events) stage.data(undefined, event);
    assert.equal(outcome.begun.length, 0);
  });
});

describe('tunnels', () => {
  test('are announced once, so that the kernel can leave the connection alone', () => {
    const wire = new Wire()
      .read('CONNECT a:443 HTTP/1.1\r\n\r\n')
      .write('HTTP/1.1 200 OK\r\n\r\nab')
      .read('cdef')
      .sendfile(100);
    const outcome = playAll(wire);
    assert.deepEqual(
      outcome.ignored.map(({ id }: Connection) => id),
      [wire.connection.id],
    );
    assert.equal(outcome.count('protocol.tunnel_bytes'), 106);
    assert.deepEqual(outcome.lines, ['1 CONNECT a:443 200 tunnel']);
    assert.equal(outcome.lostExchanges, 0);
  });
});

describe('tunnels whose beginning was lost', () => {
  const upgrade = 'GET /up HTTP/1.1\r\nupgrade: echo\r\nConnection: upgrade\r\n\r\n';
  const switching = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\n';

  for (const role of ['server', 'client'] as const) {
    test(`are not read, also when they look like HTTP (${role})`, () => {
      const wire = new Wire({ role })
        .request(GET)
        .response(OK)
        .request(upgrade)
        .response(switching);
      wire.request(GET.replace('/a', '/inside')).response(OK).request(GET).response(OK);
      const withoutAnswer = play(wire, wire.events.toSpliced(3, 1), wire.close());
      assert.deepEqual(withoutAnswer.lines, [
        '1 GET /a 200 complete response=2',
        '2 GET /up 0 lost loss',
      ]);
      assert.equal(withoutAnswer.ignored.length, 1);
      const withoutRequest = play(wire, wire.events.toSpliced(2, 1), wire.close());
      assert.deepEqual(withoutRequest.lines, ['1 GET /a 200 complete response=2']);
      assert.equal(withoutRequest.lostExchanges, 1);
    });
  }

  test('are not counted as lost when the request was seen and refused', () => {
    const wire = new Wire().read(GET).write('HTTP/x\r\n\r\n');
    wire.read('GET /up HTTP/9.0\r\nUpgrade: echo\r\n\r\n').write(switching);
    const outcome = playAll(wire);
    assert.equal(outcome.count('dropped.invalid'), 1);
    assert.equal(outcome.lostExchanges, 0);
    assert.equal(outcome.ignored.length, 1);
  });
});

describe('limits', () => {
  const long = (lenBytes: number) => `X-Long: ${'x'.repeat(lenBytes)}\r\n`;

  test('a request head beyond headBytesMax is cut, and its exchange and the next one are whole', () => {
    const head = `GET /long HTTP/1.1\r\nHost: a\r\n${long(limits.headBytesMax)}\r\n`;
    const copied = [head.length, limits.headBytesMax, 1000];
    for (const copiedBytes of copied) {
      const wire = new Wire().read(head, { copiedBytes }).write(OK).read(GET).write(OK);
      const outcome = playAll(wire);
      assert.deepEqual(outcome.lines, [
        '1 GET /long 200 complete response=2 request-truncated request-size-inexact',
        '2 GET /a 200 complete response=2',
      ]);
      assert.equal(outcome.count('truncated.head'), 1);
      assert.ok(outcome.ended[0].request.bytes.length <= limits.headBytesMax);
    }
  });

  test('a request head beyond headBytesMax in many events is cut as well', () => {
    const wire = new Wire().read('GET /long HTTP/1.1\r\n');
    for (let count = 0; count < 20; count++) wire.read(long(1000));
    wire.read('\r\n').write(OK).read(GET).write(OK);
    const outcome = playAll(wire);
    assert.deepEqual(outcome.lines, [
      '1 GET /long 200 complete response=2 request-truncated request-size-inexact',
      '2 GET /a 200 complete response=2',
    ]);
    assert.equal(outcome.ended[0].request.bytes.length, limits.headBytesMax);
  });

  test('a request target beyond headBytesMax is cut', () => {
    const wire = new Wire().read(`GET /${'a'.repeat(20_000)} HTTP/1.1\r\n\r\n`);
    wire.write('HTTP/1.1 414 URI Too Long\r\nContent-Length: 0\r\n\r\n').read(GET).write(OK);
    const [cut, next] = playAll(wire).ended;
    assert.deepEqual([cut.status, cut.isRequestTruncated, next.status], [414, true, 200]);
  });

  test('a response head beyond headBytesMax is cut, its exchange ends with the next request', () => {
    const head = `HTTP/1.1 200 OK\r\n${long(limits.headBytesMax)}Content-Length: 3\r\n\r\nabc`;
    const wire = new Wire().read(GET).write(head, { copiedBytes: limits.headBytesMax });
    wire.write('more').read(GET.replace('/a', '/b')).write(OK);
    const outcome = playAll(wire);
    assert.deepEqual(outcome.lines, [
      '1 GET /a 200 complete response-truncated response-size-inexact',
      '2 GET /b 200 complete response=2',
    ]);
    assert.equal(outcome.count('truncated.head'), 1);
    assert.equal(outcome.ended[0].endNs, wire.events[2].timeNs);
  });

  test('a request of which nothing was copied is dropped, and its response is not mixed up', () => {
    for (const role of ['server', 'client'] as const) {
      const wire = new Wire({ role }).request(GET, { copiedBytes: 0 }).response(OK);
      wire.request(GET.replace('/a', '/b')).response(OK);
      const outcome = playAll(wire);
      assert.deepEqual(outcome.lines, ['2 GET /b 200 complete response=2']);
      assert.equal(outcome.count('dropped.headless'), 1);
    }
  });

  for (const role of ['server', 'client'] as const) {
    test(`pipelined responses of which no head was copied are no error and no loss (${role})`, () => {
      const wire = new Wire({ role }).request(GET.repeat(4));
      wire.response(OK.repeat(4), { copiedBytes: OK.length });
      const marks = [
        '1 GET /a 200 complete response=2',
        '2 GET /a 0 complete response-truncated response-size-inexact',
      ];
      const rest = [3, 4].map((n) => `${n} GET /a 0 detached response-truncated`);
      assert.deepEqual(playAll(wire).lines.toSorted(), [...marks, ...rest].toSorted());
      wire.request(GET).response(OK);
      const goesOn = playAll(wire);
      assert.deepEqual(goesOn.lines.toSorted(), [...marks, ...rest].toSorted());
      assert.equal(goesOn.count('dropped.unpaired'), 1);
      assert.equal(goesOn.count('protocol.invalid'), 0);
    });
  }

  test('a request after a cut response that is never answered is closed', () => {
    const wire = new Wire().read(GET).sendfile(100).read(GET);
    assert.deepEqual(playAll(wire).lines, [
      '1 GET /a 0 complete response-truncated response-size-inexact',
      '2 GET /a 0 closed',
    ]);
  });

  test('a chunked body that was not copied loses its end, not its exchange', () => {
    const wire = new Wire().read(GET);
    wire.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\n');
    wire.sendfile(7).sendfile(5).read(GET.replace('/a', '/b')).write(OK);
    const outcome = playAll(wire);
    assert.deepEqual(outcome.lines, [
      '1 GET /a 200 complete response=17 response-truncated response-size-inexact',
      '2 GET /b 200 complete response=2',
    ]);
    assert.equal(outcome.count('truncated.framing'), 1);
    assert.equal(outcome.ended[0].endNs, wire.events[3].timeNs);
  });

  describe('the end of a chunked body that was not copied', () => {
    const chunk = `2000\r\n${'x'.repeat(0x2000)}\r\n`;
    const response = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
    const next = GET.replace('/a', '/b');

    test('shows in the tail of its last call', () => {
      const wire = new Wire().read(GET).write(response).sendfile(9000);
      wire.write(`${chunk}0\r\n\r\n`, { tailBytes: 16 });
      const outcome = play(wire, wire.events, undefined);
      const size = 9000 + chunk.length + 5;
      assert.deepEqual(outcome.lines, [
        `1 GET /a 200 complete response=${size} response-truncated response-size-inexact`,
      ]);
      assert.equal(outcome.ended[0].endNs, wire.nowNs);
    });

    test('shows in tails of several calls', () => {
      const wire = new Wire().read(GET).write(response).sendfile(9000);
      wire
        .write(chunk, { tailBytes: 16 })
        .write('0\r\n', { tailBytes: 3 })
        .write('\r\n', { tailBytes: 2 });
      assert.equal(play(wire, wire.events, undefined).ended.length, 1);
      const early = play(wire, wire.events.slice(0, -1), undefined);
      assert.equal(early.ended.length, 0);
    });

    test('puts a client of many threads in step again', () => {
      const writes = { tid: 1, goroutine: 1 };
      const reads = { tid: 2, goroutine: 2 };
      const wire = new Wire({ role: 'client' }).write(GET, writes).read(response, reads);
      wire.read(chunk, { ...reads, copiedBytes: 0 });
      wire.read(`${chunk}0\r\n\r\n`, { ...reads, tailBytes: 16 });
      const microsecond = wire.nowNs + 1000;
      wire
        .read(OK, { ...reads, timeNs: microsecond })
        .write(next, { ...writes, timeNs: microsecond });
      const outcome = playAll(wire);
      assert.deepEqual(
        outcome.lines.map((line) => line.replace(/response=\d{3,} /, '')),
        [
          '1 GET /a 200 complete response-truncated response-size-inexact',
          '2 GET /b 200 complete response=2',
        ],
      );
    });

    test('shows in requests too, and in responses that wait for their request', () => {
      const upload = GET.replace('\r\n\r\n', '\r\nTransfer-Encoding: chunked\r\n\r\n');
      const wire = new Wire().read(upload).read(chunk, { copiedBytes: 0 });
      wire.read(`${chunk}0\r\n\r\n`, { tailBytes: 16 }).read(next).write(OK).write(OK);
      const lines = playAll(wire).lines;
      assert.match(
        lines[0],
        /^1 GET \/a 200 complete request=\d+ response=2 request-truncated request-size-inexact$/,
      );
      assert.equal(lines[1], '2 GET /b 200 complete response=2');
      const early = new Wire({ role: 'client' }).read(response).read(chunk, { copiedBytes: 0 });
      early.read(`${chunk}0\r\n\r\n`, { tailBytes: 16 }).write(GET).write(next).read(OK);
      const ends = playAll(early).ended.map(({ ordinal, end }) => `${ordinal} ${end}`);
      assert.deepEqual(ends, ['1 complete', '2 complete']);
    });
  });

  test('a body is kept up to its limit', () => {
    const body = 'x'.repeat(1001);
    const response = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const outcome = playAll(new Wire().read(GET).write(response), 1000);
    const exchange = only(outcome);
    assert.equal(exchange.responseBody?.keptBytes, 1000);
    assert.equal(exchange.responseBodyBytes, body.length);
    assert.equal(exchange.isResponseTruncated, true);
    assert.equal(outcome.count('truncated.body'), 1);
  });

  for (const role of ['server', 'client'] as const) {
    test(`a ${role} keeps of each body what its side asks for`, () => {
      const body = 'x'.repeat(50);
      const request = `POST / HTTP/1.1\r\nContent-Length: 50\r\n\r\n${body}`;
      const response = `HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n${body}`;
      const wire = new Wire({ role });
      if (role === 'server') wire.read(request).write(response);
      else wire.write(request).read(response);
      const limited = {
        ingress: { request: 1, response: 2 },
        egress: { request: 3, response: 4 },
      };
      const exchange = only(play(wire, wire.events, wire.close(), limited));
      const kept = [exchange.requestBody?.keptBytes, exchange.responseBody?.keptBytes];
      assert.deepEqual(kept, role === 'server' ? [1, 2] : [3, 4]);
    });
  }

  test('a connection whose capture ends takes its exchange along, and loses none', () => {
    const wire = new Wire().read(GET);
    const outcome = play(wire, wire.events, { ...wire.close(), isStillOpen: true });
    assert.equal(only(outcome).end, 'detached');
    assert.equal(outcome.count('lost.exchanges'), 0);
  });

  test('requests beyond pipelinedMax are dropped, those before and after are paired', () => {
    const wire = new Wire();
    const count = limits.pipelinedMax + 3;
    for (let index = 1; index <= count; index++) wire.read(`GET /${index} HTTP/1.1\r\n\r\n`);
    for (let index = 1; index <= count; index++) {
      wire.write(`HTTP/1.1 ${200 + index} OK\r\nContent-Length: 0\r\n\r\n`);
    }
    wire.read(GET).write(OK);
    const outcome = playAll(wire);
    assert.equal(outcome.count('dropped.pipelined'), 3);
    assert.equal(outcome.lines.length, count - 3 + 1);
    assert.equal(outcome.lines.at(-2), `64 GET /64 264 complete`);
    assert.equal(outcome.lines.at(-1), `${count + 1} GET /a 200 complete response=2`);
    assert.equal(outcome.accounted, count + 1);
  });

  test('a connection with pipelinedGhostsMax unanswered requests is given up', () => {
    const wire = new Wire();
    for (let index = 0; index <= limits.pipelinedGhostsMax; index++) wire.read(GET);
    const outcome = playAll(wire);
    assert.equal(outcome.count('protocol.ignored_connections'), 1);
    assert.equal(outcome.ignored.length, 1);
    assert.deepEqual(new Set(outcome.ended.map(({ end }) => end)), new Set(['detached']));
  });

  test('a connection that is invalid more often than invalidMessagesMax is given up', () => {
    const wire = new Wire();
    for (let index = 0; index <= limits.invalidMessagesMax; index++) {
      wire.read('\x01\x02\x03 no request\r\n\r\n').write('whatever');
    }
    wire.read(GET).write(OK);
    const garbage = new Wire();
    for (let index = 0; index <= limits.invalidMessagesMax + 1; index++) {
      garbage.read(GET).write('\x01\x02\x03 no response\r\n\r\n');
    }
    const outcome = playAll(garbage);
    assert.equal(outcome.count('protocol.ignored_connections'), 1);
    assert.equal(outcome.count('protocol.invalid'), limits.invalidMessagesMax + 1);
    assert.deepEqual(new Set(outcome.ended.map(({ end }) => end)), new Set(['invalid']));
    assert.equal(outcome.accounted, limits.invalidMessagesMax + 2);
    assert.deepEqual(playAll(wire).lines, ['2 GET /a 200 complete response=2']);
  });

  test('a response recorded before its request is held up to heldResponseBytesMax', () => {
    const size = limits.heldResponseBytesMax;
    const response = `HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n${'x'.repeat(size)}`;
    const threads = [{ tid: 2 }, { tid: 1 }] as const;
    const wire = new Wire({ role: 'client' }).read(response, threads[0]).write(GET, threads[1]);
    wire.nowNs += 20e6;
    wire.write(GET.replace('/a', '/b'), threads[1]).read(OK, threads[0]);
    const outcome = playAll(wire);
    assert.equal(outcome.count('protocol.early_responses'), 1);
    assert.equal(outcome.count('protocol.early_overflow'), 1);
    assert.equal(outcome.count('dropped.unpaired'), 2);
    assert.equal(outcome.accounted, 2);
  });
});
