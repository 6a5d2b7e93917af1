import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Exclusions } from '../../src/discover/exclusions.ts';
import { custom, exclusions } from './filters.ts';

const CURL = '/usr/bin/curl';

test('without filters nothing is left out', () => {
  const none = exclusions({});
  assert.equal(none.isEmpty, true);
  assert.equal(none.excludes(CURL), false);
});

test('each strategy compares as it is called, in any letter case but for patterns', () => {
  const cases: readonly [string, Parameters<typeof custom>[1], string, boolean][] = [
    ['/usr/bin/CURL', 'exact', CURL, true],
    ['/bin/curl', 'exact', CURL, false],
    ['/USR/', 'prefix', CURL, true],
    ['/bin/', 'prefix', CURL, false],
    ['/Curl', 'suffix', CURL, true],
    ['/bin', 'suffix', CURL, false],
    ['bin', 'contains', '/opt/BINARY', true],
    ['sbin', 'contains', CURL, false],
    ['^/usr/.*/c[uv]rl$', 'regex', CURL, true],
    ['in/c', 'regex', CURL, true],
    ['CURL', 'regex', CURL, false],
  ];
  for (const [exe, strategy, path, expected] of cases) {
    const filters = exclusions({ custom: [custom(exe, strategy)] });
    assert.equal(filters.excludes(path), expected, `${strategy} ${exe}`);
  }
});

test('a pattern that is none leaves nothing out', () => {
  const filters = { groups: [], custom: [custom('(', 'regex')] };
  assert.equal(new Exclusions(filters, () => undefined).excludes('('), false);
});

test('only what concerns HTTP leaves a process out', () => {
  const excludes = (...only: ('data' | 'dns' | 'tls' | 'http')[]) =>
    exclusions({ custom: [custom(CURL, 'exact', only)] }).excludes(CURL);
  assert.equal(excludes(), true);
  assert.equal(excludes('http'), true);
  assert.equal(excludes('dns', 'data'), true);
  assert.equal(excludes('tls', 'dns'), false);
});

test('custom filters come before groups, and the first that matches decides', () => {
  const containerd = '/usr/bin/containerd';
  const kept = exclusions({
    groups: ['container-runtimes'],
    custom: [custom('containerd', 'suffix', ['tls']), custom('containerd', 'suffix')],
  });
  assert.equal(kept.excludes(containerd), false);
  assert.equal(kept.excludes('/usr/bin/runc'), true);
});

test('groups are whole paths', () => {
  const groups = exclusions({ groups: ['kubernetes', 'eks', 'gke', 'container-runtimes'] });
  for (const path of ['/proxy-agent', '/app/aws-k8s-agent', '/event-exporter', '/usr/bin/runc']) {
    assert.equal(groups.excludes(path), true, path);
  }
  assert.equal(groups.excludes('/opt/usr/bin/runc'), false);
  assert.equal(exclusions({ groups: ['qpoint', 'spantap'] }).isEmpty, true);
});

test('the filter that decides is named as it is found in the file', () => {
  const filters = exclusions({
    groups: ['container-runtimes'],
    custom: [custom('/wget'), custom('/curl')],
  });
  assert.equal(filters.filterFor(CURL), 'tap.filters.custom[1]');
  assert.equal(filters.filterFor('/usr/bin/runc'), 'group container-runtimes of tap.filters');
  assert.equal(filters.filterFor('/usr/sbin/nginx'), undefined);
});

test('a process whose executable is not known is not left out', () => {
  assert.equal(exclusions({ custom: [custom('.*', 'regex')] }).excludes(''), false);
});
