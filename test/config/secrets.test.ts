import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutUsers } from '../../src/config/secrets.ts';

test('user and password of a URL are left out, whatever they are made of', () => {
  for (const [url, shown] of [
    ['http://user:pass@host:4318/v1', 'http://host:4318/v1'],
    ['http://user:p@ss@host/v1', 'http://host/v1'],
    ['http://user@host?at=a@b', 'http://host?at=a@b'],
    ['http://host/a@b', 'http://host/a@b'],
    ['host:4317', 'host:4317'],
  ]) {
    assert.equal(withoutUsers(url, ''), shown);
  }
  assert.equal(withoutUsers('https://u:p@host', '****@'), 'https://****@host');
});
