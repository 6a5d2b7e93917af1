/**
 * Cost of the link stage for one proxied request: four data events, an ingress and an egress
 * exchange, exact state, and both rows written into a batch. Exchanges are made outside the
 * measured part, as the protocol stage makes them; CPU time of the process is what counts.
 *
 *     node test/bench/link-stage.ts [--hops N] [--in-flight N] [--upstream new|reuse] [--family F]
 */
import { parseArgs } from 'node:util';
import { unseenClose } from '../../src/capture/connections.ts';
import type { Connection } from '../../src/capture/types.ts';
import type { Family } from '../../src/discover/types.ts';
import { Linker } from '../../src/link/linker.ts';
import type { LinkNode } from '../../src/link/node.ts';
import type { Exchange } from '../../src/protocol/types.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import {
  answer,
  connection,
  exchange,
  process as identity,
  type LooseExchange,
  RESPONSE_BYTES,
  requestData,
  responseData,
} from '../link/builders.ts';
import { causeOf } from '../link/scene.ts';

const { values } = parseArgs({
  options: {
    hops: { type: 'string', default: '512' },
    'in-flight': { type: 'string', default: '64' },
    upstream: { type: 'string', default: 'reuse' },
    family: { type: 'string', default: 'nginx' },
    rounds: { type: 'string', default: '600' },
  },
});

/** 50 000 proxied requests a second. */
const EXCHANGE_NS = 10_000;

const PROXY = identity(100, 'proxy');
const HEADERS = {
  Host: 'shop.example.com',
  'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'Accept-Language': 'en-US,en;q=0.5',
  'Accept-Encoding': 'gzip, deflate, br, zstd',
};

interface Hop {
  readonly ingress: LooseExchange;
  readonly egress: LooseExchange;
  readonly isNewUpstream: boolean;
}

/** Hops of `inFlight` client connections in turn; positions go on where the last round ended. */
class Source {
  readonly #clients: Connection[];
  readonly #upstreams: Connection[];
  readonly #position = new Map<
    Connection,
    { request: number; response: number; ordinal: number }
  >();
  readonly #isNew: boolean;
  #nowNs = 1e9;

  constructor(inFlight: number, isNew: boolean) {
    this.#clients = Array.from({ length: inFlight }, () => socketOf('server'));
    this.#upstreams = Array.from({ length: inFlight }, () => socketOf('client'));
    this.#isNew = isNew;
  }

  hop(i: number): Hop {
    const client = this.#clients[i % this.#clients.length];
    const slot = i % this.#upstreams.length;
    if (this.#isNew) {
      this.#position.delete(this.#upstreams[slot]);
      this.#upstreams[slot] = socketOf('client');
    }
    const ingress = this.#make(client, 'server', null);
    const egress = this.#make(this.#upstreams[slot], 'client', causeOf(ingress));
    return { ingress, egress, isNewUpstream: this.#isNew };
  }

  #make(
    socket: Connection,
    role: 'server' | 'client',
    cause: LooseExchange['cause'],
  ): LooseExchange {
    const at = this.#position.get(socket) ?? { request: 0, response: 0, ordinal: 1 };
    this.#nowNs += EXCHANGE_NS;
    const made = exchange({
      connection: socket,
      role,
      headers: HEADERS,
      target: '/catalog/items/4711?view=full',
      ordinal: at.ordinal,
      requestStart: at.request,
      responseStart: at.response,
      startNs: this.#nowNs,
      cause,
    });
    this.#position.set(socket, {
      request: made.requestHeadEndPosition,
      response: at.response + RESPONSE_BYTES,
      ordinal: at.ordinal + 1,
    });
    return made;
  }
}

let nextPort = 0;

function socketOf(role: 'server' | 'client'): Connection {
  nextPort = (nextPort + 1) % 28_000;
  const ephemeral = { address: '127.0.0.1', port: 32_768 + nextPort };
  const fixed = { address: '127.0.0.1', port: role === 'server' ? 80 : 9001 };
  const [local, remote] = role === 'server' ? [fixed, ephemeral] : [ephemeral, fixed];
  return connection({ process: PROXY, role, local, remote });
}

function main(): void {
  const hops = Number(values.hops);
  const inFlight = Number(values['in-flight']);
  let rows = 0;
  const linker = new Linker({
    counters: new Counters(),
    emit: (batch) => {
      rows += batch.count;
    },
    announce: () => undefined,
  });
  linker.setFamily(100, values.family as Family);
  const source = new Source(inFlight, values.upstream === 'new');
  const costs: number[] = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    const made = Array.from({ length: hops }, (_, i) => source.hop(i));
    const events = made.map(({ ingress, egress }) => [
      requestData(ingress),
      requestData(egress),
      responseData(egress, egress.requestStartNs + 500),
      responseData(ingress, egress.requestStartNs + 600),
    ]);
    const before = process.cpuUsage();
    for (let first = 0; first < hops; first += inFlight)
      runGroup(linker, made, events, first, Math.min(first + inFlight, hops));
    linker.flush();
    const { user, system } = process.cpuUsage(before);
    costs.push(((user + system) * 1000) / hops);
    const last = made[hops - 1].egress.requestStartNs;
    linker.tick(last);
  }
  costs.sort((a, b) => a - b);
  const median = costs[costs.length >> 1];
  console.log(
    JSON.stringify({
      bench: 'link-stage',
      nsPerHop: Math.round(median),
      nsPerHopBest: Math.round(costs[0]),
      hops,
      inFlight,
      upstream: values.upstream,
      family: values.family,
      rows,
      node: process.version,
    }),
  );
}

type Events = readonly ReturnType<typeof requestData>[];

/** `inFlight` requests at once: all arrive, all are sent on, all are answered. */
function runGroup(
  linker: Linker,
  made: readonly Hop[],
  events: readonly Events[],
  from: number,
  to: number,
): void {
  for (let i = from; i < to; i++) {
    const { ingress, egress, isNewUpstream } = made[i];
    linker.data(ingress.connection, events[i][0]);
    linker.request(ingress as Exchange<LinkNode>);
    if (isNewUpstream) linker.open(egress.connection, egress.requestStartNs, 100);
    linker.data(egress.connection, events[i][1]);
    linker.request(egress as Exchange<LinkNode>);
  }
  for (let i = from; i < to; i++) {
    const { ingress, egress } = made[i];
    linker.data(egress.connection, events[i][2]);
    end(linker, egress);
    if (made[i].isNewUpstream) linker.close(egress.connection, closeOf(egress));
    linker.data(ingress.connection, events[i][3]);
    end(linker, ingress);
  }
}

function closeOf(egress: LooseExchange) {
  return { ...unseenClose(egress.connection.id, egress.endNs), tid: 100 };
}

const RESPONSE = answer(exchange({ connection: socketOf('client'), role: 'client' }), 1).response;

/** What the protocol stage fills in while a response arrives. */
function end(linker: Linker, each: LooseExchange): void {
  const endNs = each.requestStartNs + 700;
  each.response = RESPONSE;
  each.status = 200;
  each.responseStartNs = endNs;
  each.responseEndPosition = each.responseStartPosition + RESPONSE_BYTES;
  each.endNs = endNs;
  each.end = 'complete';
  linker.end(each as Exchange<LinkNode>);
}

main();
