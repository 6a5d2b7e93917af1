/** `spantap run --config`: what the file says happens, what is not built yet is named. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { MAIN } from '../harness/agent.ts';
import { ask } from '../harness/http-client.ts';
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

test('runs as the file says, and names what has no effect yet', async () => {
  const lines = [
    'version: 2',
    'services: {object_stores: [{type: stdout}]}',
    'tap: {direction: ingress, http: {stack: s}}',
    'stacks: {s: {plugins: [{type: http_capture, config: {level: details}}]}}',
    'otel: {traces_exporters: [console]}',
    `capture: {ports: [${port}]}`,
    'limits: {ring_size: 1MiB, kernel_connections: 4096, head_size: 4KiB}',
    'telemetry: {logs: {encoding: json}}',
  ];
  writeFileSync(file, lines.join('\n'));
  const run = new Program('spantap', process.execPath, [MAIN, 'run', '--config', file]);
  await run.line(/"msg":"watching /);
  assert.match(run.stderr, /qtap\.yaml:2: no effect yet: services\.object_stores: /);
  assert.match(run.stderr, /qtap\.yaml:3: no effect yet: tap\.direction: /);
  assert.match(run.stderr, /qtap\.yaml:4: no effect yet: stacks: /);
  assert.doesNotMatch(run.stderr, /no effect yet: (otel|capture|limits|telemetry)/);
  assert.match(run.stderr, /spans carry level details/);
  await ask(port, '/from/a/file');
  await run.line(/GET \/from\/a\/file/);
  run.child.kill('SIGTERM');
  assert.equal(await run.ended(), 0, run.output);
});
