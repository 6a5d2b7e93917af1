/**
 * The agent's own HTTP endpoint: /metrics, /healthz, /readyz. Read-only, and bounded: whoever holds
 * connections open, or does not read, costs a place among few and is let go after a while.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AgentError, messageOf } from './agent-error.ts';
import { Complaint } from './complaint.ts';
import type { Counters } from './counters.ts';
import type { Log } from './log.ts';

export interface EndpointLimits {
  /** Connections at a time; more are refused, `telemetry.refused`. */
  readonly connectionsMax: number;
  /** Requests answered at a time; more get 503, `telemetry.refused`. */
  readonly requestsMax: number;
  /** Of one request, from its first byte to the last of its answer. */
  readonly requestTimeoutMs: number;
}

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  /** In pieces, made as they are read. */
  readonly body: Iterable<string>;
}

/** By path; a request's Accept is all that an answer may depend on. */
export type Routes = Readonly<Record<string, (accept: string | undefined) => Answer>>;

export interface EndpointOptions {
  /** host:port; IPv6 in brackets. */
  readonly address: string;
  readonly routes: Routes;
  readonly limits: EndpointLimits;
  readonly counters: Counters;
  readonly log: Log;
}

export const PLAIN = 'text/plain; charset=utf-8';

export class Endpoint {
  readonly #options: EndpointOptions;
  readonly #server: Server;
  #requests = 0;

  private constructor(options: EndpointOptions) {
    const { limits, counters } = options;
    this.#options = options;
    this.#server = createServer(
      {
        headersTimeout: limits.requestTimeoutMs,
        requestTimeout: limits.requestTimeoutMs,
        keepAliveTimeout: limits.requestTimeoutMs,
        connectionsCheckingInterval: limits.requestTimeoutMs,
        maxHeaderSize: 8 * 1024,
      },
      (request, response) => this.#handle(request, response),
    );
    this.#server.maxConnections = limits.connectionsMax;
    // An agent that cannot start ends, whoever listens.
    this.#server.unref();
    this.#server.on('drop', () => counters.add('telemetry.refused'));
  }

  /** @throws AgentError when the address cannot be listened on */
  static async listen(options: EndpointOptions): Promise<Endpoint> {
    const endpoint = new Endpoint(options);
    const server = endpoint.#server;
    try {
      server.listen(parseAddress(options.address));
      await once(server, 'listening');
    } catch (error) {
      server.close();
      throw listenError(options.address, error);
    }
    endpoint.#hearFailures();
    return endpoint;
  }

  /** Of accept(2): without descriptors or memory, say. It goes on listening. */
  #hearFailures(): void {
    const complaint = new Complaint(this.#options.log);
    this.#server.on('error', (error) =>
      complaint.say(() => `telemetry endpoint: ${messageOf(error)}`),
    );
  }

  /** As it listens: with the port that was chosen for port 0. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { limits, counters, log } = this.#options;
    // What a request carries is of no interest; without an end it would hold its connection.
    request.resume();
    if (this.#requests >= limits.requestsMax) {
      counters.add('telemetry.refused');
      return answer(response, refusal(503, 'too many requests at a time'), false);
    }
    this.#requests++;
    const timer = setTimeout(() => response.destroy(), limits.requestTimeoutMs);
    try {
      await this.#route(request, response);
    } catch (error) {
      // A reader that went away, or was too slow.
      response.destroy();
      log.debug(`telemetry endpoint: ${messageOf(error)}`);
    } finally {
      clearTimeout(timer);
      this.#requests--;
    }
  }

  async #route({ method, url, headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    const { routes } = this.#options;
    const path = (url ?? '').replace(/[?#].*$/, '');
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    const isHead = method === 'HEAD';
    if (method !== 'GET' && !isHead) {
      response.setHeader('Allow', 'GET, HEAD');
      return answer(response, refusal(405, 'GET and HEAD only'), false);
    }
    if (route === undefined) {
      const known = Object.keys(routes).join(', ');
      return answer(response, refusal(404, `there is ${known}`), isHead);
    }
    return answer(response, route(headers.accept), isHead);
  }
}

function refusal(status: number, text: string): Answer {
  return { status, contentType: PLAIN, body: [`${text}\n`] };
}

async function answer(response: ServerResponse, given: Answer, isHead: boolean): Promise<void> {
  response.writeHead(given.status, {
    'Content-Type': given.contentType,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  if (isHead) response.end();
  else await pipeline(Readable.from(given.body), response);
}

/** What `telemetry.endpoint` takes; without a host, every address of this machine. */
export function parseAddress(address: string): { readonly host?: string; readonly port: number } {
  const match = /^(?:\[(?<literal>[^\]]*)\]|(?<name>[^:]*)):(?<port>\d{1,5})$/.exec(address);
  const { literal, name, port } = match?.groups ?? {};
  if (port === undefined) {
    throw new AgentError('telemetry_endpoint', {
      what: `${address} is no address to listen on`,
      todo: 'give host:port, such as 127.0.0.1:10001',
    });
  }
  const host = literal ?? name ?? '';
  return { ...(host === '' ? {} : { host }), port: Number(port) };
}

function listenError(address: string, error: unknown): AgentError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const why = messageOf(error);
  return new AgentError('telemetry_endpoint', {
    what: `cannot serve /metrics, /healthz and /readyz on ${address}`,
    why: code === 'EADDRINUSE' ? 'another program listens there' : why,
    todo: 'set telemetry.endpoint to a free address of this host, or telemetry.enabled: false',
  });
}
