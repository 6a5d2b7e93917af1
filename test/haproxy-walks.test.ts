/** When HAProxy's probes give way to its structures: the decisions of the capture worker. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PlanMessage } from '../src/handoff/messages.ts';
import { HaproxyWalks } from '../src/haproxy-walks.ts';
import { HAPROXY_PROOFS } from '../src/native/types.ts';
import { Counters } from '../src/telemetry/counters.ts';
import { LAYOUT } from './discover/haproxy/haproxy-memory.ts';

function planOf(tgid: number, number?: number): PlanMessage {
  const plan = { tgid, watch: 'watch', family: 'haproxy', executableKey: '1:2' } as const;
  const walk = number === undefined ? {} : { walk: { number, code: 4096, layout: LAYOUT } };
  return { kind: 'plan', ...plan, uprobes: [], resource: {}, ...walk };
}

/** What is asked of the kernel side, in words, and what it answers. */
function worker(refuse = () => {}) {
  const did: string[] = [];
  const state = { agreed: 0, disagreed: 0, taken: 0 };
  const counters = new Counters();
  const walks = new HaproxyWalks({
    kernel: {
      setWalk: (number, _, isProven) => {
        refuse();
        did.push(`set ${number}${isProven ? ' proven' : ''}`);
      },
      offerWalk: (tgid, number) => did.push(`offer ${number} to ${tgid}`),
      readWalk: () => state,
      walkAlone: (number) => did.push(`alone ${number}`),
    },
    counters,
    detach: ({ tgid }) => did.push(`detach ${tgid}`),
    unavailable: (what) => did.push(what),
    log: (level) => did.push(level),
  });
  return { walks, did, state, counters };
}

describe('the structures of HAProxy', () => {
  test('are set once and offered to each process', () => {
    const { walks, did } = worker();
    assert.equal(walks.offer(planOf(5, 1), true), false);
    assert.equal(walks.offer(planOf(6, 1), true), false);
    assert.equal(walks.offer(planOf(7), true), false);
    assert.deepEqual(did, ['set 1', 'offer 1 to 5', 'offer 1 to 6']);
  });

  test('take over when enough requests agreed; then new processes need no probe', () => {
    const { walks, did, state, counters } = worker();
    walks.offer(planOf(5, 1), true);
    state.agreed = HAPROXY_PROOFS - 1;
    walks.tick();
    assert.equal(walks.isAlone(planOf(6, 1)), false);
    Object.assign(state, { agreed: HAPROXY_PROOFS, taken: 3 });
    walks.tick();
    walks.tick();
    assert.equal(walks.isAlone(planOf(6, 1)), true);
    assert.equal(walks.isAlone(planOf(6, 2)), false);
    assert.deepEqual(did.slice(2), ['detach 5', 'alone 1', 'info']);
    assert.equal(counters.get('link.haproxy_walked'), 3);
  });

  test('are not used after a difference, which is counted and told', () => {
    const { walks, did, state, counters } = worker();
    walks.offer(planOf(5, 1), true);
    Object.assign(state, { agreed: HAPROXY_PROOFS, disagreed: 1 });
    walks.tick();
    walks.tick();
    assert.equal(walks.isAlone(planOf(5, 1)), false);
    assert.deepEqual(did.slice(2), ['warn']);
    assert.equal(counters.get('link.haproxy_walk_refuted'), 1);
  });

  test('leave the probes where they are when the kernel side does not take them', () => {
    const { walks, did } = worker(() => {
      throw new Error('no room');
    });
    assert.equal(walks.offer(planOf(5, 1), true), false);
    assert.deepEqual(did, ["linking by HAProxy's structures"]);
  });

  test('are believed at once where there is no probe to agree with', () => {
    const { walks, did } = worker();
    assert.equal(walks.offer(planOf(5, 1), false), true);
    assert.deepEqual(did.slice(0, 1), ['set 1 proven']);
    assert.equal(walks.isAlone(planOf(6, 1)), true);
  });
});
