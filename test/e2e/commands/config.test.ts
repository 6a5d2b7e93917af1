/** `spantap run --config`: what the file says happens, also when it changes; the rest is named. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { MAIN } from '../harness/agent.ts';
import { ask, oneConnection } from '../harness/http-client.ts';
import { Program } from '../harness/program.ts';

const folder = mkdtempSync(join(tmpdir(), 'spantap-run-config-'));
const file = join(folder, 'qtap.yaml');
let server: Server;
let port: number;

before(async () => {
  server = createServer((_, response) => response.end('hello'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});

after(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

function runWith(lines: readonly string[]): Program {
  writeFileSync(file, lines.join('\n'));
  return new Program('spantap', process.execPath, [MAIN, 'run', '--config', file]);
}

async function end(run: Program): Promise<void> {
  run.child.kill('SIGTERM');
  assert.equal(await run.ended(), 0, run.output);
}

test('runs as the file says', async () => {
  const run = runWith([
    'version: 2',
    'services: {object_stores: [{type: stdout}]}',
    'tap: {direction: ingress, http: {stack: s}}',
    'stacks: {s: {plugins: [{type: http_capture, config: {level: details, format: text}}]}}',
    'otel: {traces_exporters: [none], spool: {max_size: 2GiB}}',
    `capture: {ports: [${port}]}`,
    'limits: {ring_size: 1MiB, kernel_connections: 4096, head_size: 4KiB}',
    'telemetry: {logs: {encoding: json}}',
  ]);
  await run.line(/"msg":"watching /);
  await ask(port, '/from/a/file');
  await run.line(/=== HTTP Transaction ===/);
  await run.line(/--- Request Headers ---/);
  assert.match(run.stdout, /URL: http:\/\/127\.0\.0\.1:\d+\/from\/a\/file/);
  await end(run);
});

describe('a file that changes', () => {
  const lines = (level: string, more: readonly string[] = []) => [
    'version: 2',
    'services: {object_stores: [{type: stdout}]}',
    'tap: {http: {stack: s}}',
    `stacks: {s: {plugins: [{type: http_capture, config: {level: ${level}, format: text}}]}}`,
    'otel: {traces_exporters: [console]}',
    `capture: {ports: [${port}]}`,
    ...more,
  ];

  test('is applied at once, also to connections that are open', async () => {
    const run = runWith(lines('summary'));
    await run.line(/watching /);
    await ask(port, '/one');
    await run.line(/GET \/one/);
    writeFileSync(`${file}.new`, lines('full').join('\n'));
    renameSync(`${file}.new`, file);
    await run.line(/(configuration [\s\S]*){2}/);
    await ask(port, '/two');
    await run.line(/URL: http:\/\/[^/]*\/two/);
    assert.match(run.stdout, /URL: [^ ]*\/one\n[^-]*\n={24}\n/, 'a summary has no headers');
    assert.match(run.stdout, /URL: [^ ]*\/two\n[^=]*--- Request Headers ---/);
    writeFileSync(file, lines('none').join('\n'));
    run.child.kill('SIGHUP');
    await run.line(/(configuration [\s\S]*){3}/);
    await ask(port, '/three');
    await end(run);
    assert.doesNotMatch(run.stdout, /\/three/);
    assert.match(run.stderr, /4 spans.*by_rule 2/);
  });

  test('decides which directions are seen, also on connections that are open', async () => {
    const connections = oneConnection();
    const tap = (what: string) => lines('summary').with(2, `tap: {${what}, http: {stack: s}}`);
    const run = runWith(tap('direction: ingress'));
    await run.line(/watching /);
    const become = async (what: string, configurations: number) => {
      writeFileSync(file, tap(what).join('\n'));
      run.child.kill('SIGHUP');
      await run.line(new RegExp(`(configuration [\\s\\S]*){${configurations}}`));
    };
    await ask(port, '/served', { connections });
    await run.line(/GET \/served/);
    await become('ignore_loopback: true', 2);
    await ask(port, '/unseen', { connections });
    await become('direction: egress', 3);
    await ask(port, '/asked', { connections });
    await run.line(/GET \/asked.* ms +> /);
    await end(run);
    connections.destroy();
    assert.doesNotMatch(run.stdout, /\/unseen|\/served.* ms +> |\/asked.* ms +1/);
    assert.match(run.stderr, /2 spans.*, 0 lost/);
  });

  test('that is wrong changes nothing and says why', async () => {
    const run = runWith(lines('summary'));
    await run.line(/watching /);
    writeFileSync(file, lines('everything').join('\n'));
    await run.line(/not applied.*qtap\.yaml:4:\d+: .*everything/);
    const unusable = join(file, 'objects');
    const store = `services: {object_stores: [{type: file, directory: ${unusable}}]}`;
    writeFileSync(file, lines('summary').with(1, store).join('\n'));
    await run.line(/not applied.*qtap\.yaml\/objects cannot be used/);
    await ask(port, '/still');
    await run.line(/GET \/still/);
    await end(run);
  });

  test('that was refused is tried again at SIGHUP, with what it names', async () => {
    const run = runWith(lines('summary'));
    await run.line(/watching /);
    const directory = join(folder, 'taken');
    writeFileSync(directory, '');
    const store = `services: {object_stores: [{type: file, directory: ${directory}/objects}]}`;
    writeFileSync(file, lines('summary').with(1, store).join('\n'));
    await run.line(/not applied.*taken\/objects cannot be used/);
    rmSync(directory);
    run.child.kill('SIGHUP');
    await run.line(/(configuration \/[\s\S]*){2}/);
    await end(run);
  });

  test('may be gone for a while', async () => {
    const run = runWith(lines('summary'));
    await run.line(/watching /);
    rmSync(file);
    await run.line(/not applied.*cannot read .*: there is no such file/);
    writeFileSync(file, lines('summary').join('\n'));
    await run.line(/(configuration \/[\s\S]*){2}/);
    await end(run);
  });

  test('may be a link to a folder that is exchanged, as in Kubernetes', async () => {
    const mount = mkdtempSync(join(folder, 'mount-'));
    for (const [version, level] of Object.entries({ one: 'summary', two: 'full' })) {
      mkdirSync(join(mount, version));
      writeFileSync(join(mount, version, 'qtap.yaml'), lines(level).join('\n'));
    }
    symlinkSync('one', join(mount, '..data'));
    symlinkSync('..data/qtap.yaml', join(mount, 'qtap.yaml'));
    const run = new Program('spantap', process.execPath, [
      MAIN,
      'run',
      '--config',
      join(mount, 'qtap.yaml'),
    ]);
    await run.line(/watching /);
    symlinkSync('two', join(mount, '..new'));
    renameSync(join(mount, '..new'), join(mount, '..data'));
    await run.line(/(configuration \/[\s\S]*){2}/);
    await ask(port, '/second-version');
    await run.line(/URL: http:\/\/[^/]*\/second-version/);
    await end(run);
  });

  test('may be a pipe: it is read once', async () => {
    const pipe = join(folder, 'pipe.yaml');
    assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
    const run = new Program('spantap', process.execPath, [MAIN, 'run', '--config', pipe]);
    writeFileSync(file, lines('summary').join('\n'));
    const writer = spawn('sh', ['-c', 'cat "$1" > "$2"', 'sh', file, pipe]);
    await run.line(/watching /).catch((error) => {
      writer.kill();
      throw error;
    });
    run.child.kill('SIGHUP');
    await ask(port, '/through-a-pipe');
    await run.line(/GET \/through-a-pipe/);
    await end(run);
    assert.doesNotMatch(run.stderr, /not applied/);
  });

  test('names what holds from the next start on', async () => {
    const run = runWith(lines('summary'));
    await run.line(/watching /);
    writeFileSync(file, lines('summary', ['limits: {ring_size: 1MiB}']).join('\n'));
    await run.line(/limits\.ring_size changed: it holds from the next start on/);
    await end(run);
  });
});

test('without a file, SIGHUP ends the agent as SIGTERM does', async () => {
  const env = { QPOINT_CONFIG: file };
  const run = new Program('spantap', process.execPath, [MAIN, 'run', '--port', String(port)], {
    env,
  });
  await run.line(/watching /);
  assert.match(run.stderr, /QPOINT_CONFIG is not read.*give --config FILE/);
  run.child.kill('SIGHUP');
  assert.equal(await run.ended(), 0, run.output);
  assert.match(run.stderr, /0 lost/);
});
