/**
 * Sockets of a process: the tables of its network namespace (/proc/PID/net) joined with its open
 * descriptors by socket inode.
 */
import type { Counters } from '../../telemetry/counters.ts';
import { bracketNumber, PROC_ROOT, readProcFolder, readProcLink, readProcText } from './files.ts';

export type SocketState = 'listening' | 'established' | 'other';

export interface SocketEntry {
  readonly inode: number;
  readonly family: 'ipv4' | 'ipv6' | 'unix';
  readonly state: SocketState;
  /** Textual address, or the Unix path ('' when unnamed, '@name' when abstract). */
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
}

/** Stream sockets of one network namespace by inode. */
export type SocketTable = ReadonlyMap<number, SocketEntry>;

/** Descriptor -> socket inode of one process. */
export function readSocketDescriptors(pid: number, root = PROC_ROOT): Map<number, number> {
  const found = new Map<number, number>();
  for (const name of readProcFolder(`${root}/${pid}/fd`)) {
    const link = readProcLink(`${root}/${pid}/fd/${name}`);
    if (link?.startsWith('socket:[')) found.set(Number(name), bracketNumber(link));
  }
  return found;
}

/** Stream sockets (TCP over IPv4 and IPv6, Unix) of the network namespace that `pid` lives in. */
export function readSocketTable(pid: number, counters?: Counters, root = PROC_ROOT): SocketTable {
  const table = new Map<number, SocketEntry>();
  const net = `${root}/${pid}/net`;
  for (const entry of parseTcp(readProcText(`${net}/tcp`, counters) ?? '', 'ipv4')) {
    table.set(entry.inode, entry);
  }
  for (const entry of parseTcp(readProcText(`${net}/tcp6`, counters) ?? '', 'ipv6')) {
    table.set(entry.inode, entry);
  }
  for (const entry of parseUnix(readProcText(`${net}/unix`, counters) ?? '')) {
    table.set(entry.inode, entry);
  }
  return table;
}

/** The sockets of one process. */
export function socketsOf(pid: number, table: SocketTable, root = PROC_ROOT): SocketEntry[] {
  const inodes = new Set(readSocketDescriptors(pid, root).values());
  return [...inodes].map((inode) => table.get(inode)).filter((entry) => entry !== undefined);
}

/** Lines of /proc/net/tcp and tcp6: sl local remote st ... inode (proc_pid_net(5)). */
export function parseTcp(text: string, family: 'ipv4' | 'ipv6'): SocketEntry[] {
  const entries: SocketEntry[] = [];
  for (const line of text.split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/);
    const [, local, remote, state] = fields;
    const inode = Number(fields[9]);
    if (local === undefined || remote === undefined || !(inode > 0)) continue;
    entries.push({
      inode,
      family,
      state: state === '0A' ? 'listening' : state === '01' ? 'established' : 'other',
      localAddress: parseAddress(local),
      localPort: parsePort(local),
      remoteAddress: parseAddress(remote),
      remotePort: parsePort(remote),
    });
  }
  return entries;
}

/** Local ports of the UDP sockets of one process (same columns as tcp). */
export function readUdpPorts(pid: number, root = PROC_ROOT): number[] {
  const inodes = new Set(readSocketDescriptors(pid, root).values());
  const net = `${root}/${pid}/net`;
  const entries = [
    ...parseTcp(readProcText(`${net}/udp`) ?? '', 'ipv4'),
    ...parseTcp(readProcText(`${net}/udp6`) ?? '', 'ipv6'),
  ];
  const own = entries.filter(({ inode }) => inodes.has(inode));
  return [...new Set(own.map(({ localPort }) => localPort))];
}

/** Lines of /proc/net/unix: Num RefCount Protocol Flags Type St Inode Path; type 1 is a stream. */
export function parseUnix(text: string): SocketEntry[] {
  const entries: SocketEntry[] = [];
  for (const line of text.split('\n').slice(1)) {
    const match = line.match(/^\S+ \S+ \S+ (\S+) 0001 (\S+) +(\d+)(?: (.*))?$/);
    if (match === null) continue;
    const [, flags, state, inode, path] = match;
    // __SO_ACCEPTCON in the flags marks a listening socket; SS_CONNECTED is 03.
    const isListening = (Number.parseInt(flags ?? '0', 16) & 0x10000) !== 0;
    entries.push({
      inode: Number(inode),
      family: 'unix',
      state: isListening ? 'listening' : state === '03' ? 'established' : 'other',
      localAddress: path ?? '',
      localPort: 0,
      remoteAddress: '',
      remotePort: 0,
    });
  }
  return entries;
}

/** Addresses are printed as 32-bit words in the order of the host (little endian). */
function parseAddress(field: string): string {
  const hex = field.slice(0, field.indexOf(':'));
  const bytes = Buffer.from(hex, 'hex');
  for (let word = 0; word < bytes.length; word += 4) bytes.subarray(word, word + 4).reverse();
  if (bytes.length === 4) return bytes.join('.');
  if (isMappedIpv4(bytes)) return bytes.subarray(12).join('.');
  return compressIpv6(bytes);
}

function isMappedIpv4(bytes: Buffer): boolean {
  return bytes.length === 16 && bytes.subarray(0, 12).toString('hex') === `${'00'.repeat(10)}ffff`;
}

/** RFC 5952: lower case, no leading zeros, the first longest run of zero groups as `::`. */
function compressIpv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2));
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start += 1) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length += 1;
    if (length > best.length) best = { start, length };
  }
  const hex = groups.map((group) => group.toString(16));
  if (best.length < 2) return hex.join(':');
  const tail = hex.slice(best.start + best.length).join(':');
  return `${hex.slice(0, best.start).join(':')}::${tail}`;
}

function parsePort(field: string): number {
  return Number.parseInt(field.slice(field.indexOf(':') + 1), 16);
}
