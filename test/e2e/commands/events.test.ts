/** `spantap run --config`: events of connections, exchanges and objects, and access logs. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { MAIN } from '../harness/agent.ts';
import { ask } from '../harness/http-client.ts';
import { Program } from '../harness/program.ts';

const folder = mkdtempSync(join(tmpdir(), 'spantap-run-events-'));
const file = join(folder, 'qtap.yaml');
const events = join(folder, 'events.jsonl');
let server: Server;
let port: number;

before(async () => {
  server = createServer((request, response) => {
    response.statusCode = request.url?.startsWith('/bad') === true ? 500 : 200;
    response.end('hello');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});

after(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

const lines = (eventStores: string) => [
  'version: 2',
  'services:',
  `  event_stores: ${eventStores}`,
  `  object_stores: [{type: file, directory: ${folder}/objects}]`,
  'stacks:',
  '  s:',
  '    plugins:',
  '      - {type: http_capture, config: {level: details}}',
  '      - {type: report_usage, config: {tags: ["a:b"], headers: [x-team, authorization]}}',
  '      - type: access_logs',
  '        config: {mode: none, rules: [{expr: http.res.status >= 500, mode: details}]}',
  'tap: {http: {stack: s}}',
  'otel: {traces_exporters: [none]}',
  `capture: {ports: [${port}]}`,
];

interface Told {
  readonly type: string;
  readonly item: Readonly<Record<string, unknown>>;
}

/** What the server's side was told of; this process is the client as well. */
const told = (type: string): Told['item'][] =>
  readFileSync(events, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line): Told => JSON.parse(line))
    .filter((event) => event.type === type)
    .map(({ item }) => item)
    .filter(({ direction, summary }) => (direction ?? directionIn(summary)) === 'ingress');

const directionIn = (summary: unknown): unknown => (summary as { direction?: string }).direction;

test('event stores and plugins of a file', async () => {
  const headers = { 'X-Team': 'edge', Authorization: 'Bearer s3cret', connection: 'close' };
  writeFileSync(file, lines(`[{type: file, path: ${events}}]`).join('\n'));
  const run = new Program('spantap', process.execPath, [MAIN, 'run', '--config', file]);
  await run.line(/watching /);
  assert.doesNotMatch(run.stderr, /no effect/);
  await ask(port, '/good', { headers });
  await ask(port, '/bad', { headers });
  const line = JSON.parse(await run.line(/^\{.*"HTTP transaction".*$/m));
  assert.equal(line.response.status, 500);
  assert.equal(line.request.headers['X-Team'], 'edge');

  writeFileSync(`${file}.new`, lines('[{type: stdout}]').join('\n'));
  renameSync(`${file}.new`, file);
  await run.line(/(configuration [\s\S]*){2}/);
  await ask(port, '/later', { headers });
  const usage = JSON.parse(await run.line(/^\{"type":"request".*$/m));
  run.child.kill('SIGTERM');
  assert.equal(await run.ended(), 0, run.output);

  assert.deepEqual(
    told('request').map(({ path, status }) => [path, status]),
    [
      ['/good', 200],
      ['/bad', 500],
    ],
  );
  const [{ headers: promoted, tags, traceId } = {}] = told('request');
  assert.deepEqual(promoted, { 'x-team': 'edge', authorization: 'REDACTED' });
  assert.deepEqual(tags, ['a:b']);
  assert.equal(usage.item.path, '/later');

  const [note, ...more] = told('artifact_record');
  assert(note);
  assert.equal(more.length, 1);
  assert.equal(note.traceId, traceId);
  assert.ok(existsSync(String(note.uri).replace('file://', '')));

  const connections = told('connection');
  assert.equal(connections.length, 2);
  for (const { finalized, l7Protocol } of connections) {
    assert.deepEqual([finalized, l7Protocol], [true, 'http1']);
  }
  const everything = readFileSync(events, 'utf8') + run.stdout;
  assert.doesNotMatch(everything, /s3cret/);
});
