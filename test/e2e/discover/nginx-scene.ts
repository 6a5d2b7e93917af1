/** One nginx worker in front of a backend that holds requests until it is told to answer. */
import { once } from 'node:events';
import {
  Agent,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import { listProcesses, type ProcessInfo } from '../../../src/discover/processes.ts';
import { freePorts } from '../harness/ports.ts';
import { Scene } from '../harness/scene.ts';

/** A request that reached the backend and waits there. */
export interface Held {
  readonly path: string;
  /** Port of nginx's end of the upstream connection. */
  readonly upstreamPort: number;
  answer(): void;
}

/** A request in flight: the client's own port, and the status it ends with. */
export interface InFlight {
  readonly clientPort: number;
  readonly done: Promise<number>;
}

export class NginxScene {
  readonly worker: ProcessInfo;
  readonly ports: Readonly<Record<'front' | 'backend', number>>;
  readonly #scene: Scene;
  readonly #backend: HoldingBackend;
  readonly #agent = new Agent({ keepAlive: true });

  /** @param root folder for chroot(8); undefined: the nginx of this machine */
  static async start(root: string | undefined): Promise<NginxScene> {
    const ports = await freePorts('front', 'backend');
    const backend = new HoldingBackend();
    await backend.listen(ports.backend);
    const scene = new Scene();
    try {
      const http = configuration(ports.front, ports.backend);
      const nginx =
        root === undefined
          ? await scene.nginx(ports.front, http)
          : await scene.nginxOf(root, ports.front, http);
      const worker = listProcesses().find(({ parentPid }) => parentPid === nginx.pid);
      if (worker === undefined) throw new Error(`nginx has no worker: ${nginx.output}`);
      return new NginxScene(scene, backend, worker, ports);
    } catch (error) {
      backend.close();
      await scene.close();
      throw error;
    }
  }

  private constructor(
    scene: Scene,
    backend: HoldingBackend,
    worker: ProcessInfo,
    ports: NginxScene['ports'],
  ) {
    this.#scene = scene;
    this.#backend = backend;
    this.worker = worker;
    this.ports = ports;
  }

  /** Sends a request; resolves when it is on its way. */
  async send(path: string): Promise<InFlight> {
    const target = { host: '127.0.0.1', port: this.ports.front, path, agent: this.#agent };
    const outgoing = request(target);
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

  /** The next request that the backend holds; to be asked before the request is sent. */
  held(): Promise<Held> {
    return this.#backend.held();
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    await this.#scene.close();
    this.#backend.close();
  }
}

/** Paths with "held" wait for an answer, others are answered at once. */
class HoldingBackend {
  readonly #server: Server;
  readonly #waiting: ((held: Held) => void)[] = [];

  constructor() {
    this.#server = createServer((incoming, response) => this.#receive(incoming, response));
  }

  async listen(port: number): Promise<void> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  held(): Promise<Held> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #receive(incoming: IncomingMessage, response: ServerResponse): void {
    const path = incoming.url ?? '';
    const answer = () => void response.end('ok');
    if (!path.includes('held')) answer();
    else this.#waiting.shift()?.({ path, upstreamPort: incoming.socket.remotePort ?? 0, answer });
  }
}

function configuration(port: number, backendPort: number): string {
  return `
upstream backend { server 127.0.0.1:${backendPort}; keepalive 8; }
server {
  listen 127.0.0.1:${port};
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  location / { proxy_pass http://backend; }
  location /private/ { auth_request /auth-held; proxy_pass http://backend; }
  location = /auth-held { internal; proxy_pass http://backend; }
}`;
}
