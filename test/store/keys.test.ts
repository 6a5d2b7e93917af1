import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodyKey, expandUrl, packKey, recordKey } from '../../src/store/keys.ts';

const LATE_MS = Date.UTC(2026, 0, 5, 23, 59, 59, 999);
const IDS = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };

test('keys begin with the prefix, if any, and the day in UTC', () => {
  assert.equal(
    recordKey('a/b', LATE_MS, IDS),
    'a/b/2026/01/05/0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331.json',
  );
  assert.equal(bodyKey('', LATE_MS, 'ff'), '2026/01/05/sha256/ff');
  assert.equal(packKey('p', LATE_MS + 1, 'x'), 'p/2026/01/06/packs/x.tar');
});

test("access_url knows Qtap's placeholders, DIGEST as the whole key, and the bare digest", () => {
  const parts = {
    SCHEME: 'https',
    ENDPOINT: 's3.test:9000',
    BUCKET: 'b',
    DIGEST: '2026/01/05/sha256/ff',
    SHA256: 'ff',
  };
  const expand = (template: string) => expandUrl(template, parts);
  assert.equal(
    expand('{{SCHEME}}://{{ENDPOINT}}/{{BUCKET}}/{{DIGEST}}'),
    'https://s3.test:9000/b/2026/01/05/sha256/ff',
  );
  assert.equal(expand('https://view/{{SHA256}}?{{SHA256}}'), 'https://view/ff?ff');
  assert.equal(
    expand('https://view/{{TENANT}}/{{ DIGEST }}'),
    'https://view/{{TENANT}}/{{ DIGEST }}',
  );
});

test('what is put into a URL is not expanded again, and is escaped', () => {
  const parts = { SCHEME: '', ENDPOINT: '', BUCKET: '{{SHA256}}', DIGEST: 'a b/c?d', SHA256: 'ff' };
  assert.equal(expandUrl('{{BUCKET}}/{{DIGEST}}', parts), '{{SHA256}}/a%20b/c%3Fd');
});
