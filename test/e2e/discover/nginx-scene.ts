/** One nginx worker in front of a backend that holds requests until it is told to answer. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import {
  Agent,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { listProcesses, type ProcessInfo } from '../../../src/discover/processes.ts';
import { spawnIn } from '../../discover/packages.ts';

/** A request that reached the backend and waits there. */
export interface Held {
  readonly path: string;
  /** Port of nginx's end of the upstream connection. */
  readonly upstreamPort: number;
  answer(): void;
}

/** A request in flight: the client's own port, and what becomes of it. */
export interface InFlight {
  readonly clientPort: number;
  readonly done: Promise<number>;
}

export class NginxScene {
  readonly worker: ProcessInfo;
  readonly backendPort: number;
  readonly #port: number;
  readonly #folder: string;
  readonly #backend: Server;
  readonly #nginx: ChildProcess;
  readonly #waiting: ((held: Held) => void)[];
  readonly #agent = new Agent({ keepAlive: true });

  /** @param root folder for chroot(8), or '' for the nginx of this machine */
  static async start(root: string, program: string): Promise<NginxScene> {
    const waiting: ((held: Held) => void)[] = [];
    const backend = createServer((incoming, response) => hold(incoming, response, waiting));
    backend.listen(0, '127.0.0.1');
    await once(backend, 'listening');
    const backendPort = (backend.address() as AddressInfo).port;
    const port = await freePort();
    const base = join(root === '' ? '/tmp' : join(root, 'tmp'), 'spantap-');
    const folder = mkdtempSync(base);
    chmodSync(folder, 0o755);
    const inside = folder.slice(root.length);
    mkdirSync(join(folder, 'logs'));
    writeFileSync(join(folder, 'nginx.conf'), configuration(inside, port, backendPort));
    const args = ['-p', inside, '-c', `${inside}/nginx.conf`];
    const nginx =
      root === ''
        ? spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] })
        : spawnIn(root, program, args);
    await reachable(port);
    return new NginxScene({ port, folder, backend, backendPort, nginx, waiting });
  }

  private constructor(parts: {
    port: number;
    folder: string;
    backend: Server;
    backendPort: number;
    nginx: ChildProcess;
    waiting: ((held: Held) => void)[];
  }) {
    this.#port = parts.port;
    this.#folder = parts.folder;
    this.#backend = parts.backend;
    this.backendPort = parts.backendPort;
    this.#nginx = parts.nginx;
    this.#waiting = parts.waiting;
    const worker = listProcesses().find(({ parentPid }) => parentPid === parts.nginx.pid);
    if (worker === undefined) throw new Error('nginx has no worker');
    this.worker = worker;
  }

  /** Sends a request; resolves when it is on its way. */
  async send(path: string): Promise<InFlight> {
    const outgoing = request({ host: '127.0.0.1', port: this.#port, path, agent: this.#agent });
    const done = new Promise<number>((resolve, reject) => {
      outgoing.on('error', reject);
      outgoing.on('response', (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
      });
    });
    outgoing.end();
    const [socket] = (await once(outgoing, 'socket')) as [Socket];
    if (socket.connecting) await once(socket, 'connect');
    return { clientPort: socket.localPort ?? 0, done };
  }

  /** The next request that the backend holds. */
  held(): Promise<Held> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    this.#nginx.kill('SIGTERM');
    if (this.#nginx.exitCode === null) await once(this.#nginx, 'exit');
    this.#backend.closeAllConnections();
    this.#backend.close();
    rmSync(this.#folder, { recursive: true });
  }
}

/** Paths with "held" wait for an answer, others are answered at once. */
function hold(
  incoming: IncomingMessage,
  response: ServerResponse,
  waiting: ((held: Held) => void)[],
): void {
  const path = incoming.url ?? '';
  if (!path.includes('held')) {
    response.end('ok');
    return;
  }
  const answer = () => void response.end('ok');
  waiting.shift()?.({ path, upstreamPort: incoming.socket.remotePort ?? 0, answer });
}

function configuration(folder: string, port: number, backendPort: number): string {
  return `daemon off;
worker_processes 1;
pid ${folder}/pid;
error_log ${folder}/error.log;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  upstream backend { server 127.0.0.1:${backendPort}; keepalive 8; }
  server {
    listen 127.0.0.1:${port};
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    location / { proxy_pass http://backend; }
    location /private/ { auth_request /auth-held; proxy_pass http://backend; }
    location = /auth-held { internal; proxy_pass http://backend; }
  }
}
`;
}

async function freePort(): Promise<number> {
  const server = createTcpServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Waits until something accepts on the port. */
async function reachable(port: number): Promise<void> {
  const deadlineMs = Date.now() + 20_000;
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return;
    } catch (error) {
      if (Date.now() > deadlineMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    } finally {
      socket.destroy();
    }
  }
}
