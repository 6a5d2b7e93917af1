/**
 * TCP listeners, read cheaply: the kernel prints them first in /proc/PID/net/tcp (tcp_seq_start in
 * net/ipv4/tcp_ipv4.c), so the connections behind them are never read.
 */
import { readSync } from 'node:fs';
import type { ProcessInfo } from '../processes.ts';
import { PROC_ROOT, withFile } from './files.ts';
import { parseTcp, readSocketDescriptors, type SocketEntry } from './sockets.ts';

const PIECE_BYTES = 16 * 1024;

/** Listening ports of processes: pid -> ports, for processes that listen at all. */
export function listeningPorts(
  processes: readonly ProcessInfo[],
  root = PROC_ROOT,
): Map<number, number[]> {
  const byNamespace = listenersByNamespace(processes, root);
  const ports = new Map<number, number[]>();
  for (const { pid, netnsInode } of processes) {
    const listeners = byNamespace.get(netnsInode);
    if (listeners === undefined || listeners.size === 0) continue;
    const found = new Set<number>();
    for (const inode of readSocketDescriptors(pid, root).values()) {
      const port = listeners.get(inode);
      if (port !== undefined) found.add(port);
    }
    if (found.size > 0) ports.set(pid, [...found]);
  }
  return ports;
}

/** Inodes of the sockets that listen on one of `ports`, in any network namespace of `processes`. */
export function listenersOn(
  ports: readonly number[],
  processes: readonly ProcessInfo[],
  root = PROC_ROOT,
): Set<number> {
  const inodes = new Set<number>();
  for (const listeners of listenersByNamespace(processes, root).values()) {
    for (const [inode, port] of listeners) if (ports.includes(port)) inodes.add(inode);
  }
  return inodes;
}

/** Network namespace -> socket inode -> port. */
function listenersByNamespace(
  processes: readonly ProcessInfo[],
  root: string,
): Map<number, Map<number, number>> {
  const found = new Map<number, Map<number, number>>();
  for (const { pid, netnsInode } of processes) {
    if (found.has(netnsInode)) continue;
    const entries = readListeners(pid, root);
    if (entries === undefined) continue;
    found.set(netnsInode, new Map(entries.map(({ inode, localPort }) => [inode, localPort])));
  }
  return found;
}

/** Undefined when the process is gone: another one of its namespace may tell. */
function readListeners(pid: number, root: string): SocketEntry[] | undefined {
  const ipv4 = readFirstLines(`${root}/${pid}/net/tcp`);
  const ipv6 = readFirstLines(`${root}/${pid}/net/tcp6`);
  if (ipv4 === undefined && ipv6 === undefined) return undefined;
  const entries = [...parseTcp(ipv4 ?? '', 'ipv4'), ...parseTcp(ipv6 ?? '', 'ipv6')];
  return entries.filter(({ state }) => state === 'listening');
}

/**
 * The file up to its first piece that holds something else than listeners, of which a host has as
 * many as its programs opened: at most some thousands.
 */
function readFirstLines(path: string): string | undefined {
  return withFile(path, (fd) => {
    const piece = Buffer.allocUnsafe(PIECE_BYTES);
    let text = '';
    for (;;) {
      const got = readSync(fd, piece, 0, piece.length, null);
      const added = piece.toString('latin1', 0, got);
      text += added;
      if (got === 0 || hasConnections(added)) return text;
    }
  });
}

/** A state other than 0A (TCP_LISTEN) behind the two addresses. */
function hasConnections(text: string): boolean {
  return /: [0-9A-F]+:[0-9A-F]{4} [0-9A-F]+:[0-9A-F]{4} (?!0A)[0-9A-F]{2} /.test(text);
}
