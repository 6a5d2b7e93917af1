import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { limits } from '../../../src/config/limits.ts';
import type { ExecutableFacts } from '../../../src/discover/families.ts';
import { Walks } from '../../../src/discover/haproxy/walks.ts';
import { Counters } from '../../../src/telemetry/counters.ts';
import { fakeProc } from '../fake-proc.ts';
import { CODE, HaproxyMemory, LAYOUT } from './haproxy-memory.ts';

const FDS = { 7: 'socket:[1]', 8: 'socket:[2]', 9: 'socket:[3]', 10: 'socket:[4]' };

const factsOf = (versionKey: string): ExecutableFacts => ({
  fileKey: '1:2',
  versionKey,
  family: 'haproxy',
  sites: [],
  goVersion: undefined,
  nginxArguments: undefined,
  haproxyVariables: { tableFromCode: LAYOUT.tableFromCode, checksFromCode: LAYOUT.checksFromCode },
  reasons: [],
});

/** Two requests in progress. */
function busy(): HaproxyMemory {
  const memory = new HaproxyMemory();
  memory.request(7, 8);
  memory.request(9, 10);
  return memory;
}

function walksOver(context: TestContext, memory: HaproxyMemory) {
  const counters = new Counters();
  const processes = [5, 6].map((pid) => ({ pid, code: CODE, fds: FDS, mem: memory.bytes }));
  return { walks: new Walks(counters, fakeProc(context, processes)), counters };
}

describe('the way through HAProxy', () => {
  test('is known after a few looks, for all processes of the executable', (context) => {
    const { walks, counters } = walksOver(context, busy());
    const facts = factsOf('one');
    walks.watch(5, facts);
    walks.watch(6, facts);
    assert.deepEqual(walks.look(), []);
    assert.equal(walks.of(5, facts), undefined);
    assert.deepEqual(walks.look(), [5, 6]);
    assert.deepEqual(walks.of(6, facts), { number: 1, code: CODE, layout: LAYOUT });
    assert.equal(walks.describe(facts)?.state, 'found');
    assert.equal(counters.get('discover.haproxy_walks'), 1);
    assert.deepEqual(walks.look(), [], 'it is looked for once');
  });

  test('is another one for another executable', (context) => {
    const { walks } = walksOver(context, busy());
    walks.watch(5, factsOf('one'));
    walks.watch(6, factsOf('two'));
    for (let n = 0; n < 3; n++) walks.look();
    assert.equal(walks.of(5, factsOf('one'))?.number, 1);
    assert.equal(walks.of(6, factsOf('two'))?.number, 2);
  });

  test('is not looked for in a program without the symbols, nor in one that is gone', (context) => {
    const { walks } = walksOver(context, busy());
    walks.watch(5, { ...factsOf('one'), haproxyVariables: undefined });
    walks.watch(77, factsOf('gone'));
    for (let n = 0; n < 20; n++) assert.deepEqual(walks.look(), []);
    assert.equal(walks.describe(factsOf('gone'))?.looks, 0);
    walks.exited(77);
    assert.equal(walks.describe(factsOf('gone')), undefined, 'nothing of it is kept');
  });

  test('is given up when two ways stay possible, and that is counted', (context) => {
    const memory = new HaproxyMemory();
    for (const fd of [7, 9]) {
      const { client, server } = memory.request(fd, fd + 1);
      for (const connection of [client, server]) memory.addTwin(connection, 8);
    }
    const { walks, counters } = walksOver(context, memory);
    walks.watch(5, factsOf('one'));
    for (let n = 0; n < limits.haproxyLooksMax; n++) walks.look();
    const { state, looks } = walks.describe(factsOf('one')) ?? {};
    assert.deepEqual({ state, looks }, { state: 'given up', looks: limits.haproxyLooksMax });
    assert.equal(counters.get('discover.haproxy_walks_given_up'), 1);
  });

  test('has so many numbers; further executables keep their probes, and are counted', (context) => {
    const { walks, counters } = walksOver(context, busy());
    for (let n = 0; n <= limits.haproxyWalksMax; n++) {
      walks.watch(5, factsOf(`version ${n}`));
      for (let turn = 0; turn < 3; turn++) walks.look();
    }
    assert.equal(counters.get('discover.haproxy_walks'), limits.haproxyWalksMax);
    assert.equal(counters.get('discover.haproxy_walks_given_up'), 1);
  });
});
