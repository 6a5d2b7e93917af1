/**
 * The agent's own connections (to its collector, its stores, container runtimes), as Node opens
 * them. The kernel side does not watch the agent, so the other ends are recognised by the addresses
 * told here, over Unix sockets by the number of the socket.
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

/** Reports every connection that this thread opens; returns what ends the reporting. */
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
  if (localAddress === undefined && remoteAddress === undefined) return describeUnix(socket, id);
  if (localAddress === undefined || localPort === undefined) return undefined;
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  return {
    id,
    socketInode: 0,
    netnsInode: inodeOf('ns/net'),
    local: { address: unmapped(localAddress), port: localPort },
    remote: { address: unmapped(remoteAddress), port: remotePort },
  };
}

/** The kernel side names IPv4-mapped addresses as IPv4. */
function unmapped(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '');
}

function describeUnix(socket: Socket, id: number): OwnConnection | undefined {
  const fd = descriptorOf(socket);
  const socketInode = fd === undefined ? 0 : inodeOf(`fd/${fd}`);
  if (socketInode === 0) return undefined;
  const [local, remote] = ['', 'unix'].map((address) => ({ address, port: 0 }));
  return { id, socketInode, netnsInode: inodeOf('ns/net'), local, remote };
}

/** Node has no public name for it; libuv's handle does. */
function descriptorOf(socket: Socket): number | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd: unknown =
    typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : -1;
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}

/** Of a link below /proc/self such as `net:[4026531840]`; 0 when it is gone. */
function inodeOf(link: string): number {
  try {
    return Number(/\[(\d+)\]/.exec(readlinkSync(`/proc/self/${link}`))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
