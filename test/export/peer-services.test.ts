import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../../src/config/limits.ts';
import { PeerServices } from '../../src/export/peer-services.ts';
import type { ResourceInfo } from '../../src/export/types.ts';
import { attributesOf } from './stage.ts';

const service = (name: string): ResourceInfo => ({ attributes: { 'service.name': name } });

test('a CLIENT span names the service of the process that read its request', () => {
  const peers = new PeerServices((index) => service(`service-${index}`));
  const row = { client: true, peerProcess: 4 };
  assert.equal(attributesOf(row, { peers })['peer.service'], 'service-3');
});

test('nothing is named where the other end is unknown, or on SERVER spans', () => {
  const peers = new PeerServices(() => service('shop'));
  assert.equal('peer.service' in attributesOf({ client: true }, { peers }), false);
  assert.equal('peer.service' in attributesOf({ peerProcess: 1 }, { peers }), false);
});

test('a process that became another program has another name', () => {
  let now = service('shell');
  const peers = new PeerServices(() => now);
  assert.deepEqual(peers.of(0)?.attributes, [['peer.service', 'shell']]);
  assert.equal(peers.of(0), peers.of(0));
  now = service('shop');
  assert.deepEqual(peers.of(0)?.attributes, [['peer.service', 'shop']]);
});

test('beyond the limit names are encoded again', () => {
  const all = new Map<number, ResourceInfo>();
  const peers = new PeerServices((index) => {
    const info = all.get(index) ?? service(String(index));
    all.set(index, info);
    return info;
  });
  const first = peers.of(0);
  for (let index = 1; index <= limits.resourcesMax; index += 1) peers.of(index);
  assert.notEqual(peers.of(0), first);
  assert.deepEqual(peers.of(0), first);
});
