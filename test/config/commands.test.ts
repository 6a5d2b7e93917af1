/** `spantap validate`, `spantap config` and `spantap run --config` as a person types them. */
import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { promisify } from 'node:util';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts');
const folder = mkdtempSync(join(tmpdir(), 'spantap-config-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** A named pipe. */
function pipe(name: string): string {
  const path = join(folder, name);
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
  return path;
}

function spantap(args: readonly string[], rest: { input?: string; env?: object } = {}) {
  const env = { PATH: process.env.PATH, ...rest.env };
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    encoding: 'utf8',
    env,
    input: rest.input ?? '',
    timeout: 60_000,
  });
  return { status, stdout, stderr };
}

const right = file('right.yaml', 'otel: {timeout: 2s}\n');
const doubtful = file('doubtful.yaml', 'stacks: {s: {}}\n');
const wrong = file('wrong.yaml', 'tap:\n  direction: inbound\n');

describe('validate', () => {
  test('exits 0 for files that are right, warnings or not', () => {
    const { status, stdout } = spantap(['validate', right, doubtful]);
    assert.equal(status, 0);
    assert.match(stdout, /right\.yaml: valid\n/);
    assert.match(stdout, /doubtful\.yaml:1:13: warning: stacks\.s: neither/);
    assert.match(stdout, /doubtful\.yaml: valid, 1 warning\n/);
  });

  test('exits 1 when one of them is wrong, and says where', () => {
    const { status, stdout, stderr } = spantap(['validate', right, wrong]);
    assert.equal(status, 1);
    assert.match(
      stdout,
      /wrong\.yaml:2:14: error: tap\.direction: "inbound" is not known\n {2}allowed: all,/,
    );
    assert.match(stdout, /wrong\.yaml: 1 error\n/);
    assert.equal(stderr, '');
  });

  test('reads standard input as -', () => {
    assert.equal(spantap(['validate', '-'], { input: 'version: 2\n' }).status, 0);
    const { status, stdout } = spantap(['validate', '-'], { input: 'version: 3\n' });
    assert.equal(status, 1);
    assert.match(stdout, /^stdin:1:10: error: version: 3 is not between/);
    assert.match(stdout, /^stdin: 1 error\n/m);
  });

  test('says what cannot be read, without a stack trace', () => {
    const cases: [string, RegExp][] = [
      [join(folder, 'missing.yaml'), /cannot read .*missing\.yaml: there is no such file/],
      [join(right, 'inside.yaml'), /cannot read .*: there is no such file/],
      [folder, /cannot read .*: it is a directory/],
      [
        'https://example.net/qtap.yaml',
        /example\.net\/qtap\.yaml is a URL, which is not supported/,
      ],
      [pipe('nobody.yaml'), /cannot read .*nobody\.yaml: nobody writes into this pipe/],
    ];
    for (const [path, expected] of cases) {
      const { status, stderr } = spantap(['validate', path]);
      assert.equal(status, 1);
      assert.match(stderr, expected);
      assert.doesNotMatch(stderr, /^\s+at /m);
    }
  });

  test('says where bytes are no UTF-8', () => {
    const latin1 = Buffer.from('tap:\n  http: {stack: d\xe9j\xe0}', 'latin1');
    const { status, stdout } = spantap(['validate', file('latin1.yaml', latin1)]);
    assert.equal(status, 1);
    assert.match(
      stdout,
      /latin1\.yaml:2:18: error: the byte 0xe9 is no UTF-8\n {2}save the file as/,
    );
    const utf16 = file('utf16.yaml', Buffer.from('\ufeffversion: 2', 'utf16le'));
    assert.match(
      spantap(['validate', utf16]).stdout,
      /utf16\.yaml:1:1: error: the byte 0xff is no UTF-8\n {2}the file is UTF-16/,
    );
  });

  test('looks at the other files when one cannot be read', () => {
    const { status, stdout, stderr } = spantap(['validate', right, '/nowhere', wrong]);
    assert.equal(status, 1);
    assert.match(stderr, /cannot read \/nowhere/);
    assert.match(stdout, /right\.yaml: valid\n[\s\S]*wrong\.yaml: 1 error\n/);
  });

  test('reads from a pipe that is written into later', async () => {
    const path = pipe('later.yaml');
    const writer = spawn('sh', ['-c', 'echo "version: 2" > "$1"', 'sh', path]);
    const ended = promisify(execFile)(process.execPath, [MAIN, 'validate', path]);
    const { stdout } = await ended.finally(() => writer.kill());
    assert.match(stdout, /later\.yaml: valid\n/);
  });

  test('reads no more than a bounded part of a file without an end', () => {
    const { status, stdout } = spantap(['validate', '/dev/zero']);
    assert.equal(status, 1);
    assert.match(
      stdout,
      /^\/dev\/zero:1:1: error: the file has \d+ bytes; 1048576 are read at most/,
    );
  });

  test('checks patterns', () => {
    const path = file('pattern.yaml', "redaction: {rules: [{type: regex, pattern: '(?<=x)y'}]}");
    const { status, stdout } = spantap(['validate', path]);
    assert.equal(status, 1);
    assert.match(stdout, /:1:45: error: redaction\.rules\[0\]\.pattern: the pattern is not valid/);
  });
});

describe('config', () => {
  test('prints the merged configuration with origins', () => {
    const env = { OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip' };
    const { status, stdout } = spantap(['config', '--config', right, '--port', '80'], { env });
    assert.equal(status, 0);
    assert.match(stdout, /timeout: 2s +# .*right\.yaml:1:17\n/);
    assert.match(stdout, /compression: gzip +# OTEL_EXPORTER_OTLP_COMPRESSION\n/);
    assert.match(stdout, /ports: \[80\] +# --port\n/);
    assert.equal(spantap(['validate', '-'], { input: stdout }).status, 0);
  });

  test('names variables that have no key, without their values', () => {
    const env = { OTEL_EXPORTER_OTLP_METRICS_HEADERS: 'k=hunter2', OTEL_SERVICE_NAME: 'edge' };
    const { stdout } = spantap(['config'], { env });
    assert.match(
      stdout,
      /# set without a key here: OTEL_EXPORTER_OTLP_METRICS_HEADERS, OTEL_SERVICE_NAME\n$/,
    );
  });

  test('exits 1 for a file that is wrong', () => {
    const { status, stdout, stderr } = spantap(['config', '--config', wrong]);
    assert.deepEqual([status, stdout], [1, '']);
    assert.match(stderr, /wrong\.yaml:2:14: error/);
  });
});

describe('run --config', () => {
  test('refuses a file that is wrong before anything else', () => {
    const { status, stderr } = spantap(['run', '--config', wrong]);
    assert.equal(status, 1);
    assert.match(
      stderr,
      /^spantap: the configuration is wrong\n.*wrong\.yaml:2:14: error: tap\.direction/,
    );
    assert.doesNotMatch(stderr, /^\s+at /m);
  });

  test('refuses variables that are not set', () => {
    const path = file('variable.yaml', 'redaction: {hash_key: {type: env, value: NOT_SET}}');
    const { status, stderr } = spantap(['run', '--config', path]);
    assert.equal(status, 1);
    assert.match(
      stderr,
      /:1:42: error: redaction\.hash_key: the environment variable NOT_SET is not set/,
    );
  });
});
