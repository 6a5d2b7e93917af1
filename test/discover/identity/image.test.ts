import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseImage } from '../../../src/discover/identity/image.ts';

test('an image has a name and a tag; ports and digests are neither', () => {
  const digest = `@sha256:${'a'.repeat(64)}`;
  const cases: readonly [string, string, string][] = [
    ['nginx', 'nginx', ''],
    ['nginx:1.25', 'nginx', '1.25'],
    ['registry:5000/shop/api', 'registry:5000/shop/api', ''],
    ['registry:5000/shop/api:2', 'registry:5000/shop/api', '2'],
    [`docker.io/library/nginx:1${digest}`, 'docker.io/library/nginx', '1'],
    [`nginx${digest}`, 'nginx', ''],
    ['', '', ''],
  ];
  for (const [reference, name, tag] of cases) {
    assert.deepEqual(parseImage(reference), { name, tag }, reference);
  }
});
