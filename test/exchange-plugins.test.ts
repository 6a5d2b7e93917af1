/** access_logs, debug and report_usage of a file, on batches as the worker hands them over. */
import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { EventStores } from '../src/event-stores.ts';
import { ExchangePlugins } from '../src/exchange-plugins.ts';
import { compileStacks } from '../src/rules/decide/stacks.ts';
import { ExchangeSource } from '../src/rules/fields/exchange-source.ts';
import { BatchRedaction } from '../src/rules/redaction/batch.ts';
import { configuredRedaction } from '../src/rules/redaction/configured.ts';
import { RecordBuilder } from '../src/store/record-builder.ts';
import { StandardOutput } from '../src/store/standard-output.ts';
import { Counters } from '../src/telemetry/counters.ts';
import { GRAMMARS, loadRight } from './config/file/load.ts';
import { type Row, toBatch } from './export/rows.ts';
import { factSource } from './rules/rules.ts';
import { Lines } from './store/options.ts';
import { temporaryFolder } from './store/temporary.ts';

const DEADLINE_MS = 10_000;
const MIB = 1024 * 1024;

/** What is printed, and what is in the file of events, when `rows` are of the stack `main`. */
async function tell(
  t: TestContext,
  plugins: string,
  rows: readonly Row[],
  hasStore = true,
  rules = '',
) {
  const folder = temporaryFolder(t);
  const events = join(folder, 'events');
  const stores = hasStore ? `[{type: file, path: ${events}}]` : '[]';
  const yaml = `version: 2
services: { event_stores: ${stores} }
stacks: { main: { plugins: [${plugins}] } }
tap: { http: { stack: main } }
redaction: { rules: [${rules}] }
`;
  const config = loadRight(yaml, { grammars: GRAMMARS });
  const counters = new Counters();
  const log = new Lines();
  const printed = join(folder, 'stdout');
  const fd = openSync(printed, 'w');
  const output = new StandardOutput({ bytesMax: MIB, log, fd });
  const context = { counters, log, env: {}, output, spanProtocol: 'grpc' } as const;
  const eventStores = await EventStores.open(config.services.eventStores, context);
  const redaction = configuredRedaction(config.redaction);
  const stacks = await compileStacks(config, 'summary');
  const process = { pid: 12, exe: '/usr/sbin/nginx', name: 'nginx' };
  const view = { process: { ...process, container: undefined, pod: undefined }, tags: ['a:b'] };
  const exchanges = new ExchangePlugins({
    stacks: stacks.all,
    source: new ExchangeSource(factSource()),
    builder: new RecordBuilder({
      redaction: redaction.redaction,
      processOf: () => view,
      toUnixMs: (ns) => ns / 1e6,
      isInternal: () => true,
      decodedBytesMax: MIB,
      counters,
    }),
    stores: eventStores,
    output,
    isColoured: false,
    coversBodies: redaction.redaction.coversBodies,
    counters,
  });
  const batch = toBatch(rows);
  const ofRows = new Uint8Array(rows.length).fill(stacks.standard);
  exchanges.decide(batch, ofRows);
  const wanted = rows.map((_, row) => exchanges.isWanted(row, ofRows));
  const visible = new BatchRedaction(redaction.redaction).apply(
    batch,
    (row) => wanted[row] ?? false,
  );
  exchanges.add(visible, ofRows);
  await eventStores.close(DEADLINE_MS);
  await output.flush(DEADLINE_MS);
  closeSync(fd);
  return {
    wanted,
    text: readFileSync(printed, 'utf8'),
    lines: () =>
      readFileSync(printed, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
    events: () =>
      readFileSync(events, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
  };
}

const SECRET = ['Authorization', 'Bearer s3cret'] as const;
const HOST = ['Host', 'shop.test'] as const;

test('the first rule that matches gives the mode, none prints nothing', async (t) => {
  const config = `{mode: summary, rules: [
    {expr: 'http.req.path == "/health"', mode: none},
    {expr: 'http.res.status >= 400', mode: details},
    {expr: 'http.res.status >= 200', mode: full}]}`;
  const rows = [
    { target: '/health', status: 500 },
    { target: '/a', status: 404, headers: [HOST, SECRET] },
    { target: '/b', status: 0, end: 'reset' },
  ] as const;
  const { lines, wanted, text } = await tell(t, `{type: access_logs, config: ${config}}`, rows);
  const [details, summary, ...more] = lines();
  assert.deepEqual(more, []);
  assert.equal(details.request.url, 'http://shop.test/a');
  assert.deepEqual(Object.keys(details.request.headers), ['Host', 'Authorization']);
  assert.equal(summary.url, 'http://shop.example/b');
  assert.equal('status' in summary, false);
  assert.deepEqual(wanted, [false, true, true]);
  assert.doesNotMatch(text, /s3cret/);
});

test('debug prints for people; two plugins print both', async (t) => {
  const plugins = '{type: debug}, {type: access_logs, config: {mode: details}}';
  const { text } = await tell(t, plugins, [{ target: '/a', status: 200 }]);
  const [console, json] = text.trimEnd().split('\n');
  assert.equal(console, ' ■ nginx ← GET http://shop.example/a 200 OK');
  assert.equal(JSON.parse(json ?? '').request.method, 'GET');
});

test('report_usage sends an event for each exchange, without secrets', async (t) => {
  const plugin = '{type: report_usage, config: {tags: [t:1], headers: [authorization, x-team]}}';
  const headers = [HOST, SECRET, ['X-Team', 'edge']] as const;
  const { events, text } = await tell(t, plugin, [{ target: '/a?sig=s3cret', headers }, {}]);
  const [first, second] = events();
  assert.equal(first.type, 'request');
  assert.deepEqual(first.item.tags, ['a:b', 't:1']);
  assert.equal(first.item.headers['x-team'], 'edge');
  assert.notEqual(first.item.headers.authorization, 'Bearer s3cret');
  assert.equal('headers' in second.item, false);
  assert.doesNotMatch(JSON.stringify(first), /s3cret/);
  assert.equal(text, '');
});

test('report_usage without an event store asks for nothing', async (t) => {
  const { wanted } = await tell(t, '{type: report_usage}', [{}], false);
  assert.deepEqual(wanted, [false]);
});

test('a stack without these plugins wants nothing', async (t) => {
  const { wanted, text } = await tell(t, '{type: http_metrics}', [{}]);
  assert.deepEqual(wanted, [false]);
  assert.equal(text, '');
});

test('a body is read by the type that came, though a rule takes that out', async (t) => {
  const plugin = '{type: access_logs, config: {mode: full}}';
  const rules = '{type: header, name: content-type, action: drop}, {type: form, name: pin}';
  const row: Row = {
    responseHead: 'HTTP/1.1 200 OK\r\nContent-Type: multipart/form-data; boundary=b\r\n\r\n',
    responseBody: '--b\r\nContent-Disposition: form-data; name="pin"\r\n\r\ns3cret\r\n--b--\r\n',
  };
  const { lines, text } = await tell(t, plugin, [row], true, rules);
  assert.equal(lines()[0].response.body, 'REDACTED');
  assert.doesNotMatch(text, /s3cret/);
});
