/** A TCP proxy that can stop forwarding, as a server does that hangs. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

export class StallingProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isStalled = false;
  connections = 0;

  constructor(target: number) {
    this.#server = createServer((client) => {
      this.connections++;
      const upstream = connect(target, '127.0.0.1');
      for (const socket of [client, upstream]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket));
        if (this.#isStalled) socket.pause();
      }
      client.on('data', (data) => upstream.write(data)).on('close', () => upstream.destroy());
      upstream.on('data', (data) => client.write(data)).on('close', () => client.destroy());
      if (this.#isStalled) this.stall();
    });
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('not a TCP address');
    return address.port;
  }

  /** Nothing is forwarded any more, in either direction. */
  stall(): void {
    this.#isStalled = true;
    for (const socket of this.#sockets) socket.pause();
  }

  resume(): void {
    this.#isStalled = false;
    for (const socket of this.#sockets) socket.resume();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

export async function startProxy(
  t: TestContext,
  target: number,
): Promise<{ proxy: StallingProxy; port: number }> {
  const proxy = new StallingProxy(target);
  t.after(() => proxy.close());
  return { proxy, port: await proxy.listen() };
}
