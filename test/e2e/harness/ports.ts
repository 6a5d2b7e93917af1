/** Ports that nobody listens on, chosen by the kernel; all are held until all are known. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

export async function freePorts<Name extends string>(
  ...names: readonly Name[]
): Promise<Record<Name, number>> {
  const servers: Server[] = [];
  const ports = {} as Record<Name, number>;
  for (const name of names) {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('not a TCP address');
    ports[name] = address.port;
    servers.push(server);
  }
  for (const server of servers) {
    server.close();
    await once(server, 'close');
  }
  return ports;
}
