/** The rules that the guides tell users to write, doing what the guides say that they do. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findUnreachable } from '../../src/rules/sets/reach.ts';
import { createVerdict, evaluate, type RuleSet } from '../../src/rules/sets/rule-set.ts';
import type { Row } from '../export/rows.ts';
import { ruleSetOf, sourceOf } from './rules.ts';

function levelOf(set: RuleSet, row: Row): string {
  return evaluate(set, sourceOf(row), createVerdict()).level;
}

const slow = { startNs: 1e9, endNs: 1e9 + 1_500e6 };

describe('the guide for HAProxy', () => {
  test('skips healthy health checks and keeps failing ones', () => {
    const macros = {
      is_health_check: 'http.req.path == "/health"',
      is_error: 'http.res.status >= 400',
    };
    const set = ruleSetOf(
      [
        { expr: 'is_health_check() && http.res.status == 200', level: 'none' },
        { expr: 'is_health_check() && is_error()', level: 'full' },
        { expr: 'is_error() && !is_health_check()', level: 'full' },
      ],
      { macros },
    );
    assert.equal(levelOf(set, { target: '/health' }), 'none');
    assert.equal(levelOf(set, { target: '/health', status: 503 }), 'full');
    assert.equal(levelOf(set, { target: '/api/x', status: 503 }), 'full');
    assert.equal(levelOf(set, { target: '/api/x' }), 'none');
    assert.deepEqual(findUnreachable(set), []);
  });

  test('keeps API traffic, slow requests and errors', () => {
    const macros = {
      is_api_backend: 'http.req.path matches /^\\/api\\//',
      is_slow: 'http.res.duration_ms > 500',
    };
    const set = ruleSetOf(
      [
        { expr: 'is_api_backend()', level: 'full' },
        { expr: 'is_slow()', level: 'details' },
        { expr: 'http.res.status >= 400', level: 'full' },
      ],
      { macros },
    );
    assert.equal(levelOf(set, { target: '/api/users' }), 'full');
    assert.equal(levelOf(set, { target: '/web', ...slow }), 'details');
    assert.equal(levelOf(set, { target: '/web', ...slow, status: 500 }), 'full');
    assert.equal(levelOf(set, { target: '/web' }), 'none');
  });

  test('finds rate limits, retries and another data centre', () => {
    const macros = {
      is_rate_limited: 'http.res.status == 429 || http.res.status == 503',
      is_retry: 'http.req.headers.retry-after != ""',
      is_backup_dc: 'http.req.url matches /dc2-/',
    };
    const set = ruleSetOf(
      [
        { expr: 'is_rate_limited()', level: 'full' },
        { expr: 'is_retry()', level: 'details' },
        { expr: 'is_backup_dc()', level: 'full' },
        { expr: '!is_backup_dc() && http.res.status >= 500', level: 'full' },
        { expr: 'http.res.status >= 0', level: 'summary' },
      ],
      { macros },
    );
    assert.equal(levelOf(set, { status: 429 }), 'full');
    assert.equal(
      levelOf(set, {
        headers: [
          ['Host', 'a'],
          ['Retry-After', '5'],
        ],
      }),
      'details',
    );
    assert.equal(levelOf(set, { headers: [['Host', 'dc2-api:80']] }), 'full');
    assert.equal(levelOf(set, { headers: [['Host', 'dc1-api:80']], status: 502 }), 'full');
    assert.equal(levelOf(set, { headers: [['Host', 'dc1-api:80']] }), 'summary');
    assert.equal(levelOf(set, { status: 0 }), 'none');
  });
});

describe('the guide for Traefik', () => {
  test('keeps one service, external errors and slow requests', () => {
    const macros = {
      is_service_a: 'http.req.path matches /^\\/api\\/service-a\\//',
      is_external: 'http.req.path matches /^\\/api\\/httpbin\\//',
      is_error: 'http.res.status >= 400',
    };
    const set = ruleSetOf(
      [
        { expr: 'is_service_a()', level: 'full' },
        { expr: 'is_external() && is_error()', level: 'full' },
        { expr: 'http.res.duration_ms > 1000', level: 'details' },
      ],
      { macros },
    );
    assert.equal(levelOf(set, { target: '/api/service-a/users' }), 'full');
    assert.equal(levelOf(set, { target: '/api/httpbin/status/404', status: 404 }), 'full');
    assert.equal(levelOf(set, { target: '/api/httpbin/get' }), 'none');
    assert.equal(levelOf(set, { target: '/x', ...slow }), 'details');
  });

  test('summarises a mesh and has its errors in full, which Qtap cannot', () => {
    const macros = { is_internal_service: 'http.req.path matches /^\\/api\\/service-[a-z]\\//' };
    const rules = [
      { expr: 'is_internal_service()', level: 'summary' },
      { expr: 'is_internal_service() && http.res.status >= 400', level: 'full' },
    ] as const;
    const ours = ruleSetOf(rules, { macros, level: 'summary' });
    const row = { target: '/api/service-b/x', status: 500 };
    assert.equal(levelOf(ours, row), 'full');
    const first = ruleSetOf(rules, { macros, level: 'summary', match: 'first' });
    assert.equal(levelOf(first, row), 'summary');
    assert.deepEqual(
      findUnreachable(first).map(({ index }) => index),
      [1],
    );
  });

  test('tells tenants apart by host', () => {
    const macros = {
      tenant_a: 'http.req.headers.host matches /^tenant-a\\./',
      tenant_b: 'http.req.headers.host matches /^tenant-b\\./',
    };
    const set = ruleSetOf(
      [
        { expr: 'tenant_a()', level: 'full' },
        { expr: 'tenant_b() && http.res.status >= 400', level: 'full' },
      ],
      { macros },
    );
    assert.equal(levelOf(set, { headers: [['host', 'tenant-a.example']] }), 'full');
    assert.equal(levelOf(set, { headers: [['host', 'tenant-b.example']] }), 'none');
    assert.equal(levelOf(set, { headers: [['host', 'tenant-b.example']], status: 400 }), 'full');
  });
});
