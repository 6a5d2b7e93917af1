import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentDigests } from '../../src/store/digests.ts';
import { Counters } from '../../src/telemetry/counters.ts';

test('remembers so many bodies; the one longest unused is forgotten, and counted', () => {
  const counters = new Counters();
  const digests = new RecentDigests(2, counters);
  digests.add('a', 'a');
  digests.add('b', 'b');
  assert.equal(digests.find('a'), 'a');
  digests.add('c', 'c');
  assert.equal(digests.find('b'), undefined);
  assert.equal(digests.find('a'), 'a');
  assert.equal(counters.get('store.digests_forgotten'), 1);
});

test('forgets a body that was dropped, and all that were in a dropped pack', () => {
  const digests = new RecentDigests(10, new Counters());
  digests.add('a', 'a');
  digests.add('b', 'packs/1.tar#bytes=512-516');
  digests.add('c', 'packs/11.tar#bytes=512-516');
  digests.forget('a');
  digests.forget('packs/1.tar');
  assert.equal(digests.find('a'), undefined);
  assert.equal(digests.find('b'), undefined);
  assert.notEqual(digests.find('c'), undefined);
});
