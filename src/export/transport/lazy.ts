/**
 * A transport whose packages are loaded when it is made, and only then: gRPC takes 20 MB that a
 * console or an HTTP exporter has no use for.
 */

import { messageOf } from '../../telemetry/agent-error.ts';
import type { Encoding, SendResult, Transport } from '../types.ts';

export class LazyTransport implements Transport {
  readonly target: string;
  readonly #loaded: Promise<Transport>;

  constructor(target: string, load: () => Promise<Transport>) {
    this.target = target;
    this.#loaded = load();
    // `send` tells about a failure; nobody else has to.
    this.#loaded.catch(() => undefined);
  }

  async send(body: Uint8Array, signal: AbortSignal, encoding?: Encoding): Promise<SendResult> {
    try {
      return await (await this.#loaded).send(body, signal, encoding);
    } catch (error) {
      return { kind: 'refused', reason: messageOf(error) };
    }
  }

  close(): void {
    this.#loaded.then(
      (transport) => transport.close(),
      () => undefined,
    );
  }
}
