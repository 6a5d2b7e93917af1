/** Reports of connections: when they are made, what they say, and what happens to the last one. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { unseenClose } from '../../src/capture/connections.ts';
import { ConnectionReporter } from '../../src/capture/reports.ts';
import type { CloseEvent, Connection } from '../../src/capture/types.ts';
import type { ConnectionReport, TrafficSettings } from '../../src/handoff/messages.ts';
import { Counters } from '../../src/telemetry/counters.ts';

type ReportSettings = Pick<TrafficSettings, 'reportsConnections' | 'reportsDns'>;

const SECOND = 1e9;
const OWN_TGID = 1;

function connectionOf(more: Partial<Connection> = {}): Connection {
  return {
    id: 7,
    socketInode: 1000,
    peerInode: 0,
    netnsInode: 1,
    family: 'ipv4',
    local: { address: '10.0.0.1', port: 80 },
    remote: { address: '10.0.0.2', port: 40_000 },
    process: { tgid: 10, startNs: 5, comm: 'server' },
    role: 'server',
    startSeen: true,
    speaks: 'http1',
    readPosition: 0,
    writePosition: 0,
    protocol: null,
    ...more,
  };
}

function closeOf(timeNs: number, more: Partial<CloseEvent> = {}): CloseEvent {
  return { ...unseenClose(7, timeNs), readPosition: 300, writePosition: 900, ...more };
}

function scene(
  settings: Partial<ReportSettings> = {},
  more: Partial<ConstructorParameters<typeof ConnectionReporter>[0]> = {},
) {
  const batches: ConnectionReport[][] = [];
  const counters = new Counters();
  const reporter = new ConnectionReporter({
    counters,
    settings: { reportsConnections: true, reportsDns: false, ...settings },
    ownTgid: OWN_TGID,
    emit: (reports) => batches.push(reports),
    ...more,
  });
  /** Reports since the last look, as `part@seconds`. */
  const told = () =>
    batches
      .splice(0)
      .flat()
      .map(({ part, timeNs, isFinal }) => `${part}@${timeNs / SECOND}${isFinal ? ' end' : ''}`);
  return { reporter, counters, batches, told };
}

describe('a connection is reported', () => {
  test('half a second after its begin, every ten seconds, and at its end', () => {
    const { reporter, told } = scene();
    const connection = connectionOf();
    reporter.open(connection, SECOND);
    reporter.tick(1.4 * SECOND);
    assert.deepEqual(told(), []);
    for (const seconds of [1.5, 2, 11.4, 11.5, 21.5]) reporter.tick(seconds * SECOND);
    assert.deepEqual(told(), ['0@1.5', '1@11.5', '2@21.5']);
    reporter.close(connection, closeOf(22 * SECOND));
    reporter.tick(22.1 * SECOND);
    assert.deepEqual(told(), ['3@22 end']);
    reporter.tick(100 * SECOND);
    assert.deepEqual(told(), []);
  });

  test('once when it is over before that', () => {
    const { reporter, batches } = scene();
    const connection = connectionOf();
    reporter.open(connection, SECOND);
    reporter.close(connection, closeOf(1.2 * SECOND));
    reporter.tick(1.3 * SECOND);
    assert.deepEqual(batches.flat(), [
      {
        connectionId: 7,
        part: 0,
        timeNs: 1.2 * SECOND,
        openedNs: SECOND,
        isStartSeen: true,
        isFinal: true,
        isEndLate: false,
        bytesReceived: 300,
        bytesSent: 900,
        tgid: 10,
        startNs: 5,
        comm: 'server',
        role: 'server',
        family: 'ipv4',
        localAddress: '10.0.0.1',
        localPort: 80,
        remoteAddress: '10.0.0.2',
        remotePort: 40_000,
        speaks: 'http1',
      },
    ]);
  });

  test('without bytes before its end', () => {
    const { reporter, batches } = scene();
    reporter.open(connectionOf(), 0);
    reporter.tick(SECOND);
    const [report] = batches.flat();
    assert.deepEqual([report?.bytesReceived, report?.bytesSent], [-1, -1]);
  });

  test('with the role that its bytes showed', () => {
    const { reporter, batches } = scene();
    const connection = connectionOf({ role: 'unknown' });
    reporter.open(connection, 0);
    connection.role = 'client';
    reporter.tick(SECOND);
    assert.equal(batches.flat()[0]?.role, 'client');
  });

  test('as other when what looked like HTTP/1 is not', () => {
    const { reporter, batches } = scene({}, { isGivenUp: () => true });
    for (const [id, speaks] of [
      [1, 'http1'],
      [2, 'http2'],
      [3, 'tls'],
    ] as const) {
      reporter.open(connectionOf({ id, speaks }), 0);
    }
    reporter.tick(SECOND);
    assert.deepEqual(
      batches.flat().map(({ speaks }) => speaks),
      ['other', 'http2', 'tls'],
    );
  });

  test('in one message with others that are due', () => {
    const { reporter, batches } = scene();
    for (const id of [1, 2, 3]) reporter.open(connectionOf({ id }), 0);
    reporter.tick(SECOND);
    assert.deepEqual(
      batches.map((batch) => batch.map(({ connectionId }) => connectionId)),
      [[1, 2, 3]],
    );
  });
});

describe('the last report', () => {
  test('has no bytes when the close was lost', () => {
    const { reporter, batches } = scene();
    const connection = connectionOf();
    reporter.open(connection, 0);
    reporter.close(connection, unseenClose(7, SECOND));
    reporter.tick(SECOND);
    const [report] = batches.flat();
    assert.deepEqual([report?.isFinal, report?.bytesReceived, report?.bytesSent], [true, -1, -1]);
  });

  test('says when the end was found out afterwards', () => {
    const { reporter, batches } = scene();
    const connection = connectionOf();
    reporter.open(connection, 0);
    reporter.close(connection, closeOf(SECOND, { isLate: true }));
    reporter.tick(SECOND);
    assert.equal(batches.flat()[0]?.isEndLate, true);
  });

  test('of a connection that outlives the agent has its bytes so far and is not final', () => {
    const { reporter, batches } = scene();
    const connection = connectionOf();
    reporter.open(connection, 0);
    reporter.close(connection, closeOf(SECOND, { isStillOpen: true }));
    reporter.finish(SECOND);
    const [report] = batches.flat();
    assert.deepEqual([report?.isFinal, report?.bytesReceived], [false, 300]);
  });

  test('is made at the stop although the kernel side said nothing', () => {
    const { reporter, told } = scene();
    reporter.open(connectionOf({ id: 1 }), 0);
    reporter.tick(SECOND);
    reporter.open(connectionOf({ id: 2 }), 2 * SECOND);
    told();
    reporter.finish(2.1 * SECOND);
    assert.deepEqual(told(), ['0@2.1', '1@2.1']);
  });
});

describe('no report is made', () => {
  const reportsOf = (connection: Connection, settings: Partial<ReportSettings> = {}): number => {
    const { reporter, batches } = scene(settings, {
      isOwn: ({ remote }) => remote.address === '10.9.9.9',
    });
    reporter.open(connection, 0);
    reporter.tick(SECOND);
    reporter.close(connection, closeOf(SECOND));
    reporter.finish(SECOND);
    return batches.flat().length;
  };
  const nameServer = connectionOf({ remote: { address: '10.0.0.2', port: 53 } });

  test('while nobody asked', () => {
    assert.equal(reportsOf(connectionOf(), { reportsConnections: false }), 0);
  });

  test('of the agent itself, and of the other end of its own connections', () => {
    const own = { tgid: OWN_TGID, startNs: 0, comm: 'spantap' };
    assert.equal(reportsOf(connectionOf({ process: own })), 0);
    assert.equal(reportsOf(connectionOf({ remote: { address: '10.9.9.9', port: 1 } })), 0);
  });

  test('of connections to name servers, unless they are asked for', () => {
    assert.equal(reportsOf(nameServer), 0);
    assert.equal(reportsOf(nameServer, { reportsDns: true }), 2);
  });

  test('of a connection that was never opened here', () => {
    const { reporter, batches } = scene();
    reporter.close(connectionOf(), closeOf(SECOND));
    reporter.finish(SECOND);
    assert.deepEqual(batches, []);
  });
});

describe('reports switched on while the agent runs', () => {
  test('cover the connections that are open, whose begin is then unknown', () => {
    const { reporter, batches } = scene({ reportsConnections: false });
    const connection = connectionOf();
    reporter.open(connection, 0);
    reporter.change({ reportsConnections: true, reportsDns: false }, [connection], 5 * SECOND);
    reporter.close(connection, closeOf(6 * SECOND));
    reporter.tick(6 * SECOND);
    const [report] = batches.flat();
    assert.deepEqual([report?.openedNs, report?.isStartSeen], [5 * SECOND, false]);
  });

  test('begin no connection anew that is reported already', () => {
    const { reporter, told } = scene();
    const connection = connectionOf();
    reporter.open(connection, 0);
    reporter.tick(SECOND);
    reporter.change({ reportsConnections: true, reportsDns: true }, [connection], 2 * SECOND);
    reporter.tick(3 * SECOND);
    assert.deepEqual(told(), ['0@1']);
  });

  test('and off again, are made no more', () => {
    const { reporter, told } = scene();
    reporter.open(connectionOf(), 0);
    reporter.change({ reportsConnections: false, reportsDns: false }, [], 0);
    reporter.tick(SECOND);
    reporter.finish(SECOND);
    assert.deepEqual(told(), []);
  });
});

test('reports that the main thread is too slow for are dropped and counted', () => {
  const { reporter, counters, batches } = scene({}, { underWayMax: 3 });
  for (let id = 1; id <= 5; id++) reporter.open(connectionOf({ id }), 0);
  reporter.tick(SECOND);
  assert.equal(batches.flat().length, 3);
  assert.equal(counters.get('dropped.reports'), 2);
  assert.equal(counters.get('capture.reports'), 3);
  reporter.taken(3);
  reporter.tick(12 * SECOND);
  assert.deepEqual(
    batches
      .flat()
      .slice(3)
      .map(({ connectionId, part }) => [connectionId, part]),
    [
      [1, 1],
      [2, 1],
      [3, 1],
    ],
  );
});
