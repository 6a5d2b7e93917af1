/**
 * The typed face of the addon, its only importer. Hot calls (drain) go straight through; the
 * others word their errors.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { HaproxyLayout } from '../handoff/haproxy-layout.ts';
import type { TrafficSettings } from '../handoff/messages.ts';
import { KernelError, worded } from './errors.ts';
import { describeFeature } from './features.ts';
import { EXPECTED_LAYOUT, type Layout } from './layout.gen.ts';
import { trafficNumbers } from './traffic.ts';
import {
  HAPROXY_PROOFS,
  type HookFeature,
  type Kernel,
  type KernelOptions,
  type ProcessPolicy,
  type UprobeProgram,
  type WalkState,
} from './types.ts';

/** Mirrors `enum policy_watch` and `enum policy_family` in bpf/settings.h. */
const WATCH = { default: 0, watch: 1, ignore: 2 } as const;
const FAMILY = { other: 0, nginx: 1, haproxy: 2, go: 3 } as const;

/** Mirrors `enum kernel_hook` in native/kernel.h. */
const HOOK = { any: 0, syscall: 1, socket: 2 } as const;

function hookNumber(name: string | undefined): number {
  return name === 'syscall' || name === 'socket' ? HOOK[name] : HOOK.any;
}

/** What native/addon.c exports; a handle is a small number. */
interface Addon {
  readonly layout: Layout;
  open(options: {
    directory: string;
    watchAll: number;
    ringBytes: number;
    ringBytesMin: number;
    connectionsMax: number;
    hook: number;
    traffic: Uint32Array;
  }): number;
  close(handle: number): void;
  drain(handle: number, batch: Uint8Array, isLast: boolean): number;
  counters(handle: number): Float64Array;
  setPolicy(handle: number, tgid: number, watch: number, family: number): void;
  clearPolicy(handle: number, tgid: number): void;
  setTraffic(handle: number, traffic: Uint32Array): void;
  hook(handle: number): number;
  /** Thrown errors are worded; so is this one, which is told. */
  socketRefusal(handle: number): Error | undefined;
  ringBytes(handle: number): number;
  followCloses(handle: number): void;
  followSplices(handle: number): void;
  ignoreConnection(handle: number, inode: number): void;
  forgetConnection(handle: number, inode: number): boolean;
  sweep(handle: number): number;
  endLate(handle: number): number;
  stop(handle: number): Uint8Array;
  attachUprobe(
    handle: number,
    program: string,
    path: string,
    offset: number,
    isReturn: boolean,
  ): number;
  detach(handle: number, uprobe: number): void;
  setWalk(handle: number, walk: number, numbers: Float64Array): void;
  offerWalk(handle: number, tgid: number, walk: number, code: number): void;
  readWalk(handle: number, walk: number): WalkState;
  walkAlone(handle: number, walk: number): void;
  probe(directory: string): readonly (readonly [name: string, errno: number])[];
  giveBackMemory(): void;
}

const BUILD = fileURLToPath(new URL('../../build/', import.meta.url));

/** The addon, refused when its idea of an event is not the one the decoder was made for. */
function loadAddon(path = `${BUILD}spantap.node`): Addon {
  if (!existsSync(path)) throw new KernelError('addon_missing', { subject: path });
  const addon = createRequire(import.meta.url)(path) as Addon;
  checkLayout(addon.layout);
  return addon;
}

/** Throws layout_mismatch naming the first size or version that differs. */
export function checkLayout(layout: Layout): void {
  for (const [name, bytes] of Object.entries(EXPECTED_LAYOUT)) {
    const given = layout[name as keyof Layout];
    if (given === bytes) continue;
    throw new KernelError('layout_mismatch', { subject: `${name} is ${given}, not ${bytes}` });
  }
}

/**
 * Gives back what starting took and running has no use for: free heap, code and constants that
 * were used once. Takes some milliseconds.
 */
export function giveBackMemory(): void {
  loadAddon().giveBackMemory();
}

/**
 * Loads and attaches the kernel side. Needs root or the capabilities that the error names.
 * @throws KernelError with a stable `code`
 */
export function openKernel(options: KernelOptions): Kernel {
  const addon = loadAddon();
  const handle = worded(() =>
    addon.open({
      directory: BUILD,
      watchAll: Number(options.watchAll),
      ringBytes: options.ringBytes,
      ringBytesMin: options.ringBytesMin,
      connectionsMax: options.connectionsMax,
      hook: hookNumber(options.hook ?? process.env.SPANTAP_CAPTURE_HOOK),
      traffic: trafficNumbers(options.traffic, options.headBytesMax),
    }),
  );
  return kernelOf(addon, handle, options.headBytesMax);
}

/**
 * Tries every kind of hook with an empty program; detaches it again.
 * @throws KernelError when the addon is missing or of another version
 */
export function probeFeatures(): HookFeature[] {
  return loadAddon()
    .probe(BUILD)
    .map(([name, errno]) => describeFeature(name, errno));
}

function kernelOf(addon: Addon, handle: number, headBytesMax: number): Kernel {
  return {
    drain: (batch: Uint8Array, isLast = false) => addon.drain(handle, batch, isLast),
    counters: () => worded(() => addon.counters(handle)),
    setPolicy: (tgid: number, policy: ProcessPolicy) =>
      worded(() => addon.setPolicy(handle, tgid, WATCH[policy.watch], FAMILY[policy.family])),
    clearPolicy: (tgid: number) => worded(() => addon.clearPolicy(handle, tgid)),
    setTraffic: (settings: TrafficSettings) =>
      worded(() => addon.setTraffic(handle, trafficNumbers(settings, headBytesMax))),
    hook: addon.hook(handle) === HOOK.socket ? 'socket' : 'syscall',
    socketRefusal: refusalOf(addon.socketRefusal(handle)),
    ringBytes: addon.ringBytes(handle),
    followSplices: () => worded(() => addon.followSplices(handle)),
    followCloses: () => worded(() => addon.followCloses(handle)),
    ignoreConnection: (inode: number) => worded(() => addon.ignoreConnection(handle, inode)),
    forgetConnection: (inode: number) => worded(() => addon.forgetConnection(handle, inode)),
    sweep: () => worded(() => addon.sweep(handle)),
    endLate: () => worded(() => addon.endLate(handle)),
    stop: () => worded(() => addon.stop(handle)),
    attachUprobe: (program: UprobeProgram, path: string, offset: number, isReturn: boolean) =>
      worded(() => addon.attachUprobe(handle, program, path, offset, isReturn)),
    detach: (uprobe: number) => worded(() => addon.detach(handle, uprobe)),
    setWalk: (walk: number, layout: HaproxyLayout, isProven: boolean) =>
      worded(() => addon.setWalk(handle, walk, walkNumbers(layout, isProven))),
    offerWalk: (tgid: number, walk: number, code: number) =>
      worded(() => addon.offerWalk(handle, tgid, walk, code)),
    readWalk: (walk: number) => worded(() => addon.readWalk(handle, walk)),
    walkAlone: (walk: number) => worded(() => addon.walkAlone(handle, walk)),
    close: () => worded(() => addon.close(handle)),
  };
}

/** In the order of struct haproxy_walk (bpf/walk_layout.h), then the requests that agreed already. */
function walkNumbers(layout: HaproxyLayout, isProven: boolean): Float64Array {
  return Float64Array.of(
    layout.tableFromCode,
    layout.checksFromCode,
    layout.entryBytes,
    layout.entryOwner,
    layout.connectionHandle,
    layout.connectionMux,
    layout.muxConnection,
    layout.muxStream,
    layout.streamMux,
    layout.streamSession,
    layout.sessionOrigin,
    layout.connectionType,
    isProven ? HAPROXY_PROOFS : 0,
  );
}

function refusalOf(error: Error | undefined): string | undefined {
  try {
    worded(() => {
      if (error !== undefined) throw error;
    });
    return undefined;
  } catch (refusal) {
    return refusal instanceof Error ? refusal.message : String(refusal);
  }
}
