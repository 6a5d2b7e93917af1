/** A few clients that ask one request after another until they are told to stop. */
import assert from 'node:assert/strict';
import { assertNoLoss } from './facts.ts';
import { ask, oneConnection } from './http-client.ts';
import { serviceOf } from './otlp-span.ts';
import type { Scene } from './scene.ts';
import { assertWholeHops, type Expected } from './whole-hops.ts';

const CLIENTS = 4;
const WAIT_MS = 20_000;

export class SteadyLoad {
  readonly #port: number;
  readonly #path: string;
  readonly #clients: Promise<void>[];
  #number = 0;
  #count = 0;
  #isStopping = false;

  /** Half of the clients keep their connection for as long as the server does. */
  constructor(port: number, path: string) {
    this.#port = port;
    this.#path = path;
    this.#clients = Array.from({ length: CLIENTS }, (_, n) => this.#run(n % 2 === 0));
  }

  /** Resolves when a round of requests has been asked since the condition came true. */
  async goOn(what: string, condition: () => boolean = () => true): Promise<void> {
    const deadline = Date.now() + WAIT_MS;
    while (!condition()) await this.#next(what, deadline);
    const enough = this.#count + 10 * CLIENTS;
    while (this.#count < enough) await this.#next(what, deadline);
  }

  /** How many requests were answered, all of them with 200. */
  async stop(): Promise<number> {
    this.#isStopping = true;
    await Promise.all(this.#clients);
    return this.#count;
  }

  async #next(what: string, deadline: number): Promise<void> {
    assert(Date.now() < deadline, `${what}: did not come to pass`);
    await Promise.race([...this.#clients, new Promise((resolve) => setTimeout(resolve, 5))]);
  }

  async #run(isKept: boolean): Promise<void> {
    const connections = oneConnection();
    while (!this.#isStopping) {
      const target = `${this.#path}?delay=3&n=${this.#number++}`;
      try {
        const answer = await ask(this.#port, target, isKept ? { connections } : {});
        assert.equal(answer.status, 200);
        this.#count += 1;
      } catch (error) {
        // The server closed an idle connection while we sent: it has not read the request.
        if (!isKept || (error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
      }
    }
    connections.destroy();
  }
}

/** Every request that was asked is one whole hop; so many processes of the proxy took part. */
export async function expectSteadyHops(
  scene: Scene,
  expected: Omit<Expected, 'request'> & { readonly path: string; readonly processes: number },
): Promise<void> {
  const { proxy, backend, path, count, processes } = expected;
  const spans = await scene.spansOf(path, 3 * count);
  assertWholeHops(spans, { proxy, backend, request: `GET ${path}`, count });
  const served = spans.filter((span) => serviceOf(span) === proxy);
  const pids = new Set(served.map(({ resource }) => resource['process.pid']));
  assert.equal(pids.size, processes);
  assertNoLoss(await scene.stopAgent());
}
