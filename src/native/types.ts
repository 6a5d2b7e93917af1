/** The face of the addon: what the capture worker can ask of the kernel. */
import type { HaproxyLayout } from '../handoff/haproxy-layout.ts';
import type { TrafficSettings } from '../handoff/messages.ts';

export interface KernelOptions {
  /** Watch every process that is not excluded, else only those with a `watch` policy. */
  readonly watchAll: boolean;
  /** Of the rings of all CPUs together. */
  readonly ringBytes: number;
  /** Of one CPU's ring, whatever that makes of the sum. */
  readonly ringBytesMin: number;
  readonly connectionsMax: number;
  /** Bytes copied after each direction turn, besides the body bytes of `traffic`. */
  readonly headBytesMax: number;
  /** In force before anything is attached. */
  readonly traffic: TrafficSettings;
  /** Default: SPANTAP_CAPTURE_HOOK, else the cheapest that the kernel has. */
  readonly hook?: CaptureHook;
}

export type CaptureHook = 'socket' | 'syscall';

/** Kernel-side policy of one process. */
export interface ProcessPolicy {
  readonly watch: 'watch' | 'ignore' | 'default';
  readonly family: 'other' | 'nginx' | 'haproxy' | 'go';
}

export type UprobeProgram =
  | 'haproxy_stream_new'
  | 'haproxy_back_try_conn_req'
  | 'go_round_trip'
  | 'go_write_loop';

/** Requests of HAProxy on which a walk and the probes agreed, as far as was compared. */
export interface WalkState {
  readonly agreed: number;
  /** 1: they differed once, and the walk is not used any more. */
  readonly disagreed: number;
  /** Requests whose client it named since it is believed. */
  readonly taken: number;
}

/** Mirrors HAPROXY_PROOFS in bpf/walk_layout.h. */
export const HAPROXY_PROOFS = 64;

/** An opened and attached kernel side. All calls are made from the thread that opened it. */
export interface Kernel {
  /**
   * Copies whole records into `batch`, in the order of their time, and returns the bytes written.
   * 0: nothing waits. A result close to the buffer's size means that more may be waiting. Records
   * of the last 100 us stay for the next call, so that an earlier one of another CPU is not
   * overtaken; with `isLast` they do not.
   */
  drain(batch: Uint8Array, isLast?: boolean): number;
  /** Sums of the per-CPU counters, by `enum event_counter`. */
  counters(): Float64Array;
  setPolicy(tgid: number, policy: ProcessPolicy): void;
  clearPolicy(tgid: number): void;
  /** From now on, for the connections that are open as well. */
  setTraffic(settings: TrafficSettings): void;
  /** Where calls are seen: in sockets (Linux 6.5 and later), or at the exit of every system call. */
  readonly hook: CaptureHook;
  /** Why it is not `socket` although that was wanted; undefined when it is, or was not. */
  readonly socketRefusal: string | undefined;
  /** What one CPU's ring holds. */
  readonly ringBytes: number;
  /** Sees every close() from now on: hook `socket` needs it for the end of Unix sockets. */
  followCloses(): void;
  /** Sees what splice() reads from now on: hook `socket` needs it where splice() is used. */
  followSplices(): void;
  /** Stops copying a connection's bytes (tunnels, the agent's own traffic). */
  ignoreConnection(socketInode: number): void;
  /**
   * A socket ended without a close that the kernel side could see: its entry is freed. Returns
   * whether a close event with its last positions follows (with a full ring: after a sweep).
   */
  forgetConnection(socketInode: number): boolean;
  /**
   * Ends connections whose socket no process holds any more (killed processes, dup2 over a
   * socket), each with a close event; returns how many. Walks all descriptors of the machine: once
   * or twice a minute.
   */
  sweep(): number;
  /**
   * Puts the close events again that found the ring full; returns how many were due. Walks all
   * connections, some milliseconds: when records were lost and the ring was drained since.
   */
  endLate(): number;
  /**
   * Ends capture; what is in the ring can still be drained. Returns a close record of each
   * connection, to be read after the ring: what they count beyond it was lost.
   */
  stop(): Uint8Array;
  /** Attaches for every process that maps `path`; returns a handle. */
  attachUprobe(program: UprobeProgram, path: string, offset: number, isReturn: boolean): number;
  detach(handle: number): void;
  /**
   * A way through HAProxy's structures under a number from 1 to limits.haproxyWalksMax, set once. Before
   * it is believed it has to agree with the probes, unless `isProven`.
   */
  setWalk(number: number, layout: HaproxyLayout, isProven: boolean): void;
  /** For a process whose code begins at `code`, and with it for all processes of its executable. */
  offerWalk(tgid: number, number: number, code: number): void;
  readWalk(number: number): WalkState;
  /** The probes beside it are detached. */
  walkAlone(number: number): void;
  /** Detaches everything and frees the maps. */
  close(): void;
}

/** One kind of hook, as `spantap doctor` found it by loading and attaching an empty program. */
export interface HookFeature {
  readonly name: string;
  readonly isAvailable: boolean;
  /** Without it nothing is captured; the others are used for linking, or are faster ways. */
  readonly isRequired: boolean;
  /** Why it is not available, or what it is used for. */
  readonly why?: string;
}
