/**
 * Processes as the link stage sees them: the index under which their exchanges are handed on, the
 * family that says which tiers apply, and what is known of their tracing.
 */
import type { ProcessIdentity } from '../capture/types.ts';
import type { Family } from '../discover/types.ts';
import type { ObservedProcess } from '../handoff/layout.ts';
import type { Identifiers } from './identifiers.ts';
import type { OrderTier } from './order.ts';
import { TierHealth } from './tier-health.ts';
import type { Difference } from './veto.ts';

/** What discovery said of a process. */
interface Discovered {
  readonly family: Family;
  readonly hasProbes: boolean;
}

const UNKNOWN: Discovered = { family: 'other', hasProbes: false };

export class ProcessState {
  identity: ProcessIdentity;
  family: Family;
  /** Index in the announcements; -1 until a first exchange of it is handed on. */
  index = -1;
  /** False once the process exited or became another program. */
  isCurrent = true;
  /**
   * HAProxy: its probes are attached, or its structures are known. What they are silent about no
   * client request caused.
   */
  hasProbes = false;
  /** It is the server of some connection: egress without a parent is `unlinked`, not a root. */
  serves = false;
  /** It sends OTLP spans of its own (case D of resolve.ts). */
  isNative = false;
  /** It receives OTLP: a collector, or a proxy before one. What it sends on is not its own. */
  relaysTraces = false;
  /** It made egress that was linked: what it serves may be a hop. */
  hasLinked = false;

  /** What it was seen to change in requests when nobody else's request could be meant. */
  readonly rewrites = new Set<Difference>();

  readonly stateHealth = new TierHealth();
  readonly orderHealth = new TierHealth();
  readonly identifierHealth = new TierHealth();
  /** Null while no egress needs the tier and no comparison window runs. */
  order: OrderTier | null = null;
  isOrderNeeded = false;
  /** Labels left in the comparison window, and when the next one begins. */
  shadowLabelsLeft = 0;
  shadowDueNs = 0;
  identifiers: Identifiers | null = null;

  constructor(identity: ProcessIdentity, { family, hasProbes }: Discovered) {
    this.identity = identity;
    this.family = family;
    this.hasProbes = hasProbes;
  }
}

export class Processes {
  readonly #announce: (process: ObservedProcess) => void;
  /** Key: tgid. Replaced when another program takes the tgid, deleted at exit. */
  readonly #byTgid = new Map<number, ProcessState>();
  /** Key: tgid. Also before the first exchange. */
  readonly #discovered = new Map<number, Discovered>();
  #count = 0;

  constructor(announce: (process: ObservedProcess) => void) {
    this.#announce = announce;
  }

  of(identity: ProcessIdentity): ProcessState {
    const known = this.#byTgid.get(identity.tgid);
    if (known !== undefined && isSame(known.identity, identity)) {
      // It used an inherited socket before it was introduced.
      if (known.identity.startNs === 0) known.identity = identity;
      return known;
    }
    const state = new ProcessState(identity, this.#discovered.get(identity.tgid) ?? UNKNOWN);
    this.#byTgid.set(identity.tgid, state);
    return state;
  }

  /** The index to write into a row; announces the process the first time. */
  indexOf(state: ProcessState): number {
    if (state.index < 0) {
      state.index = this.#count++;
      const { tgid, startNs, comm } = state.identity;
      this.#announce({ index: state.index, tgid, startNs, comm });
    }
    return state.index;
  }

  setFamily(tgid: number, family: Family, hasProbes: boolean): void {
    this.#discovered.set(tgid, { family, hasProbes });
    const state = this.#byTgid.get(tgid);
    if (state === undefined) return;
    state.family = family;
    state.hasProbes = hasProbes;
  }

  /** The tgid runs another program now: it is announced and judged anew. */
  exec(tgid: number): void {
    const state = this.#byTgid.get(tgid);
    if (state !== undefined) state.isCurrent = false;
    this.#byTgid.delete(tgid);
  }

  exit(tgid: number): void {
    this.exec(tgid);
    this.#discovered.delete(tgid);
  }
}

/** A start of 0 is unknown (an inherited socket whose process was not introduced). */
function isSame(known: ProcessIdentity, given: ProcessIdentity): boolean {
  return known === given || known.startNs === given.startNs || known.startNs * given.startNs === 0;
}
