/**
 * Final ids of a node, and with it of everything above it in its tree. Where trace id and parent
 * come from:
 *
 * SERVER: the CLIENT node at the other end of its connection, else the caller in its traceparent,
 *   else a trace that starts here: with the id that its own egress requests carry, else a random one.
 * CLIENT, with S its ingress, IN and OUT their traceparents:
 *   A no OUT           child of S
 *   B OUT equals IN    child of S, own span id (the header names the caller before S)
 *   C OUT in S's trace child of S; its span id is OUT's, which the program told its upstream
 *   E OUT elsewhere    in OUT's trace with OUT's span id; span links between it and S
 *   Without an ingress a child of OUT's span, which the program may have passed on or made up: its
 *   id is not taken, for several requests may carry it.
 * (D, a program that exports its own spans, is handled where hops are handed on.)
 */
import type { SpanLink } from '../handoff/batch-writer.ts';
import { FLAG } from '../handoff/layout.ts';
import { randomWord, randomWordNotZero } from './ids.ts';
import type { LinkNode } from './node.ts';
import { CERTAIN_PPM, TIER } from './node.ts';
import type { TraceContext } from './traceparent.ts';
import { RANDOM, SAMPLED } from './traceparent.ts';

/**
 * Makes the ids of `node` final. False: something above it is still awaited; with `isForced` what
 * is awaited is given up.
 */
export function resolve(node: LinkNode, isForced: boolean): boolean {
  if (node.isResolved) return true;
  if (!isForced && isAwaiting(node)) return false;
  const above = aboveOf(node);
  if (above !== null && !above.isResolved) return resolveChain(node, isForced);
  settle(node, null);
  return true;
}

/** From `node` up to what is resolved or has nothing above it, then down again. */
function resolveChain(node: LinkNode, isForced: boolean): boolean {
  const chain: LinkNode[] = [];
  const hints: (TraceContext | null)[] = [];
  let hint: TraceContext | null = null;
  for (let each: LinkNode | null = node; each !== null && !each.isResolved; each = aboveOf(each)) {
    if (!isForced && isAwaiting(each)) return false;
    chain.push(each);
    hints.push(hint);
    hint = each.context ?? each.egressContext ?? hint;
  }
  for (let i = chain.length - 1; i >= 0; i--) settle(chain[i], hints[i]);
  return true;
}

function isAwaiting(node: LinkNode): boolean {
  return node.isServer ? node.awaitsLocal || node.awaitsClient : !node.isDecided;
}

/** The node whose ids this one's follow from; what a traced program serves leaves no span. */
function aboveOf(node: LinkNode): LinkNode | null {
  if (!node.isServer) return node.parent;
  return node.local === null || node.local.isNative ? null : node.local;
}

/** `hint`: a context from below that a root without one of its own takes. */
function settle(node: LinkNode, hint: TraceContext | null): void {
  if (node.isServer) settleServer(node, hint);
  else settleClient(node, hint);
  node.isResolved = true;
}

function settleServer(node: LinkNode, hint: TraceContext | null): void {
  const above = aboveOf(node);
  if (above !== null) becomeLocalChild(node, above);
  else if (node.context !== null) becomeRemoteChild(node, node.context);
  else startTrace(node, node.egressContext ?? hint);
}

function settleClient(node: LinkNode, hint: TraceContext | null): void {
  const { parent, context } = node;
  if (parent === null) {
    if (context === null) startTrace(node, hint);
    else becomeRemoteChild(node, context);
    return;
  }
  if (parent.isOwn) node.isOwn = true;
  if (context === null || isSameContext(context, parent.context)) inherit(node, parent);
  else if (isInTrace(context, parent)) {
    inherit(node, parent);
    takeSpanId(node, parent, context);
  } else leaveTrace(node, parent, context);
}

function becomeLocalChild(node: LinkNode, local: LinkNode): void {
  inherit(node, local);
  if (local.isOwn) node.isOwn = true;
  node.flags |= FLAG.localHop;
  node.tier = TIER.local;
  node.confidencePpm = CERTAIN_PPM;
}

function becomeRemoteChild(node: LinkNode, context: TraceContext): void {
  joinTrace(node, context);
  node.parent0 = context.span0;
  node.parent1 = context.span1;
  node.flags |= FLAG.parentIsRemote;
  if (!node.isServer) return;
  node.tier = TIER.traceparent;
  node.confidencePpm = CERTAIN_PPM;
}

/** A root: of the trace that its egress requests name, else of a new one. */
function startTrace(node: LinkNode, context: TraceContext | null): void {
  if (context !== null) {
    joinTrace(node, context);
    return;
  }
  node.trace0 = randomWord();
  node.trace1 = randomWord();
  node.trace2 = randomWord();
  node.trace3 = randomWordNotZero();
  node.traceFlags = SAMPLED | RANDOM;
}

/** Case E: OUT belongs to another trace than S. */
function leaveTrace(node: LinkNode, parent: LinkNode, context: TraceContext): void {
  joinTrace(node, context);
  takeSpanId(node, parent, context);
  node.link = linkTo(parent);
  parent.link ??= linkTo(node);
}

function inherit(node: LinkNode, parent: LinkNode): void {
  node.trace0 = parent.trace0;
  node.trace1 = parent.trace1;
  node.trace2 = parent.trace2;
  node.trace3 = parent.trace3;
  node.traceFlags = parent.traceFlags;
  node.flags |= parent.flags & FLAG.notSampled;
  node.parent0 = parent.span0;
  node.parent1 = parent.span1;
}

function joinTrace(node: LinkNode, context: TraceContext): void {
  node.trace0 = context.trace0;
  node.trace1 = context.trace1;
  node.trace2 = context.trace2;
  node.trace3 = context.trace3;
  node.traceFlags = context.flags;
  if ((context.flags & SAMPLED) === 0) node.flags |= FLAG.notSampled;
}

/** Attempts of one request may carry the same OUT: only the first takes its span id. */
function takeSpanId(node: LinkNode, parent: LinkNode, context: TraceContext): void {
  for (let other = parent.firstEgress; other !== null; other = other.nextEgress)
    if (other.span0 === context.span0 && other.span1 === context.span1) return;
  node.span0 = context.span0;
  node.span1 = context.span1;
}

function linkTo(node: LinkNode): SpanLink {
  const { trace0, trace1, trace2, trace3, span0, span1 } = node;
  return { trace0, trace1, trace2, trace3, span0, span1 };
}

function isSameContext(a: TraceContext, b: TraceContext | null): boolean {
  if (b === null || a.span0 !== b.span0 || a.span1 !== b.span1) return false;
  return a.trace0 === b.trace0 && a.trace1 === b.trace1 && isSameTail(a, b);
}

function isInTrace(context: TraceContext, node: LinkNode): boolean {
  return (
    context.trace0 === node.trace0 && context.trace1 === node.trace1 && isSameTail(context, node)
  );
}

type TraceTail = Pick<TraceContext, 'trace2' | 'trace3'>;

function isSameTail(a: TraceTail, b: TraceTail): boolean {
  return a.trace2 === b.trace2 && a.trace3 === b.trace3;
}
