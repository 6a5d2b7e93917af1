import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointText } from '../../src/handoff/endpoint.ts';

test('an end of a connection has its port, and only that, behind the last colon', () => {
  assert.equal(endpointText('10.0.0.1', 80), '10.0.0.1:80');
  assert.equal(endpointText('::1', 8080), '[::1]:8080');
});

test('a Unix socket has its path, or nothing', () => {
  assert.equal(endpointText('/run/app.sock', 0), '/run/app.sock');
  assert.equal(endpointText('', 0), '');
});
