/**
 * The qtap.yaml files of Qtap's published guides for Traefik and HAProxy, as they are. Each
 * validates; what is wrong with a guide itself is a warning.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadGrammars } from '../../src/commands/grammars.ts';
import { loadConfig } from '../../src/config/file/load.ts';

const GRAMMARS = await loadGrammars('');

const KEYS = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' };

const BUCKET = 'bucket my-company-Traefik-traffic has upper-case letters';
const UNSET = [
  'the environment variable AWS_ACCESS_KEY_ID is not set',
  'the environment variable AWS_SECRET_ACCESS_KEY is not set',
];

/** File -> `line:column message` of each warning, with the AWS variables set. */
const WARNINGS: Readonly<Record<string, readonly string[]>> = {
  'haproxy/1-start.yaml': [],
  'haproxy/2-load-balancing.yaml': [],
  'haproxy/3-health-checks.yaml': [],
  'haproxy/4-backend-specific.yaml': [],
  'haproxy/5-production-s3.yaml': [],
  'haproxy/6-sticky-sessions.yaml': [],
  'haproxy/7-blue-green.yaml': [],
  'haproxy/8-rate-limiting.yaml': ['14:13 retry-after is a header of responses; no request has it'],
  'haproxy/9-multi-datacenter.yaml': [
    '29:21 YAML text cannot begin with "!"; it is taken literally',
  ],
  'traefik/1-start.yaml': [],
  'traefik/2-specific-services.yaml': [],
  'traefik/3-service-discovery.yaml': ['11:13 no rule calls the macro has_service_header()'],
  'traefik/4-rate-limiting.yaml': [`11:15 ${BUCKET}`],
  'traefik/5-production-s3.yaml': [],
  'traefik/6-mesh.yaml': [`10:15 ${BUCKET}`],
  'traefik/7-canary.yaml': [],
  'traefik/8-multi-tenant.yaml': [],
};

function load(file: string, environment: Record<string, string>, purpose: 'run' | 'look' = 'look') {
  const text = readFileSync(join(import.meta.dirname, file), 'utf8');
  return loadConfig({ text, file, environment, flags: {}, purpose, grammars: GRAMMARS });
}

test('every file of the guides is in the table: 8 for Traefik, 9 for HAProxy', () => {
  const files = globSync('*/*.yaml', { cwd: import.meta.dirname }).sort();
  assert.deepEqual(files, Object.keys(WARNINGS).sort());
});

for (const [file, expected] of Object.entries(WARNINGS)) {
  test(`${file} validates, with ${expected.length} warnings`, () => {
    const { config, problems } = load(file, KEYS);
    assert.notEqual(config, undefined);
    assert.deepEqual(
      problems.map(({ line, column, message }) => `${line}:${column} ${message}`),
      expected,
    );
    assert.ok(problems.every(({ severity }) => severity === 'warning'));
  });
}

test('variables that are not set are warnings to look at a file and errors to run it', () => {
  const file = 'traefik/5-production-s3.yaml';
  const looked = load(file, {});
  assert.notEqual(looked.config, undefined);
  assert.deepEqual(
    looked.problems.map(({ message }) => message),
    UNSET,
  );
  const run = load(file, {}, 'run');
  assert.equal(run.config, undefined);
  assert.deepEqual(
    run.problems.map(({ severity }) => severity),
    ['error', 'error'],
  );
});

test('the expression of the HAProxy guide that is no YAML is taken literally', () => {
  const { config } = load('haproxy/9-multi-datacenter.yaml', KEYS);
  const plugin = config?.stacks.datacenter_monitoring?.plugins[0];
  const rules = plugin?.type === 'http_capture' ? plugin.config.rules : [];
  assert.equal(rules[1]?.expr, '!is_backup_dc() && http.res.status >= 500');
});
