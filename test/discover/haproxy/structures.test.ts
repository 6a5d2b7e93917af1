import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findBases, findSamples } from '../../../src/discover/haproxy/structures.ts';
import { Votes } from '../../../src/discover/haproxy/votes.ts';
import { HaproxyMemory, LAYOUT } from './haproxy-memory.ts';

const { tableFromCode, checksFromCode, ...CANDIDATE } = LAYOUT;

function look(memory: HaproxyMemory, fds: readonly number[]) {
  return findSamples(memory, memory.table, fds, findBases(memory, memory.table, fds));
}

describe("HAProxy's structures", () => {
  test('are found where a request is in progress, whatever their offsets', () => {
    const layouts = [
      LAYOUT,
      { ...LAYOUT, muxStream: 8, streamSession: 80 },
      { ...LAYOUT, entryBytes: 96, entryOwner: 8, connectionHandle: 56, connectionMux: 96 },
      { ...LAYOUT, muxConnection: 16, streamMux: 8, sessionOrigin: 40, connectionType: 4 },
    ];
    for (const layout of layouts) {
      const memory = new HaproxyMemory(layout);
      memory.client(7);
      const { server } = memory.request(8, 9);
      const { tableFromCode: _, checksFromCode: __, ...candidate } = layout;
      assert.deepEqual(look(memory, [3, 7, 8, 9]), [
        { connection: server, candidates: [candidate] },
      ]);
    }
  });

  test('are not found among idle connections', () => {
    const memory = new HaproxyMemory();
    memory.client(7);
    memory.client(8);
    assert.deepEqual(look(memory, [7, 8]), []);
  });

  test('that close a circle and lead to no client are not taken for them', () => {
    const memory = new HaproxyMemory();
    memory.addLookalike(memory.request(7, 8).server);
    const [sample] = look(memory, [7, 8]);
    assert.deepEqual(sample?.candidates, [CANDIDATE]);
  });

  test('take two connections to be told from chance', () => {
    const memory = new HaproxyMemory();
    memory.request(7, 8);
    assert.deepEqual(findBases(memory, memory.table, [7]), []);
  });

  test('that end with the memory are no error', () => {
    const memory = new HaproxyMemory();
    memory.request(7, 8);
    const cut = { read: (address: number, lenBytes: number) => memory.read(address, lenBytes / 8) };
    assert.deepEqual(findBases(cut, memory.table, [7, 8]), []);
  });
});

describe('votes', () => {
  const sample = (connection: number, ...candidates: (typeof CANDIDATE)[]) => ({
    connection,
    candidates,
  });
  const OTHER = { ...CANDIDATE, streamSession: 40 };

  test('are enough when four samples of two looks have one candidate in common', () => {
    const votes = new Votes();
    votes.add(0, [sample(1, CANDIDATE), sample(2, CANDIDATE), sample(3, CANDIDATE, OTHER)]);
    assert.equal(votes.result, undefined);
    votes.add(1, [sample(1, CANDIDATE)]);
    assert.deepEqual(votes.result, CANDIDATE);
  });

  test('of one look are not enough, however many', () => {
    const votes = new Votes();
    votes.add(
      0,
      [1, 2, 3, 4, 5, 6].map((n) => sample(n, CANDIDATE)),
    );
    assert.equal(votes.result, undefined);
  });

  test('for two candidates are ambiguous, however many', () => {
    const votes = new Votes();
    for (let n = 0; n < 50; n++) votes.add(n, [sample(n, CANDIDATE, OTHER)]);
    assert.equal(votes.result, undefined);
  });

  test('are counted up to a bound', () => {
    const votes = new Votes();
    for (let n = 0; n < 1_000; n++) votes.add(n, [sample(n, CANDIDATE)]);
    assert.equal(votes.samples, 256);
  });
});
