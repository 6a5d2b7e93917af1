/**
 * The agent and a real Collector that comes and goes: kill -9, a clean end, a restart, and every
 * span arrives.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { until } from '../../store/fake-store.ts';
import { MAIN } from '../harness/agent.ts';
import { type Collector, chooseCollectorPorts, startCollector } from '../harness/collector.ts';
import { ask } from '../harness/http-client.ts';
import { type OtlpSpan, pathOf } from '../harness/otlp-span.ts';
import { Program } from '../harness/program.ts';

let server: Server;
let port: number;

before(async () => {
  server = createServer((_, response) => response.end('hello'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});

after(() => server.close());

/** The client is this process, which is watched as well. */
const SPANS_PER_REQUEST = 2;

/** A configured agent whose collector is to be started by the test, and its spool. */
class Scene {
  readonly folder = mkdtempSync(join(tmpdir(), 'spantap-spool-e2e-'));
  readonly spool = join(this.folder, 'spool');
  readonly asked: string[] = [];
  readonly #programs: Program[] = [];
  readonly #collectors: Collector[] = [];

  constructor(t: TestContext, protocol: string, collectorPort: number) {
    const otel = {
      endpoint: `http://127.0.0.1:${collectorPort}`,
      protocol,
      sending_queue: { batch: { flush_timeout: '20ms' } },
      spool: { directory: this.spool },
    };
    writeFileSync(this.#file, JSON.stringify({ version: 2, capture: { ports: [port] }, otel }));
    t.after(() => this.#end());
  }

  get #file(): string {
    return join(this.folder, 'qtap.yaml');
  }

  async agent(): Promise<Program> {
    const agent = new Program('spantap', process.execPath, [MAIN, 'run', '--config', this.#file]);
    this.#programs.push(agent);
    await agent.line(/watching /);
    return agent;
  }

  async collector(ports: Awaited<ReturnType<typeof chooseCollectorPorts>>): Promise<Collector> {
    const collector = await startCollector(this.folder, ports);
    this.#collectors.push(collector);
    return collector;
  }

  async ask(count: number, name: string): Promise<void> {
    for (let i = 0; i < count; i++) {
      const path = `/${name}/${i}/`;
      await ask(port, path);
      this.asked.push(path);
    }
  }

  /** Resolves when the spool's files name each path that was asked for. */
  async spooled(): Promise<void> {
    await until('all is on disk', () => {
      const text = readdirSync(this.spool)
        .map((name) => readFileSync(join(this.spool, name), 'latin1'))
        .join('');
      return this.asked.every((path) => text.includes(path));
    });
  }

  async #end(): Promise<void> {
    for (const program of this.#programs) program.signal('SIGKILL');
    for (const collector of this.#collectors) await collector.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** undefined until there is a span of each path. */
function holds(spans: readonly OtlpSpan[], paths: readonly string[]): true | undefined {
  const found = new Set(spans.map(pathOf));
  return paths.every((path) => found.has(path)) || undefined;
}

describe('a collector that is away', () => {
  for (const protocol of ['http/protobuf', 'grpc'] as const) {
    test(`gets every span when it is back, over ${protocol}`, async (t) => {
      const ports = await chooseCollectorPorts();
      const scene = new Scene(t, protocol, protocol === 'grpc' ? ports.grpc : ports.http);

      const killed = await scene.agent();
      await scene.ask(20, 'before-the-kill');
      await scene.spooled();
      killed.signal('SIGKILL');
      await once(killed.child, 'close');

      const ended = await scene.agent();
      await ended.line(/\d+ spans of an earlier run are sent now/);
      await scene.ask(10, 'before-the-end');
      ended.signal('SIGTERM');
      assert.equal(await ended.ended(), 0, ended.output);
      const [line = '', waiting = ''] =
        /in all: .* (\d+) waiting in the spool.*/.exec(ended.output) ?? [];
      assert.equal(Number(waiting), 30 * SPANS_PER_REQUEST, ended.output);
      assert.match(line, /in all: 0 spans, .* \(40 found there at the start\), .* 0 dropped/);

      const collector = await scene.collector(ports);
      const agent = await scene.agent();
      await scene.ask(5, 'while-it-is-there');
      await collector.await('all of them', (spans) => holds(spans, scene.asked));
      await collector.stop();
      await scene.ask(10, 'while-it-is-away-again');
      await agent.line(/collector .* in the spool/);

      const again = await scene.collector(ports);
      const last = scene.asked.slice(-10); // a collector that starts empties its file
      await again.await('the last of them', (spans) => holds(spans, last));
      agent.signal('SIGTERM');
      assert.equal(await agent.ended(), 0, agent.output);
      assert.match(agent.output, /in all: 90 spans, 0 waiting in the spool \(60 found.* 0 dropped/);
    });
  }
});

test('a spool that another agent uses is refused, with what to do', async (t) => {
  const scene = new Scene(t, 'grpc', 1);
  await scene.agent();
  const args = [MAIN, 'run', '--config', join(scene.folder, 'qtap.yaml')];
  const second = new Program('spantap', process.execPath, args);
  assert.equal(await second.ended(), 1);
  assert.match(
    second.stderr,
    /^spantap: the spool .* is used by another process\n {2}what to do: /m,
  );
  assert.doesNotMatch(second.stderr, /\n\s+at /);
});
