/**
 * `spantap demo`: a real nginx, a real HAProxy and two backends, a handful of requests, and the
 * agent as a process of its own beside them. Everything is ended and removed at the end.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { findProgram } from '../discover/programs.ts';
import { AgentError } from '../telemetry/agent-error.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const READY_TIMEOUT_MS = 30_000;

interface Ports {
  readonly NGINX: number;
  readonly HAPROXY: number;
  readonly API: number;
  readonly STORE: number;
}

/** What the demo asks for; the paths are explained in demo/nginx.conf and demo/backend.ts. */
const REQUESTS: readonly { method: string; path: string; body?: string; says: string }[] = [
  { method: 'GET', path: '/items/7', says: 'a plain request through both proxies' },
  { method: 'POST', path: '/orders', body: '{"item":7}', says: 'a POST with a body' },
  { method: 'GET', path: '/orders/42', says: 'a retry: the first backend answers 502' },
  { method: 'GET', path: '/private/report', says: 'an auth subrequest before the request itself' },
  { method: 'GET', path: '/broken', says: 'an error' },
];

export async function demo(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'spantap-demo-'));
  // nginx workers give up root and still have to reach their temporary folders.
  chmodSync(folder, 0o755);
  const children: ChildProcess[] = [];
  try {
    const ports = await choosePorts();
    const watched = await startScene(folder, ports, children);
    const agent = await startAgent(watched, children);
    for (const each of REQUESTS) await send(ports.NGINX, each);
    await stop(agent);
    say('\nThe same spans go to a collector, Jaeger or Tempo with');
    say('  OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 npm start');
    return 0;
  } finally {
    await Promise.all(children.map(stop));
    rmSync(folder, { recursive: true, force: true });
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function startScene(
  folder: string,
  ports: Ports,
  children: ChildProcess[],
): Promise<number[]> {
  const start = (name: string, command: string, args: string[], env: NodeJS.ProcessEnv = {}) => {
    const child = spawn(command, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(child);
    return { name, child };
  };
  const backend = join(ROOT, 'demo', 'backend.ts');
  const configure = (file: string) => writeConfig(folder, file, ports);
  const api = [backend, String(ports.API), 'flaky'];
  const store = [backend, String(ports.STORE)];
  const scene = [
    start('api', process.execPath, api, { OTEL_SERVICE_NAME: 'api' }),
    start('store', process.execPath, store, { OTEL_SERVICE_NAME: 'store' }),
    start('haproxy', findProgram('haproxy'), ['-db', '-f', configure('haproxy.cfg')]),
    start('nginx', findProgram('nginx'), ['-p', folder, '-c', configure('nginx.conf')]),
  ];
  await Promise.all(Object.values(ports).map((port) => waitForPort(port, scene)));
  say(
    `nginx :${ports.NGINX} -> api :${ports.API}, or HAProxy :${ports.HAPROXY} -> store :${ports.STORE}`,
  );
  return scene.map(({ child }) => child.pid ?? 0);
}

function writeConfig(folder: string, file: string, ports: Ports): string {
  let text = readFileSync(join(ROOT, 'demo', file), 'utf8').replaceAll('FOLDER', folder);
  for (const [name, port] of Object.entries(ports)) {
    text = text.replaceAll(`PORT_${name}`, String(port));
  }
  const path = join(folder, file);
  writeFileSync(path, text);
  return path;
}

/** The agent with its built-in defaults, narrowed to the demo's own processes. */
async function startAgent(watched: number[], children: ChildProcess[]): Promise<ChildProcess> {
  const flags = watched.flatMap((pid) => ['--process', String(pid)]);
  const agent = spawn(process.execPath, [join(ROOT, 'src', 'main.ts'), 'run', ...flags], {
    env: { ...process.env, OTEL_TRACES_EXPORTER: 'console' },
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  children.push(agent);
  const lines = createInterface({ input: agent.stderr });
  await new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      process.stderr.write(`${line}\n`);
      if (line.includes('watching')) resolve();
    });
    agent.once('exit', () => reject(new AgentError('demo', { what: 'the agent did not start' })));
  });
  return agent;
}

async function send(port: number, each: (typeof REQUESTS)[number]): Promise<void> {
  const { method, path, body } = each;
  const outgoing = request({ host: '127.0.0.1', port, method, path, agent: false });
  outgoing.end(body);
  const [response] = await once(outgoing, 'response');
  response.resume();
  await once(response, 'end');
  say(`${method} ${path} -> ${response.statusCode}   ${each.says}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

/** The documented ports when they are free, others otherwise. */
async function choosePorts(): Promise<Ports> {
  return {
    NGINX: await freePort(8080),
    HAPROXY: await freePort(9003),
    API: await freePort(9001),
    STORE: await freePort(9002),
  };
}

async function freePort(wanted: number): Promise<number> {
  const server = createServer();
  const listening = new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(wanted, '127.0.0.1', () => resolve(true));
  });
  if (!(await listening)) return freePort(0);
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : wanted;
  server.close();
  await once(server, 'close');
  return port;
}

async function waitForPort(
  port: number,
  scene: readonly { name: string; child: ChildProcess }[],
): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (!(await canConnect(port))) {
    const ended = scene.find(({ child }) => child.exitCode !== null);
    if (ended === undefined && Date.now() < deadline) continue;
    throw new AgentError('demo', {
      what: `${ended?.name ?? 'a program of the demo'} did not start`,
      why: String(ended?.child.stderr?.read() ?? `port ${port} stayed closed`),
      todo: 'run the program by hand to see what it misses',
    });
  }
}

async function canConnect(port: number): Promise<boolean> {
  const { connect } = await import('node:net');
  const socket = connect(port, '127.0.0.1');
  const connected = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => setTimeout(resolve, 20, false));
  });
  socket.destroy();
  return connected;
}
