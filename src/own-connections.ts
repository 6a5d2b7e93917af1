/**
 * The agent's own connections (to its collector, its stores), as Node opens them. The kernel side
 * does not watch the agent, so the other ends are recognised by the addresses told here.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readlinkSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { OwnConnection } from './handoff/messages.ts';

/** Published by Node for every client socket before it connects. */
const CHANNEL = 'net.client.socket';

export interface OwnConnectionHandlers {
  readonly opened: (connection: OwnConnection) => void;
  readonly closed: (id: number) => void;
}

/** Reports every TCP connection that this thread opens; returns what ends the reporting. */
export function watchOwnConnections(handlers: OwnConnectionHandlers): () => void {
  let lastId = 0;
  const onSocket = (message: unknown) => {
    const { socket } = message as { socket: Socket };
    socket.once('connect', () => {
      const connection = describe(socket, ++lastId);
      if (connection === undefined) return;
      handlers.opened(connection);
      socket.once('close', () => handlers.closed(connection.id));
    });
  };
  subscribe(CHANNEL, onSocket);
  return () => unsubscribe(CHANNEL, onSocket);
}

function describe(socket: Socket, id: number): OwnConnection | undefined {
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  if (localAddress === undefined || localPort === undefined) return undefined;
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  return {
    id,
    netnsInode: ownNetns(),
    local: { address: unmapped(localAddress), port: localPort },
    remote: { address: unmapped(remoteAddress), port: remotePort },
  };
}

/** The kernel side names IPv4-mapped addresses as IPv4. */
function unmapped(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '');
}

function ownNetns(): number {
  return Number(/\d+/.exec(readlinkSync('/proc/self/ns/net'))?.[0] ?? 0);
}
