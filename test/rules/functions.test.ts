import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { loadZones } from '../../src/rules/expression.ts';
import { FALSE, MISSING, TRUE } from '../../src/rules/types.ts';
import { expressionOf, problemOf, sourceOf } from './rules.ts';

const ask = (text: string, host: string) =>
  expressionOf(text).test(sourceOf({ client: true, headers: [['Host', host]] }));

describe('zone', () => {
  test('wants its list to be loaded, which only files that call it do', async () => {
    assert.match(problemOf('zone(dst.domain) == "a"').message, /not loaded/);
    await loadZones(['in_zone(dst.domain, "a")']);
    assert.match(problemOf('zone(dst.domain) == "a"').message, /not loaded/);
    await loadZones(['true', 'zone(dst.domain) == "a"']);
    assert.ok(expressionOf('zone(dst.domain) == "a"'));
  });

  test('is the public suffix and one label more', async () => {
    await loadZones(['zone(']);
    assert.equal(ask('zone(dst.domain) == "example.co.uk"', 'a.b.example.co.uk'), TRUE);
    assert.equal(ask('zone(dst.domain) == "x.github.io"', 'a.x.github.io:443'), TRUE);
    assert.equal(ask('zone(http.req.host) == "example.com"', 'a.example.com.'), TRUE);
    assert.equal(ask('zone(dst.domain) == "localhost"', 'localhost'), TRUE);
    assert.equal(ask('zone(dst.domain) == "a"', '10.0.0.1'), MISSING);
    assert.equal(ask('zone(dst.domain) in ["a", "example.org"]', 'www.example.org'), TRUE);
  });
});

test('in_zone is the zone and everything below it', () => {
  assert.equal(ask('in_zone(dst.domain, "example.com")', 'a.b.example.com'), TRUE);
  assert.equal(ask('in_zone(dst.domain, "example.com")', 'example.com'), TRUE);
  assert.equal(ask('in_zone(dst.domain, "example.com")', 'badexample.com'), FALSE);
});

test('starts_with takes numbers and addresses by their text, and any value of a header', () => {
  assert.equal(ask('starts_with(http.res.status, 20)', 'x'), TRUE);
  assert.equal(ask('starts_with(dst.ip, "10.0.")', 'x'), TRUE);
  assert.equal(ask('starts_with(http.req.headers.host, "ex")', 'example'), TRUE);
  assert.equal(ask('starts_with(http.req.headers.none, "ex")', 'example'), MISSING);
  const twice = sourceOf({
    headers: [
      ['A', 'one'],
      ['A', 'two'],
    ],
  });
  assert.equal(expressionOf('starts_with(http.req.headers.a, "tw")').test(twice), TRUE);
  assert.equal(expressionOf('starts_with(http.req.headers.a, "é")').test(twice), FALSE);
  assert.equal(
    expressionOf('starts_with(http.req.headers.a, http.req.headers.a)').test(twice),
    TRUE,
  );
});
