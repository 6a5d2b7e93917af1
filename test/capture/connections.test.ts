import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionTable, unseenClose } from '../../src/capture/connections.ts';
import type { Connection, EventSink } from '../../src/capture/types.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { dataEvent, openEvent } from './events.ts';

class Journal implements EventSink {
  readonly lines: string[] = [];
  last: Connection | undefined;
  open(connection: Connection): void {
    this.last = connection;
    this.lines.push(`open ${connection.id} ${connection.process.comm}`);
  }
  data(connection: Connection | undefined): void {
    this.lines.push(`data ${connection?.id ?? 'unknown'} ${connection?.process.tgid ?? ''}`.trim());
  }
  close(connection: Connection): void {
    this.lines.push(`close ${connection.id}`);
  }
  process(): void {
    this.lines.push('process');
  }
}

/** `closesFollow`: the kernel side still knows what was moved last. */
function table(connectionsMax = 100, closesFollow = false) {
  const journal = new Journal();
  const counters = new Counters();
  const forgotten: number[] = [];
  const connections = new ConnectionTable(journal, {
    counters,
    connectionsMax,
    forget: (inode) => {
      forgotten.push(inode);
      return closesFollow;
    },
  });
  return { connections, journal, counters, forgotten };
}

test('an open event that is repeated opens once', () => {
  const { connections, journal } = table();
  connections.open(openEvent({}));
  connections.open(openEvent({}));
  assert.deepEqual(journal.lines, ['open 1 server']);
});

test('data of a connection whose open event was lost is passed on and counted', () => {
  const { connections, journal, counters } = table();
  connections.data(dataEvent({ connectionId: 9 }));
  assert.deepEqual(journal.lines, ['data unknown']);
  assert.equal(counters.get('capture.unknown_connection'), 1);
});

test('exchanges of a connection whose open event was lost are counted when it closes', () => {
  const { connections, counters } = table();
  for (const turn of [1, 1, 2]) connections.data(dataEvent({ connectionId: 9, turn }));
  connections.close({ ...unseenClose(9, 300), turns: 5 });
  connections.close({ ...unseenClose(9, 300), turns: 5 });
  assert.equal(counters.get('lost.unknown_connection'), 3);
});

test('without its close event the turns of its data count', () => {
  const { connections, counters } = table();
  connections.data(dataEvent({ connectionId: 9, turn: 4 }));
  connections.finish();
  assert.equal(counters.get('lost.unknown_connection'), 2);
});

test('an open event that comes after data leaves nothing to be counted there', () => {
  const { connections, counters, journal } = table();
  connections.data(dataEvent({ turn: 4 }));
  connections.open(openEvent({}));
  connections.data(dataEvent({ turn: 5 }));
  connections.finish();
  assert.equal(counters.get('lost.unknown_connection'), 0);
  assert.deepEqual(journal.lines, ['data unknown', 'open 1 server', 'data 1 10']);
});

test('beyond the limit events of unknown connections are counted, not their exchanges', () => {
  const { connections, counters } = table(2);
  for (const id of [7, 8, 9]) connections.data(dataEvent({ connectionId: id, turn: 2 }));
  connections.finish();
  assert.equal(counters.get('capture.unknown_connection'), 3);
  assert.equal(counters.get('lost.unknown_connection'), 2);
});

test('the close event of a connection that ended before says nothing more', () => {
  const { connections, counters } = table();
  connections.close({ ...unseenClose(9, 300), turns: 5 });
  assert.equal(counters.total('lost'), 0);
});

test('the sockets of a process that exits wait for their close events when these follow', () => {
  const { connections, journal, forgotten } = table(100, true);
  connections.open(openEvent({}));
  connections.process({ timeNs: 1, tgid: 10, parentTgid: 1, startNs: 7, action: 'exit', comm: '' });
  assert.deepEqual(forgotten, [1000]);
  connections.close(unseenClose(1, 300));
  assert.deepEqual(journal.lines.slice(1), ['process', 'close 1']);
});

test('the sockets of a process end when it exits', () => {
  const { connections, journal, forgotten } = table();
  connections.open(openEvent({}));
  connections.open(openEvent({ connectionId: 2, socketInode: 2000, tgid: 11 }));
  connections.process({ timeNs: 1, tgid: 10, parentTgid: 1, startNs: 7, action: 'exit', comm: '' });
  assert.deepEqual(journal.lines.slice(2), ['close 1', 'process']);
  assert.deepEqual(forgotten, [1000]);
  assert.equal(connections.size, 1);
});

test('an inherited socket belongs to the child that uses it and survives its parent', () => {
  const { connections, journal } = table();
  const child = { timeNs: 1, tgid: 20, parentTgid: 10, startNs: 9, comm: 'child' };
  connections.open(openEvent({}));
  connections.process({ ...child, action: 'fork' });
  connections.data(dataEvent({ tgid: 20 }));
  connections.process({ timeNs: 2, tgid: 10, parentTgid: 1, startNs: 7, action: 'exit', comm: '' });
  assert.equal(journal.last?.process.comm, 'child');
  assert.equal(connections.size, 1);
  connections.process({ ...child, action: 'exit' });
  assert.equal(connections.size, 0);
});

test('beyond the limit the oldest connection is ended and counted', () => {
  const { connections, journal, counters, forgotten } = table(2);
  for (const id of [1, 2, 3]) connections.open(openEvent({ connectionId: id, socketInode: id }));
  assert.deepEqual(journal.lines.slice(2), ['close 1', 'open 3 server']);
  assert.equal(counters.get('dropped.connections'), 1);
  assert.deepEqual(forgotten, [1]);
});
