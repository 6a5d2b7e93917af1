/**
 * HAProxy's structures, found in its memory by the way they point at each other, whatever version and
 * build it is. A client's connection c while a request of it is in progress:
 *
 *   fdtab[fd].owner = c       c->handle.fd == fd
 *   c->ctx = h                h->conn == c
 *   h->h1s = x                x->h1c == h
 *   x->sess = s == c->owner   s->origin == c
 *
 * Every offset at which that holds is a candidate. Other structures close such circles as well, and
 * memory holds what was there before; so a candidate counts where it also does what it is wanted for:
 * it leads from a connection to a server, whose owner is not the session, to such a client. The
 * process runs on meanwhile: what is believed is what many looks have in common (votes.ts).
 */
import type { HaproxyLayout } from '../../handoff/haproxy-layout.ts';
import type { HaproxyVariables } from '../families.ts';
import { type Memory, wordAt } from '../proc/memory.ts';

/** What the symbols do not tell. */
export type Candidate = Omit<HaproxyLayout, keyof HaproxyVariables>;

/** The first half: connections are found with it also while they are idle. */
export type Base = Pick<
  Candidate,
  'entryBytes' | 'entryOwner' | 'connectionHandle' | 'connectionMux' | 'muxConnection'
>;

/** A connection to a server, and all candidates that lead from it to a client. */
export interface Sample {
  readonly connection: number;
  readonly candidates: readonly Candidate[];
}

const WORD = 8;
/** sizeof(struct fdtab): 64 since 2.0, aligned to a cache line. */
const ENTRY_BYTES_MIN = 32;
const ENTRY_BYTES_MAX = 256;
/** What the kernel side reads of each structure at most: HAPROXY_BLOCK_BYTES. */
const BLOCK_BYTES = 256;
const CONNECTION_BYTES = 192;
const SESSION_BYTES = 96;
/** The way back to the owner stands at the beginning. */
const BACK_BYTES = 32;
/** Bounds of addresses of user space. */
const ADDRESS_MIN = 65_536;
const ADDRESS_MAX = 2 ** 47;
/** Descriptors that have to agree on a base. */
const AGREEING_MIN = 2;
const NOTHING = Buffer.alloc(0);

/** Reads each block once, so that one look sees one state as far as that is possible. */
export class Snapshot {
  readonly #memory: Memory;
  readonly #blocks = new Map<number, Buffer>();

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  block(address: number): Buffer {
    let block = this.#blocks.get(address);
    if (block === undefined) {
      block = this.#memory.read(address, BLOCK_BYTES);
      this.#blocks.set(address, block);
    }
    return block;
  }
}

/** `table`: address of fdtab's first entry. Those on which two of the descriptors agree. */
export function findBases(memory: Memory, table: number, fds: readonly number[]): Base[] {
  const entries = memory.read(table, (Math.max(...fds) + 1) * ENTRY_BYTES_MAX);
  const snapshot = new Snapshot(memory);
  const found: Base[] = [];
  for (let entryBytes = ENTRY_BYTES_MIN; entryBytes <= ENTRY_BYTES_MAX; entryBytes += WORD)
    for (let entryOwner = 0; entryOwner < entryBytes; entryOwner += WORD) {
      const entry = { entryBytes, entryOwner };
      const owners = fds
        .map((fd) => ({ fd, connection: wordAt(entries, fd * entryBytes + entryOwner) }))
        .filter(({ connection }) => isAddress(connection));
      if (owners.length >= AGREEING_MIN) found.push(...basesOf(snapshot, entry, owners));
    }
  return found;
}

function basesOf(
  snapshot: Snapshot,
  entry: Pick<Base, 'entryBytes' | 'entryOwner'>,
  owners: readonly { fd: number; connection: number }[],
): Base[] {
  const counts = new Map<string, { base: Base; count: number }>();
  for (const { fd, connection } of owners)
    for (const half of halvesOf(snapshot, fd, connection)) {
      const key = Object.values(half).join();
      const known = counts.get(key);
      if (known === undefined) counts.set(key, { base: { ...entry, ...half }, count: 1 });
      else known.count++;
    }
  return [...counts.values()].filter(({ count }) => count >= AGREEING_MIN).map(({ base }) => base);
}

/** Where the connection may name its descriptor, and its mux, which names it. */
function halvesOf(snapshot: Snapshot, fd: number, connection: number) {
  const block = snapshot.block(connection);
  const handles = offsets(WORD, CONNECTION_BYTES).filter((at) => intAt(block, at) === fd);
  if (handles.length === 0) return [];
  return offsets(WORD, CONNECTION_BYTES).flatMap((connectionMux) => {
    const mux = wordAt(block, connectionMux);
    if (!isAddress(mux) || mux === connection) return [];
    const muxBlock = snapshot.block(mux);
    return offsets(0, BACK_BYTES)
      .filter((at) => wordAt(muxBlock, at) === connection)
      .flatMap((muxConnection) =>
        handles.map((connectionHandle) => ({ connectionHandle, connectionMux, muxConnection })),
      );
  });
}

/** Connections to servers among `fds` that lead to a client; all of `bases` are tried. */
export function findSamples(
  memory: Memory,
  table: number,
  fds: readonly number[],
  bases: readonly Base[],
): Sample[] {
  const snapshot = new Snapshot(memory);
  const samples = new Map<number, Candidate[]>();
  for (const base of bases) {
    const connections = fds
      .map((fd) => {
        const entry = memory.read(table + fd * base.entryBytes + base.entryOwner, WORD);
        return { fd, connection: wordAt(entry, 0) };
      })
      .filter(({ connection }) => isAddress(connection));
    for (const { candidate, clients } of circlesOf(snapshot, base, connections))
      for (const { connection } of connections) {
        const client = clientOf(snapshot, candidate, connection);
        if (client === connection || !clients.has(client)) continue;
        samples.set(connection, [...(samples.get(connection) ?? []), candidate]);
      }
  }
  return [...samples].map(([connection, candidates]) => ({ connection, candidates }));
}

interface Circle {
  readonly candidate: Candidate;
  /** Connections of which it closes. */
  readonly clients: Set<number>;
}

function circlesOf(
  snapshot: Snapshot,
  base: Base,
  connections: readonly { fd: number; connection: number }[],
): Iterable<Circle> {
  const circles = new Map<string, Circle>();
  for (const { fd, connection } of connections)
    for (const candidate of rest(snapshot, base, fd, connection)) {
      const key = Object.values(candidate).join();
      const known = circles.get(key);
      if (known !== undefined) known.clients.add(connection);
      else circles.set(key, { candidate, clients: new Set([connection]) });
    }
  return circles.values();
}

/** As the kernel side walks (bpf/walk_haproxy.h); 0 where a circle does not close. */
function clientOf(snapshot: Snapshot, candidate: Candidate, connection: number): number {
  const block = snapshot.block(connection);
  const mux = wordAt(block, candidate.connectionMux);
  if (block[0] !== candidate.connectionType || !isAddress(mux)) return 0;
  const muxBlock = snapshot.block(mux);
  if (wordAt(muxBlock, candidate.muxConnection) !== connection) return 0;
  const stream = wordAt(muxBlock, candidate.muxStream);
  const streamBlock = isAddress(stream) ? snapshot.block(stream) : NOTHING;
  if (wordAt(streamBlock, candidate.streamMux) !== mux) return 0;
  const session = wordAt(streamBlock, candidate.streamSession);
  return isAddress(session) ? wordAt(snapshot.block(session), candidate.sessionOrigin) : 0;
}

function rest(snapshot: Snapshot, base: Base, fd: number, connection: number): Candidate[] {
  const block = snapshot.block(connection);
  const mux = wordAt(block, base.connectionMux);
  if (intAt(block, base.connectionHandle) !== fd || !isAddress(mux)) return [];
  const muxBlock = snapshot.block(mux);
  if (wordAt(muxBlock, base.muxConnection) !== connection) return [];
  const owners = offsets(WORD, CONNECTION_BYTES).map((at) => wordAt(block, at));
  const sessions = new Set(owners.filter((word) => isAddress(word) && word !== mux));
  const connectionType = block[0];
  return offsets(0, BLOCK_BYTES).flatMap((muxStream) => {
    const stream = wordAt(muxBlock, muxStream);
    if (!isAddress(stream) || stream === connection) return [];
    return streamsOf(snapshot, { mux, stream, connection, sessions }).map((tail) => ({
      ...base,
      muxStream,
      ...tail,
      connectionType,
    }));
  });
}

interface Chain {
  readonly mux: number;
  readonly stream: number;
  readonly connection: number;
  /** What the connection points at: its owner is the session. */
  readonly sessions: ReadonlySet<number>;
}

function streamsOf(snapshot: Snapshot, { mux, stream, connection, sessions }: Chain) {
  const block = snapshot.block(stream);
  const backs = offsets(0, BACK_BYTES).filter((at) => wordAt(block, at) === mux);
  if (backs.length === 0) return [];
  return offsets(0, BLOCK_BYTES).flatMap((streamSession) => {
    const session = wordAt(block, streamSession);
    if (!sessions.has(session)) return [];
    const sessionBlock = snapshot.block(session);
    return offsets(0, SESSION_BYTES)
      .filter((at) => wordAt(sessionBlock, at) === connection)
      .flatMap((sessionOrigin) =>
        backs.map((streamMux) => ({ streamMux, streamSession, sessionOrigin })),
      );
  });
}

function offsets(from: number, to: number): number[] {
  return Array.from({ length: (to - from) / WORD }, (_, index) => from + index * WORD);
}

function intAt(bytes: Buffer, offset: number): number {
  return offset + 4 <= bytes.length ? bytes.readInt32LE(offset) : -1;
}

function isAddress(word: number): boolean {
  return word >= ADDRESS_MIN && word < ADDRESS_MAX && word % WORD === 0;
}
