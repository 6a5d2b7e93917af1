import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCommandLine } from '../../src/config/command-line.ts';
import { AgentError } from '../../src/telemetry/agent-error.ts';

test('without a command the agent runs on everything', () => {
  const line = parseCommandLine([]);
  assert.deepEqual(line, {
    command: 'run',
    config: undefined,
    flags: {},
    summaryJson: undefined,
  });
});

test('flags without a command belong to run', () => {
  const line = parseCommandLine(['--process', 'nginx', '--process=42', '--port', '8080']);
  assert.equal(line.command, 'run');
  assert.deepEqual(line.command === 'run' && line.flags, {
    process: ['nginx', '42'],
    port: [8080],
  });
});

test('validate takes files, config takes the flags of run', () => {
  const files = ['a.yaml', '-'];
  assert.deepEqual(parseCommandLine(['validate', ...files]), { command: 'validate', files });
  assert.deepEqual(parseCommandLine(['config', '--config', 'a.yaml', '--level', 'full']), {
    command: 'config',
    config: 'a.yaml',
    flags: { level: 'full' },
  });
});

test('record is bounded unless it is told otherwise', () => {
  const line = parseCommandLine(['record', 'events.bin', '--seconds', '2']);
  assert.equal(line.command === 'record' && line.file, 'events.bin');
  assert.equal(line.command === 'record' && line.secondsMax, 2);
  assert.equal(line.command === 'record' && line.bytesMax, 64 * 1024 * 1024);
});

test('doctor takes a pid or nothing', () => {
  assert.deepEqual(parseCommandLine(['doctor']), {
    command: 'doctor',
    pid: undefined,
    config: undefined,
  });
  assert.deepEqual(parseCommandLine(['doctor', '17']), {
    command: 'doctor',
    pid: 17,
    config: undefined,
  });
  const { config } = {
    config: undefined,
    ...parseCommandLine(['doctor', '17', '--config', 'a.yaml']),
  };
  assert.equal(config, 'a.yaml');
});

const REFUSED: [string[], RegExp][] = [
  [['--http-buffer-size', '4mb'], /^the flag --http-buffer-size of Qtap is not supported/],
  [['run', '--enable-dev-tools'], /^the flag --enable-dev-tools of Qtap/],
  [['runn'], /unknown command "runn"/],
  [['--proces', 'nginx'], /unknown flag --proces/],
  [['-x'], /unknown flag -x/],
  [['doctor', '--port', '80'], /unknown flag --port for doctor/],
  [['doctor', 'nginx'], /doctor takes a process id, not "nginx"/],
  [['--port', '99999'], /--port 99999 is not a port number/],
  [['--port', 'http'], /--port http is not a port number/],
  [['--process'], /--process/],
  [['--level', 'ful'], /--level ful is not one of summary, details, full/],
  [['--log-level', 'loud'], /--log-level loud is not one of/],
  [['record'], /record needs the name of a file/],
  [['record', 'a', 'b'], /record does not know what to do with "b"/],
  [['record', 'a', '--seconds', '-1'], /--seconds/],
  [['validate'], /validate needs the name of a file/],
  [['config', 'a.yaml'], /config does not know what to do with "a.yaml"/],
  [['config', '--summary-json', 'x'], /unknown flag --summary-json for config/],
  [['run', 'nginx'], /run does not know what to do with "nginx"/],
];

for (const [argv, expected] of REFUSED) {
  test(`"${argv.join(' ')}" is refused in words`, () => {
    assert.throws(
      () => parseCommandLine(argv),
      (error) =>
        error instanceof AgentError && error.code === 'usage' && expected.test(error.message),
    );
  });
}

test('a mistyped word comes with a suggestion', () => {
  assert.throws(
    () => parseCommandLine(['--proces', 'nginx']),
    (error) => error instanceof AgentError && (error.text.todo ?? '').includes('--process?'),
  );
});
