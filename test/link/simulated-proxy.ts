/**
 * A proxy under identical requests, as the kernel would record it: reads and writes with positions
 * and times, and on every egress write the exact state (ingress connection and its positions). The
 * truth is kept beside it. Requests are REQUEST_BYTES long, responses RESPONSE_BYTES.
 */
import type { Connection } from '../../src/capture/types.ts';
import type { Cause } from '../../src/protocol/types.ts';
import { connection, head, process, RESPONSE_BYTES } from './builders.ts';
import type { Random } from './random.ts';

export const REQUEST_BYTES = head('GET / HTTP/1.1').bytes.length;

export const PROXY = process(100, 'proxy');

/** Whole messages that one call moved, `count` of them one after the other. */
export interface WireEvent {
  readonly connection: Connection;
  readonly role: 'server' | 'client';
  readonly isRequest: boolean;
  readonly position: number;
  readonly count: number;
  readonly timeNs: number;
  readonly cause: Cause | null;
  readonly status: number;
}

export interface Workload {
  readonly clients: number;
  readonly requestsPerClient: number;
  /** Chances per request. */
  readonly retry: number;
  readonly auth: number;
  readonly mirror: number;
  readonly pipelined: number;
  readonly newUpstream: number;
  readonly healthCheck: number;
}

/** Identity of an exchange: its connection and the time of its request. */
export type ExchangeKey = string;

export function keyOf(connectionId: number, startNs: number): ExchangeKey {
  return `${connectionId}@${startNs}`;
}

interface Client {
  readonly socket: Connection;
  read: number;
  written: number;
  left: number;
}

interface Upstream {
  readonly socket: Connection;
  written: number;
  read: number;
}

interface Task {
  readonly atNs: number;
  readonly run: (nowNs: number) => void;
}

export class SimulatedProxy {
  readonly events: WireEvent[] = [];
  /** Egress -> the ingress that caused it; null for requests of the proxy itself. */
  readonly truth = new Map<ExchangeKey, ExchangeKey | null>();
  readonly #random: Random;
  readonly #load: Workload;
  readonly #idle: Upstream[] = [];
  #tasks: Task[] = [];
  #times = new Set<number>();

  constructor(random: Random, load: Workload) {
    this.#random = random;
    this.#load = load;
  }

  /** Runs all clients to their end. */
  run(): void {
    for (let i = 0; i < this.#load.clients; i++) {
      const socket = connection({ process: PROXY, role: 'server' });
      const client = { socket, read: 0, written: 0, left: this.#load.requestsPerClient };
      this.#after(1e6, 2e6, (nowNs) => this.#receive(client, nowNs));
    }
    while (this.#tasks.length > 0) {
      this.#tasks.sort((a, b) => b.atNs - a.atNs);
      const task = this.#tasks.pop();
      task?.run(task.atNs);
    }
  }

  /** One read of one request, or of two when the client pipelines; they are served in turn. */
  #receive(client: Client, nowNs: number): void {
    if (client.left === 0) return;
    const count = this.#random.chance(this.#load.pipelined) && client.left > 1 ? 2 : 1;
    client.left -= count;
    this.#record(client.socket, 'server', true, client.read, nowNs, null, 200, count);
    client.read += count * REQUEST_BYTES;
    const keys = Array.from({ length: count }, (_, i) => keyOf(client.socket.id, nowNs + i));
    if (this.#random.chance(this.#load.healthCheck)) this.#checkHealth(client, nowNs);
    this.#serve(client, keys, nowNs);
  }

  #serve(client: Client, keys: readonly ExchangeKey[], nowNs: number): void {
    const [key, ...rest] = keys;
    const { auth, retry } = this.#load;
    const main = (startNs: number, isSecond: boolean): void => {
      const fails = !isSecond && this.#random.chance(retry);
      this.#send(client, key, startNs, false, fails ? 502 : 200, (endNs) => {
        if (fails) this.#after(endNs, 1e5, (ns) => main(ns, true));
        else this.#after(endNs, 1e5, (ns) => this.#answer(client, key, rest, ns));
      });
    };
    this.#after(nowNs, 3e6, (ns) => {
      if (!this.#random.chance(auth)) main(ns, false);
      else this.#send(client, key, ns, true, 200, (endNs) => main(endNs, false));
    });
  }

  #answer(client: Client, key: ExchangeKey, rest: readonly ExchangeKey[], nowNs: number): void {
    this.#record(client.socket, 'server', false, client.written, nowNs, null, 200, 1);
    client.written += RESPONSE_BYTES;
    const goOn = (ns: number): void => {
      if (rest.length > 0) this.#serve(client, rest, ns);
      else this.#after(ns, 1e6, (next) => this.#receive(client, next));
    };
    // A mirror holds its request: the connection is read again when it is done.
    if (this.#random.chance(this.#load.mirror))
      this.#after(nowNs, 1e6, (ns) => this.#send(client, key, ns, true, 200, goOn));
    else goOn(nowNs);
  }

  #send(
    client: Client,
    key: ExchangeKey | null,
    nowNs: number,
    isSubrequest: boolean,
    status: number,
    done: (endNs: number) => void,
  ): void {
    const isNew = this.#idle.length === 0 || this.#random.chance(this.#load.newUpstream);
    const upstream = isNew ? this.#connect() : this.#idle.splice(0, 1)[0];
    const cause = this.#stateOf(client, isSubrequest, key === null);
    this.truth.set(keyOf(upstream.socket.id, nowNs), key);
    this.#record(upstream.socket, 'client', true, upstream.written, nowNs, cause, 0, 1);
    upstream.written += REQUEST_BYTES;
    this.#after(nowNs, 10e6, (endNs) => {
      this.#record(upstream.socket, 'client', false, upstream.read, endNs, null, status, 1);
      upstream.read += RESPONSE_BYTES;
      this.#idle.push(upstream);
      done(endNs);
    });
  }

  #checkHealth(client: Client, nowNs: number): void {
    this.#after(nowNs, 1e6, (ns) => this.#send(client, null, ns, false, 200, () => undefined));
  }

  #stateOf(client: Client, isSubrequest: boolean, isNoIngress: boolean): Cause {
    return {
      kind: 'nginx',
      connectionId: isNoIngress ? 0 : client.socket.id,
      readPosition: client.read,
      writePosition: client.written,
      token: 0,
      isSubrequest,
      isAmbiguous: false,
      isNoIngress,
      isIngressExcluded: false,
    };
  }

  #connect(): Upstream {
    return { socket: connection({ process: PROXY, role: 'client' }), written: 0, read: 0 };
  }

  #record(
    socket: Connection,
    role: 'server' | 'client',
    isRequest: boolean,
    position: number,
    timeNs: number,
    cause: Cause | null,
    status: number,
    count: number,
  ): void {
    this.events.push({
      connection: socket,
      role,
      isRequest,
      position,
      timeNs,
      cause,
      status,
      count,
    });
  }

  /**
   * Runs at a random time that nothing else happens at: times name exchanges. They are even, the
   * second request of a read is named by the odd one after it.
   */
  #after(fromNs: number, rangeNs: number, run: (nowNs: number) => void): void {
    let atNs = 2 * Math.floor(fromNs / 2) + 2 + 2 * this.#random.below(rangeNs / 2);
    while (this.#times.has(atNs)) atNs += 2;
    this.#times.add(atNs);
    this.#tasks.push({ atNs, run });
  }
}
