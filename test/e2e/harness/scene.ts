/** One test suite's machinery: a folder, backends, proxies, a collector and the agent. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type Agent, startAgent, type Transport } from './agent.ts';
import { type Collector, startCollector } from './collector.ts';
import { type OtlpSpan, pathOf } from './otlp-span.ts';
import { Program } from './program.ts';
import { shapeOf, treesOf } from './span-tree.ts';

export interface WatchOptions {
  readonly transport?: Transport;
  /** Flags beside the `--process` of everything the scene started. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs in the foreground and writes below `folder` only. */
function nginxConfig(folder: string, http: string, workers: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(folder, name)};`,
  );
  return `daemon off; worker_processes ${workers}; pid ${folder}/nginx.pid; error_log stderr;
events { worker_connections 512; }
http { access_log off; ${temporary.join(' ')}
${http}
}\n`;
}

export class Scene {
  /** Readable for workers that gave up root; removed at the end. */
  readonly folder: string;
  readonly #programs: Program[] = [];
  readonly #rootFolders: string[] = [];
  #collector: Collector | undefined;
  #agent: Agent | undefined;

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'spantap-e2e-'));
    chmodSync(this.folder, 0o755);
  }

  get collector(): Collector {
    assert(this.#collector, 'watch() starts the collector');
    return this.#collector;
  }

  get agent(): Agent {
    assert(this.#agent, 'watch() starts the agent');
    return this.#agent;
  }

  writeFile(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text);
    return path;
  }

  /** A backend named `name` on a port or a Unix socket; `status` is all that it answers. */
  async backend(name: string, target: number | string, status?: number): Promise<Program> {
    const file = join(import.meta.dirname, 'backend-main.ts');
    const args = [file, String(target), ...(status === undefined ? [] : [String(status)])];
    const program = new Program(name, process.execPath, args, { env: { OTEL_SERVICE_NAME: name } });
    this.#programs.push(program);
    await program.line(/ready/);
    if (typeof target === 'string') chmodSync(target, 0o777); // nginx workers are not root
    return program;
  }

  /** `http` is the content of the http block. */
  async nginx(port: number, http: string, workers = 1): Promise<Program> {
    const config = this.writeFile('nginx.conf', nginxConfig(this.folder, http, workers));
    return this.proxy('nginx', ['-e', 'stderr', '-p', this.folder, '-c', config], port);
  }

  /** nginx of another Debian release, unpacked to `root`, which becomes its whole file system. */
  async nginxOf(root: string, port: number, http: string): Promise<Program> {
    const folder = mkdtempSync(join(root, 'e2e-'));
    this.#rootFolders.push(folder);
    const inside = `/${basename(folder)}`;
    writeFileSync(join(folder, 'nginx.conf'), nginxConfig(inside, http, 1));
    return this.proxy('chroot', [root, '/usr/sbin/nginx', '-c', `${inside}/nginx.conf`], port);
  }

  /** HAProxy of another Debian release, as `nginxOf`. */
  async haproxyOf(root: string, port: number, config: string): Promise<Program> {
    const folder = mkdtempSync(join(root, 'e2e-'));
    this.#rootFolders.push(folder);
    writeFileSync(join(folder, 'haproxy.cfg'), config);
    const file = `/${basename(folder)}/haproxy.cfg`;
    return this.proxy('chroot', [root, '/usr/sbin/haproxy', '-db', '-f', file], port);
  }

  async haproxy(port: number, config: string): Promise<Program> {
    return this.proxy('haproxy', ['-db', '-f', this.writeFile('haproxy.cfg', config)], port);
  }

  /** `sites` comes after the global options, which keep Caddy from writing or listening elsewhere. */
  async caddy(port: number, sites: string): Promise<Program> {
    const options = '{\n  admin off\n  auto_https off\n}\n';
    const config = this.writeFile('Caddyfile', `${options}${sites}`);
    const args = ['run', '--adapter', 'caddyfile', '--config', config];
    return this.proxy('caddy', args, port, {
      HOME: this.folder,
      XDG_DATA_HOME: this.folder,
      XDG_CONFIG_HOME: this.folder,
    });
  }

  async proxy(
    command: string,
    args: readonly string[],
    port: number,
    env: Readonly<Record<string, string>> = {},
  ): Promise<Program> {
    const program = new Program(command, command, args, { env });
    this.#programs.push(program);
    await program.accepts(port);
    return program;
  }

  /** Flags that narrow the agent to the programs of the scene. */
  get processFlags(): string[] {
    return this.#programs.flatMap(({ pid }) => ['--process', String(pid)]);
  }

  /** Starts the collector, and the agent on all programs of the scene. */
  async watch(options: WatchOptions = {}): Promise<void> {
    this.#collector = await startCollector(this.folder);
    this.#agent = await startAgent({
      folder: this.folder,
      collector: this.#collector,
      ...options,
      flags: [...this.processFlags, ...(options.flags ?? [])],
    });
  }

  /** Spans of all traces in which a span has this path. */
  tracesOf(path: string, spans = this.collector.spans()): OtlpSpan[] {
    const traces = new Set(spans.filter((span) => pathOf(span) === path).map((s) => s.traceId));
    return spans.filter(({ traceId }) => traces.has(traceId));
  }

  /**
   * Waits for as many spans as `expected` has lines in the traces that `path` is part of, and
   * compares their trees. Returns the spans in the order of the lines.
   */
  async expectTrace(path: string, expected: readonly string[]): Promise<OtlpSpan[]> {
    const arrived = await this.spansOf(path, expected.length).catch((error: unknown) => {
      const actual = shapeOf(treesOf(this.tracesOf(path)));
      if (actual.length > 0) assert.deepEqual(actual, expected);
      throw new Error(`${error}\n${this.agent.program.output}`);
    });
    const trees = treesOf(arrived);
    assert.deepEqual(shapeOf(trees), expected);
    const flat = (nodes: typeof trees): OtlpSpan[] =>
      nodes.flatMap(({ span, children }) => [span, ...flat([...children])]);
    return flat(trees);
  }

  /** Waits until the traces that `path` is part of have at least `count` spans. */
  async spansOf(path: string, count: number): Promise<OtlpSpan[]> {
    return this.collector.await(`${count} spans of ${path}`, (spans) => {
      const found = this.tracesOf(path, spans);
      return found.length >= count ? found : undefined;
    });
  }

  /** Stops the agent (its queue is flushed) and returns its counters. */
  async stopAgent(): Promise<Record<string, number>> {
    const counters = await this.agent.stop();
    this.#agent = undefined;
    return counters;
  }

  /** Ends everything; what a failing part says does not keep the others from being ended. */
  async close(): Promise<void> {
    const ends = [
      ...(this.#agent ? [this.#agent.program] : []),
      ...(this.#collector ? [this.#collector.program] : []),
      ...this.#programs,
    ];
    const results = await Promise.allSettled(ends.map((program) => program.stop()));
    for (const folder of [this.folder, ...this.#rootFolders]) {
      rmSync(folder, { recursive: true, force: true });
    }
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }
}
