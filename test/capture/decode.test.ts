import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { Decoder } from '../../src/capture/decode.ts';
import {
  eventCause,
  eventCloseFlag,
  eventDataFlag,
  eventDirection,
  eventProcessAction,
  eventProtocol,
  eventRole,
} from '../../src/capture/layout.gen.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { EventLog } from './event-log.ts';
import { closeRecord, dataRecord, openRecord, processRecord } from './records.ts';

const TCP4 = 2;
const TCP6 = 10;
const UNIX = 1;
/** Above 2^32, so that both words count. */
const BIG = 0x1f_2345_6789_abcd;

describe('decoding a batch', () => {
  let sink: EventLog;
  let counters: Counters;
  let decoder: Decoder;
  beforeEach(() => {
    sink = new EventLog();
    counters = new Counters();
    decoder = new Decoder(sink, counters);
  });

  const decode = (...records: Buffer[]) => decoder.decode(Buffer.concat(records));

  test('a data event: every field, and the payload without its padding', () => {
    const fields = {
      timeNs: BIG,
      tgid: 7,
      tid: 8,
      connectionId: BIG - 1,
      position: BIG - 2,
      goroutine: 0xc0_0012_3400,
      causeConnectionId: BIG - 3,
      causeReadPosition: 11,
      causeWritePosition: 12,
      causeToken: 0x7f12_3456_7890,
      turn: 3,
      fd: 9,
      source: 2,
      cause: eventCause.CAUSE_GO,
      causeFlags: 5,
      flags: eventDataFlag.DATA_TURN | eventDataFlag.DATA_EOF,
      error: 104,
    };
    decode(dataRecord({ ...fields, direction: eventDirection.DIRECTION_WRITE }, 'GET /'));
    const [event] = sink.datas;
    const { bytes, payloadStart, payloadEnd, ...rest } = event;
    assert.deepEqual(rest, {
      ...fields,
      isWrite: true,
      lenBytes: 5,
      copiedBytes: 5,
      tailBytes: 0,
      text: 'GET /',
    });
    assert.equal(payloadEnd - payloadStart, 5);
    assert.ok(bytes.length > 0);
  });

  test('bytes that were not copied count in the length only', () => {
    decode(dataRecord({ lenBytes: 5000 }, 'HTTP/1.1'), dataRecord({ position: 5000 }, 'x'));
    assert.deepEqual(
      sink.datas.map(({ lenBytes, copiedBytes, text }) => [lenBytes, copiedBytes, text]),
      [
        [5000, 8, 'HTTP/1.1'],
        [1, 1, 'x'],
      ],
    );
  });

  test('an event without a cause does not show the one before', () => {
    decode(dataRecord({ cause: 1, causeToken: 5 }), dataRecord({}));
    assert.deepEqual(
      sink.datas.map(({ cause }) => cause),
      [1, 0],
    );
  });

  test('an open event over IPv4', () => {
    const fields = {
      timeNs: 1,
      tgid: 2,
      tid: 3,
      connectionId: BIG,
      socketInode: 4,
      peerInode: 0,
      processStartNs: BIG,
      readPosition: 5,
      writePosition: 6,
      netnsInode: 0xf000_0000,
      fd: 7,
    };
    const ends = { family: TCP4, localPort: 8080, remotePort: 54_321 };
    const open = { role: eventRole.ROLE_SERVER, startSeen: 1 };
    const texts = { comm: 'nginx', local: [10, 0, 0, 1], remote: [192, 168, 255, 9] };
    decode(openRecord({ ...fields, ...ends, ...open }, texts));
    assert.deepEqual(sink.opens, [
      {
        ...fields,
        comm: 'nginx',
        family: 'ipv4',
        local: { address: '10.0.0.1', port: 8080 },
        remote: { address: '192.168.255.9', port: 54_321 },
        role: 'server',
        startSeen: true,
        speaks: 'http1',
      },
    ]);
  });

  for (const speaks of ['http1', 'http2', 'tls', 'other'] as const) {
    test(`the connection of an open event speaks ${speaks}`, () => {
      const { PROTOCOL_HTTP1, PROTOCOL_HTTP2, PROTOCOL_TLS, PROTOCOL_OTHER } = eventProtocol;
      const protocols = {
        http1: PROTOCOL_HTTP1,
        http2: PROTOCOL_HTTP2,
        tls: PROTOCOL_TLS,
        other: PROTOCOL_OTHER,
      };
      const unixPath = '/run/app.sock';
      decode(openRecord({ family: UNIX, protocol: protocols[speaks] }, { unixPath }));
      assert.deepEqual([sink.opens[0].speaks, sink.opens[0].remote.address], [speaks, unixPath]);
    });
  }

  test('IPv6 addresses as RFC 5952 writes them, IPv4-mapped ones as IPv4', () => {
    const six = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    const mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1];
    decode(openRecord({ family: TCP6 }, { local: six, remote: mapped }));
    assert.equal(sink.opens[0].local.address, '2001:db8::1:0:0:1');
    assert.equal(sink.opens[0].remote.address, '127.0.0.1');
  });

  test('a Unix socket: the path belongs to the listening end', () => {
    const unixPath = '/run/app.sock\0';
    decode(openRecord({ family: UNIX, role: eventRole.ROLE_CLIENT }, { unixPath }));
    decode(openRecord({ family: UNIX, role: eventRole.ROLE_SERVER }, { unixPath }));
    assert.deepEqual(
      sink.opens.map(({ local, remote }) => [local.address, remote.address]),
      [
        ['', '/run/app.sock'],
        ['/run/app.sock', ''],
      ],
    );
  });

  test('abstract names, and sockets without any', () => {
    decode(openRecord({ family: UNIX }, { unixPath: '\0bus' }), openRecord({ family: UNIX }));
    assert.deepEqual(
      sink.opens.map(({ remote }) => remote.address),
      ['@bus', ''],
    );
  });

  test('close and process events', () => {
    decode(
      closeRecord({
        connectionId: 1,
        timeNs: 2,
        tid: 3,
        readPosition: BIG,
        writePosition: 4,
        turns: 5,
      }),
      closeRecord({ flags: eventCloseFlag.CLOSE_STILL_OPEN }),
      processRecord(
        {
          timeNs: 1,
          tgid: 2,
          parentTgid: 3,
          startNs: BIG,
          action: eventProcessAction.PROCESS_EXEC,
        },
        'haproxy',
      ),
    );
    const [close, open] = sink.closes;
    assert.deepEqual(close, {
      ...{ connectionId: 1, timeNs: 2, tid: 3, readPosition: BIG, writePosition: 4, turns: 5 },
      isStillOpen: false,
      isLate: false,
    });
    assert.ok(open.isStillOpen);
    assert.deepEqual(sink.processes, [
      { timeNs: 1, tgid: 2, parentTgid: 3, startNs: BIG, action: 'exec', comm: 'haproxy' },
    ]);
  });

  test('a batch that is not aligned, as a file may give it', () => {
    const shifted = Buffer.concat([Buffer.from('abc'), dataRecord({ position: 9 }, 'text')]);
    decoder.decode(shifted.subarray(3));
    assert.deepEqual([sink.datas[0].position, sink.datas[0].text], [9, 'text']);
  });

  test('a drained buffer is used again: a batch does not see the one before', () => {
    const batch = new Uint8Array(1024);
    for (const text of ['first, and longer', 'second']) {
      const record = dataRecord({}, text);
      batch.set(record);
      decoder.decode(batch.subarray(0, record.length));
    }
    assert.deepEqual(
      sink.datas.map(({ text }) => text),
      ['first, and longer', 'second'],
    );
  });

  test('records of an unknown kind are passed over and counted', () => {
    const note = dataRecord({}, 'note');
    note.writeUInt32LE(256, 0);
    decode(note, dataRecord({}, 'after'));
    assert.equal(sink.datas[0].text, 'after');
    assert.equal(counters.get('capture.unknown_records'), 1);
  });

  test('cut at any byte, a batch ends where its last whole record does', () => {
    const whole = Buffer.concat([dataRecord({}, 'one'), openRecord({}), dataRecord({}, 'two')]);
    const [first, second] = [dataRecord({}, 'one').length, openRecord({}).length];
    for (let cut = 0; cut <= whole.length; cut++) {
      const events = new EventLog();
      const counted = new Counters();
      new Decoder(events, counted).decode(whole.subarray(0, cut));
      const expected = [first, first + second, whole.length].filter((end) => end <= cut).length;
      assert.equal(events.datas.length + events.opens.length, expected, `cut at ${cut}`);
      const isWhole = [0, first, first + second, whole.length].includes(cut);
      assert.equal(counted.get('capture.damaged_records'), isWhole ? 0 : 1, `cut at ${cut}`);
    }
  });

  test('a record that claims more payload than it has gives what it has', () => {
    decode(dataRecord({ copiedBytes: 1000, lenBytes: 1000 }, 'short'));
    assert.equal(sink.datas[0].copiedBytes, 8, 'the record with its padding');
  });

  test('random bytes never throw', () => {
    let seed = 0x5eed;
    const random = () => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return seed >>> 24;
    };
    for (let round = 0; round < 2000; round++) {
      const batch = Buffer.from(Array.from({ length: 256 }, random));
      // Plausible heads, so that the decoder gets beyond them.
      batch.writeUInt32LE(1 + (round % 5), 0);
      batch.writeUInt32LE(56 + 8 * (round % 25), 4);
      decode(batch);
    }
  });
});
