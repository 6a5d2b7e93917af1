/** Bodies of a real nginx: from its calls through rings, worker and files to the main thread. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  globSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CaptureThread } from '../../src/capture-thread.ts';
import { findProgram } from '../../src/discover/programs.ts';
import { ExchangeView } from '../../src/handoff/batch.ts';
import { type ExchangeBatch, FLAG } from '../../src/handoff/layout.ts';
import { allTraffic } from '../../src/handoff/traffic.ts';
import { type CounterName, Counters } from '../../src/telemetry/counters.ts';
import type { WorkerOptions } from '../../src/worker.ts';
import { startAgent } from '../e2e/harness/agent.ts';
import { freePorts } from '../e2e/harness/ports.ts';
import { Program } from '../e2e/harness/program.ts';
import { skip } from './harness.ts';

const MIB = 1024 * 1024;
const BODY_BYTES = 5 * MIB;
const DEADLINE_MS = 60_000;
const ATTEMPTS_MAX = 8;

interface Body {
  readonly lenBytes: number;
  readonly keptBytes: number;
  /** Hex; '' not known. */
  readonly digest: string;
  readonly isTruncated: boolean;
  /** What crossed with the row, or came when it was asked for. */
  readonly bytes: Promise<Buffer>;
}

interface Seen {
  readonly hasLoss: boolean;
  readonly request: Body;
  readonly response: Body;
}

interface Options {
  readonly bodyBytesMax: number;
  readonly bodies?: WorkerOptions['pipeline']['bodies'];
  readonly bodyFolder?: string;
  readonly isWanted?: boolean;
}

interface Checked {
  readonly keptBytes: number;
  readonly hasDigest: boolean;
}

/** Whatever was lost or cut: what is there is the beginning of `body`, and what is not is told. */
async function check(seen: Seen, body: Buffer): Promise<Checked[]> {
  return Promise.all(
    [seen.request, seen.response].map(async (part) => {
      const bytes = await part.bytes;
      assert.equal(part.lenBytes, body.length);
      assert.equal(bytes.length, part.keptBytes);
      assert.ok(body.subarray(0, bytes.length).equals(bytes), 'other bytes than were sent');
      assert.ok(bytes.length === body.length || part.isTruncated || seen.hasLoss);
      assert.ok(part.digest === '' || part.digest === sha(body));
      return { keptBytes: bytes.length, hasDigest: part.digest !== '' };
    }),
  );
}

const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Runs the capture worker on one process until its exchanges were seen. */
class Watch {
  readonly seen: Seen[] = [];
  readonly #isWanted: boolean;
  #thread: CaptureThread | undefined;
  #counters = new Counters();

  constructor(isWanted: boolean) {
    this.#isWanted = isWanted;
  }

  static async start(tgid: number, options: Options): Promise<Watch> {
    const watch = new Watch(options.isWanted ?? true);
    const nothing = () => undefined;
    watch.#thread = await CaptureThread.start(optionsFor(tgid, options), {
      batch: ({ batch }) => watch.#take(batch),
      process: nothing,
      counters: ({ values }) => {
        watch.#counters = new Counters(values);
      },
      appeared: nothing,
      connections: nothing,
      exited: nothing,
      'own-peer': nothing,
      log: nothing,
      unavailable: ({ what, why }) => assert.fail(`${what}: ${why}`),
    });
    return watch;
  }

  async until(count: number): Promise<void> {
    const end = Date.now() + DEADLINE_MS;
    while (this.seen.length < count) {
      assert.ok(Date.now() < end, `${this.seen.length} of ${count} exchanges were seen`);
      await sleep(5);
    }
  }

  async stop(): Promise<void> {
    await this.#thread?.stop();
  }

  count(name: CounterName): number {
    return this.#counters.get(name);
  }

  #take(batch: ExchangeBatch): void {
    const view = new ExchangeView();
    for (view.open(batch); view.next(); ) {
      const { flags } = view;
      this.seen.push({
        hasLoss: (flags & FLAG.loss) !== 0,
        request: {
          lenBytes: view.requestBodyBytes,
          keptBytes: view.requestBodyKeptBytes,
          digest: view.requestBodyDigest.toString('hex'),
          isTruncated: (flags & FLAG.requestTruncated) !== 0,
          bytes: this.#read(view.requestBodyHeld, view.requestBodyKeptBytes, view.requestBody),
        },
        response: {
          lenBytes: view.responseBodyBytes,
          keptBytes: view.responseBodyKeptBytes,
          digest: view.responseBodyDigest.toString('hex'),
          isTruncated: (flags & FLAG.responseTruncated) !== 0,
          bytes: this.#read(view.responseBodyHeld, view.responseBodyKeptBytes, view.responseBody),
        },
      });
    }
    this.#thread?.returnBatch(batch);
  }

  #read(number: number, keptBytes: number, here: Buffer): Promise<Buffer> {
    if (number === 0 || !this.#isWanted) return Promise.resolve(Buffer.from(here));
    return this.#thread?.bodies.read(number, keptBytes) ?? assert.fail();
  }
}

function optionsFor(tgid: number, { bodyBytesMax, bodies, bodyFolder }: Options): WorkerOptions {
  const plan = { executableKey: '', family: 'nginx', uprobes: [] } as const;
  return {
    kernel: {
      watchAll: false,
      ringBytes: 64 * MIB,
      ringBytesMin: 4096,
      connectionsMax: 4096,
      headBytesMax: 16_384,
    },
    traffic: allTraffic(bodyBytesMax),
    pipeline: { ownTgid: process.pid, ...(bodies === undefined ? {} : { bodies }) },
    ...(bodyFolder === undefined ? {} : { bodyFolder }),
    plans: [{ kind: 'plan', tgid, watch: 'watch', resource: {}, ...plan }],
  };
}

function startNginx(folder: string, port: number, backendPort: number): Program {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join(' ');
  const config = `
daemon off; user root; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 256; }
http {
  access_log off; ${temporary}
  client_max_body_size 0;
  server {
    listen 127.0.0.1:${port};
    proxy_http_version 1.1;
    location / { proxy_pass http://127.0.0.1:${backendPort}; }
    location /streamed { proxy_request_buffering off; proxy_pass http://127.0.0.1:${backendPort}; }
  }
}`;
  writeFileSync(join(folder, 'nginx.conf'), config);
  const args = ['-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')];
  return new Program('nginx', findProgram('nginx'), args);
}

/** Answers with what it got. */
async function startEcho(port: number): Promise<Server> {
  const server = createServer(async (asked, answered) => {
    const parts: Buffer[] = [];
    for await (const part of asked) parts.push(part);
    const body = Buffer.concat(parts);
    answered.writeHead(200, { 'content-length': body.length }).end(body);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function post(port: number, path: string, body: Buffer): Promise<Buffer> {
  const headers = { 'content-length': body.length, connection: 'close' };
  const asked = request({ port, host: '127.0.0.1', method: 'POST', path, headers });
  asked.end(body);
  const [answered] = await once(asked, 'response');
  const parts: Buffer[] = [];
  for await (const part of answered) parts.push(part);
  return Buffer.concat(parts);
}

describe('bodies of a real nginx', { skip }, () => {
  let folder: string;
  let nginx: Program;
  let worker: number;
  let echo: Server;
  let ports: Record<'front' | 'back', number>;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'spantap-bodies-'));
    ports = await freePorts('front', 'back');
    echo = await startEcho(ports.back);
    nginx = startNginx(folder, ports.front, ports.back);
    await nginx.accepts(ports.front);
    const children = () =>
      readFileSync(`/proc/${nginx.pid}/task/${nginx.pid}/children`, 'utf8').split(' ');
    while (!Number(children()[0])) await sleep(5);
    worker = Number(children()[0]);
  });
  after(async () => {
    await nginx.stop();
    echo.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Posts until an attempt brings `isGood`: others may have had the CPU, or the disk. */
  async function attempt(
    watch: Watch,
    path: string,
    isGood: (bodies: readonly Checked[]) => boolean,
  ): Promise<readonly Checked[]> {
    for (let count = 1; count <= ATTEMPTS_MAX; count++) {
      const body = randomBytes(BODY_BYTES);
      assert.equal(sha(await post(ports.front, path, body)), sha(body));
      await watch.until(2 * count);
      const checked = await Promise.all(watch.seen.slice(-2).map((each) => check(each, body)));
      if (isGood(checked.flat())) return checked.flat();
    }
    return assert.fail(`${ATTEMPTS_MAX} attempts failed`);
  }

  for (const path of ['/', '/streamed']) {
    test(`of 5 MiB arrive whole, on both sides and both ways (${path})`, async () => {
      const watch = await Watch.start(worker, { bodyBytesMax: 8 * MIB });
      try {
        const isWhole = ({ keptBytes, hasDigest }: Checked) =>
          keptBytes === BODY_BYTES && hasDigest;
        await attempt(watch, path, (bodies) => bodies.every(isWhole));
      } finally {
        await watch.stop();
      }
      assert.equal(watch.count('store.pending_to_disk'), 0);
    });
  }

  test('go to files when memory is small, and come back from there', async () => {
    const bodyFolder = join(folder, 'spool');
    const bodies = { memoryBytesMax: 8 * MIB };
    const watch = await Watch.start(worker, { bodyBytesMax: 8 * MIB, bodies, bodyFolder });
    try {
      // Three of the four do not fit into memory.
      const isWhole = ({ keptBytes }: Checked) => keptBytes === BODY_BYTES;
      await attempt(watch, '/', (all) => all.filter(isWhole).length >= 2);
    } finally {
      await watch.stop();
    }
    assert.ok(watch.count('store.pending_to_disk') >= 2);
    assert.deepEqual(readdirSync(bodyFolder), []);
  });

  test('are cut at the limit, with what nginx sent of them in all', async () => {
    const watch = await Watch.start(worker, { bodyBytesMax: MIB });
    try {
      const isCut = ({ keptBytes, hasDigest }: Checked) => keptBytes === MIB && !hasDigest;
      await attempt(watch, '/', (bodies) => bodies.every(isCut));
    } finally {
      await watch.stop();
    }
  });

  test('that nobody asks for are deleted when their batch comes back', async () => {
    const bodyFolder = join(folder, 'unwanted');
    const options = { bodyBytesMax: 8 * MIB, bodies: { memoryBytesMax: 8 * MIB }, bodyFolder };
    const watch = await Watch.start(worker, { ...options, isWanted: false });
    const startMs = Date.now();
    try {
      await post(ports.front, '/', randomBytes(BODY_BYTES));
      await watch.until(2);
    } finally {
      await watch.stop();
    }
    assert.deepEqual(readdirSync(bodyFolder), []);
    assert.ok(Date.now() - startMs < DEADLINE_MS);
  });

  test('are stored by the agent as its file says', async () => {
    const store = join(folder, 'store');
    const config = join(folder, 'qtap.yaml');
    writeFileSync(
      config,
      `version: 2
capture: {ports: [${ports.front}]}
limits: {body_size: 8MiB, body_spool: {directory: ${folder}/pending}, ring_size: 64MiB}
services: {object_stores: [{type: file, directory: ${store}}]}
stacks: {s: {plugins: [{type: http_capture, config: {level: full, format: json}}]}}
tap: {http: {stack: s}}
`,
    );
    const agent = await startAgent({ folder, flags: ['--config', config] });
    const sent = new Set<string>();
    const stored = () =>
      globSync('**/sha256/*', { cwd: store }).filter(
        (name) => sent.has(basename(name)) && statSync(join(store, name)).size === BODY_BYTES,
      );
    for (let count = 0; count < ATTEMPTS_MAX && stored().length === 0; count++) {
      const body = randomBytes(BODY_BYTES);
      sent.add(sha(body));
      await post(ports.front, '/', body);
      for (let waits = 0; waits < 100 && stored().length === 0; waits++) await sleep(50);
    }
    await agent.stop();
    const [name] = stored();
    assert.ok(name !== undefined, `none was stored whole: ${agent.program.output}`);
    assert.equal(sha(readFileSync(join(store, name))), basename(name));
    assert.deepEqual(readdirSync(join(folder, 'pending')), []);
  });
});
