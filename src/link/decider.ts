/**
 * Which ingress exchange caused an egress exchange: the tiers, best first, and the content that may
 * refute them. A decision is a parent with tier and confidence, or a reason for having none.
 */
import { FLAG } from '../handoff/layout.ts';
import type { Cause } from '../protocol/types.ts';
import type { CounterName, Counters } from '../telemetry/counters.ts';
import type { ConnectionState, Connections } from './connections.ts';
import { type Found, firstInLine, hasSeenState, ingressAtState } from './exact-state.ts';
import type { Hops } from './hops.ts';
import { Identifiers } from './identifiers.ts';
import type { LinkExchange, LinkNode } from './node.ts';
import { CERTAIN_PPM, TIER } from './node.ts';
import { orderOf } from './order.ts';
import { Pending } from './pending.ts';
import type { ProcessState } from './processes.ts';
import type { LinkSettings } from './settings.ts';
import { haveSameTail } from './targets.ts';
import type { TierHealth } from './tier-health.ts';
import { type Difference, differenceOf, isLikeOther, pointsElsewhere } from './veto.ts';

export interface DeciderOptions {
  readonly counters: Counters;
  readonly connections: Connections;
  readonly hops: Hops;
  readonly log: (message: string) => void;
  readonly signals: LinkSettings;
}

const IDENTIFIER_PPM = 999_000;
/** One link in so many is searched for an identifier of another request. */
const SEARCH_EVERY = 64;
/** Labels in one comparison of order with state, and the time from one to the next. */
const SHADOW_LABELS = 1200;
const SHADOW_EVERY_NS = 60e9;

export class Decider {
  readonly #counters: Counters;
  readonly #connections: Connections;
  readonly #hops: Hops;
  readonly #log: (message: string) => void;
  readonly #pending = new Pending();
  /** No ingress is captured, of any process. */
  isIngressExcluded = false;
  /** Ingress connections whose waiting egress is looked at after the current event. */
  readonly #ready: number[] = [];
  readonly #usesState: boolean;
  readonly #usesOrder: boolean;
  readonly #usesIdentifiers: boolean;
  /** More headers whose values are unique per request, in lower case. */
  readonly #identifierHeaders: readonly string[];
  #linksUntilSearch = 1;
  #nowNs = 0;

  constructor(options: DeciderOptions) {
    this.#counters = options.counters;
    this.#connections = options.connections;
    this.#hops = options.hops;
    this.#log = options.log;
    const { tiers, identifierHeaders } = options.signals;
    this.#usesState = tiers.includes('exact.state');
    this.#usesOrder = tiers.includes('exact.order');
    this.#usesIdentifiers = tiers.includes('identifier');
    this.#identifierHeaders = identifierHeaders.map((name) => name.toLowerCase());
  }

  /** An egress whose request head is complete. It may have to wait for its ingress. */
  egress(egress: LinkNode): void {
    this.#decide(egress, false);
  }

  /** A request came in on this connection: egress may have waited for it. */
  ingress(connectionId: number): void {
    if (this.isAwaited(connectionId)) this.#ready.push(connectionId);
  }

  /**
   * The event in which those requests came is used up. Not before: one read may hold several
   * requests, and a choice among the first of them would be wrong.
   */
  eventDone(): void {
    if (this.#ready.length === 0) return;
    for (const connectionId of this.#ready)
      for (const egress of this.#pending.take(connectionId)) this.#decide(egress, false);
    this.#ready.length = 0;
  }

  /** Whether some egress waits for events of this connection. */
  isAwaited(connectionId: number): boolean {
    return this.#pending.size > 0 && this.#pending.has(connectionId);
  }

  /** Decides what has waited since before `sinceNs`, and retries the rest. */
  tick(sinceNs: number): void {
    this.#ready.length = 0;
    for (const egress of this.#pending.takeAll())
      this.#decide(egress, egress.pendingSinceNs <= sinceNs);
  }

  /** `isLast`: waiting is over. */
  #decide(egress: LinkNode, isLast: boolean): void {
    const { exchange } = egress;
    if (exchange === null || egress.isDecided) return;
    this.#nowNs = exchange.requestHeadNs;
    const cause = this.#usesState ? exchange.cause : null;
    if (cause === null || egress.owner.stateHealth.isDisabled) this.#withoutState(egress);
    else if (cause.isIngressExcluded) withoutIngress(egress);
    else if (cause.isNoIngress && isProven(cause, egress.owner)) ownRequest(egress);
    else if (cause.isNoIngress) this.#withoutState(egress);
    else if (cause.isAmbiguous) this.#withoutOrder(egress, 'unlinked.ambiguous');
    else this.#withState(egress, exchange, cause, isLast);
    if (egress.isDecided && egress.hasEnded) this.#hops.settle(egress);
  }

  #withState(egress: LinkNode, exchange: LinkExchange, cause: Cause, isLast: boolean): void {
    const connection = this.#connections.get(cause.connectionId);
    if (connection !== undefined && hasSeenState(connection, cause))
      this.#byState(egress, connection, cause);
    else if (isLast) this.#withoutOrder(egress, 'unlinked.unseen');
    else this.#pending.add(cause.connectionId, egress, exchange.requestHeadNs);
  }

  #byState(egress: LinkNode, connection: ConnectionState, cause: Cause): void {
    const found = this.#findAtState(egress, connection, cause);
    if (typeof found === 'string') this.#withoutOrder(egress, found);
    else if (found.owner !== egress.owner) this.#withoutOrder(egress, 'unlinked.other_process');
    else {
      this.#shadow(egress, found);
      this.#link(egress, found, TIER.state, CERTAIN_PPM);
    }
  }

  /**
   * nginx's post_action asks upstream once more after the response, for the request before: told
   * apart by its target.
   */
  #findAtState(egress: LinkNode, connection: ConnectionState, cause: Cause): Found {
    const found = ingressAtState(connection, cause);
    if (found !== 'unlinked.several') return found;
    const first = firstInLine(connection, cause);
    return first !== null && haveSameTail(first, egress) ? first : found;
  }

  #withoutState(egress: LinkNode): void {
    const { owner } = egress;
    if (this.isIngressExcluded) {
      withoutIngress(egress);
      return;
    }
    if (!owner.serves) {
      egress.isDecided = true;
      egress.reason = 'link.root_client';
      return;
    }
    const order = this.#orderFor(owner);
    const found = order?.isValidated === true ? order.predict(egress) : null;
    if (order === null || found === null || found.hasEnded || found.owner !== owner)
      this.#withoutOrder(egress, 'unlinked.no_signal');
    else this.#link(egress, found, TIER.order, order.confidencePpm);
  }

  /** Only a header can tell now; `reason` is why nothing better did. */
  #withoutOrder(egress: LinkNode, reason: CounterName): void {
    const { owner } = egress;
    if (!this.#usesIdentifiers || owner.identifierHealth.isDisabled)
      return unlinked(egress, reason);
    owner.identifiers ??= this.#startIdentifiers(owner);
    const found = owner.identifiers.find(egress);
    if (found === null) unlinked(egress, reason);
    else if (found === 'several') unlinked(egress, 'unlinked.identifiers_differ');
    else this.#link(egress, found, TIER.identifier, IDENTIFIER_PPM);
  }

  #link(egress: LinkNode, ingress: LinkNode, tier: number, confidencePpm: number): void {
    const isRefuted = this.#isRefuted(egress, ingress, tier);
    this.#judge(healthOf(egress.owner, tier), isRefuted, egress.owner, tier);
    if (isRefuted) {
      this.#counters.add('link.contradiction');
      unlinked(egress, 'unlinked.contradiction');
      return;
    }
    egress.isDecided = true;
    egress.tier = tier;
    egress.confidencePpm = confidencePpm;
    ingress.adopt(egress);
    egress.owner.hasLinked = true;
    egress.owner.order?.linked(egress, ingress);
  }

  #isRefuted(egress: LinkNode, ingress: LinkNode, tier: number): boolean {
    const difference = differenceOf(ingress, egress);
    if (difference !== null && tier !== TIER.state) return true;
    if (difference !== null && !this.#isRewritten(egress, ingress, difference)) return true;
    if (--this.#linksUntilSearch > 0) return false;
    this.#linksUntilSearch = SEARCH_EVERY;
    return pointsElsewhere(ingress, egress, this.#hops.newest);
  }

  /** Program state against a difference: refuted by a request that is without it, see veto.ts. */
  #isRewritten(egress: LinkNode, ingress: LinkNode, difference: Difference): boolean {
    const { rewrites } = egress.owner;
    if (!rewrites.has(difference) && isLikeOther(ingress, egress, this.#hops.newest)) return false;
    rewrites.add(difference);
    this.#counters.add('link.rewritten');
    return true;
  }

  #judge(health: TierHealth, isRefuted: boolean, owner: ProcessState, tier: number): void {
    if (!health.record(isRefuted, this.#nowNs)) return;
    this.#counters.add('link.tier_disabled');
    if (health === owner.orderHealth) owner.order = null;
    const { tgid, comm } = owner.identity;
    this.#log(`${comm} (pid ${tgid}): ${NAMES[tier]} links contradict the content: tier is off`);
  }

  /** Compares what the order of system calls says with what program state said. */
  #shadow(egress: LinkNode, found: LinkNode): void {
    const { owner } = egress;
    const { order } = owner;
    if (order === null) {
      if (this.#usesOrder && isCompared(owner) && this.#nowNs >= owner.shadowDueNs)
        this.#startShadow(owner);
      return;
    }
    if (egress.pendingSinceNs === 0) {
      const predicted = order.predict(egress);
      if (predicted !== null) {
        order.compared(predicted === found);
        this.#judge(owner.orderHealth, predicted !== found, owner, TIER.order);
      }
    }
    if (!owner.isOrderNeeded && --owner.shadowLabelsLeft <= 0) this.#stopShadow(owner);
  }

  #startShadow(owner: ProcessState): void {
    owner.order = orderOf(owner.family, this.#counters);
    owner.shadowLabelsLeft = SHADOW_LABELS;
  }

  #stopShadow(owner: ProcessState): void {
    owner.order = null;
    owner.shadowDueNs = this.#nowNs + SHADOW_EVERY_NS;
  }

  #orderFor(owner: ProcessState) {
    if (!this.#usesOrder || owner.orderHealth.isDisabled) return null;
    owner.isOrderNeeded = true;
    owner.order ??= orderOf(owner.family, this.#counters);
    return owner.order;
  }

  #startIdentifiers(owner: ProcessState): Identifiers {
    const identifiers = new Identifiers(this.#counters, this.#identifierHeaders);
    for (let node = this.#hops.newest; node !== null; node = node.older)
      if (node.isServer && node.owner === owner && !node.hasEnded) identifiers.add(node);
    return identifiers;
  }
}

const NAMES: Readonly<Record<number, string>> = {
  [TIER.state]: 'exact.state',
  [TIER.order]: 'exact.order',
  [TIER.identifier]: 'identifier',
};

function healthOf(owner: ProcessState, tier: number): TierHealth {
  if (tier === TIER.state) return owner.stateHealth;
  return tier === TIER.order ? owner.orderHealth : owner.identifierHealth;
}

/** Families whose order predicts what program state says. */
function isCompared(owner: ProcessState): boolean {
  if (owner.orderHealth.isDisabled) return false;
  return owner.family === 'nginx' || owner.family === 'haproxy';
}

/** nginx's memory says it, HAProxy's probes by their silence. */
function isProven(cause: Cause, owner: ProcessState): boolean {
  return cause.kind === 'nginx' || owner.hasProbes;
}

function ownRequest(egress: LinkNode): void {
  egress.isDecided = true;
  egress.flags |= FLAG.ownRequest;
  egress.reason = 'link.own_request';
}

/** Its parent is not captured, because nobody wants it: that is no failure to link. */
function withoutIngress(egress: LinkNode): void {
  egress.isDecided = true;
  egress.reason = 'link.ingress_excluded';
}

function unlinked(egress: LinkNode, reason: CounterName): void {
  egress.isDecided = true;
  egress.flags |= FLAG.unlinked;
  egress.reason = reason;
}
