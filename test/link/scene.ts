/** A linker with everything around it that a test wants to see. */

import type { Connection } from '../../src/capture/types.ts';
import { ExchangeView } from '../../src/handoff/batch.ts';
import type { ExchangeBatch, ObservedProcess } from '../../src/handoff/layout.ts';
import { FLAG } from '../../src/handoff/layout.ts';
import type { LinkerOptions } from '../../src/link/linker.ts';
import { Linker } from '../../src/link/linker.ts';
import type { LinkNode } from '../../src/link/node.ts';
import type { Cause, Exchange } from '../../src/protocol/types.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { answer, type LooseExchange, MS, requestData, responseData } from './builders.ts';

/** One row of a batch, copied. */
export interface Span {
  readonly line: string;
  readonly process: string;
  /** CLIENT: name of the process at the other end, where that is known. */
  readonly peer: string | undefined;
  readonly connectionId: number;
  readonly ordinal: number;
  readonly isClient: boolean;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly linkSpanId: string;
  readonly linkTraceId: string;
  readonly tier: string;
  readonly confidence: number;
  readonly flags: number;
  readonly traceFlags: number;
  readonly resendCount: number;
  readonly hop: number;
  readonly ownNs: number;
  readonly status: number;
  readonly startNs: number;
}

export class Scene {
  readonly counters = new Counters();
  readonly linker: Linker;
  readonly processes: ObservedProcess[] = [];
  readonly ownPeers: Connection[] = [];
  readonly log: string[] = [];
  readonly batches: ExchangeBatch[] = [];
  readonly #view = new ExchangeView();

  constructor(options: Partial<LinkerOptions> = {}) {
    this.linker = new Linker({
      counters: this.counters,
      emit: (batch) => this.batches.push(batch),
      announce: (process) => this.processes.push(process),
      ownPeer: (connection) => this.ownPeers.push(connection),
      log: (message) => this.log.push(message),
      ...options,
      // The wait has tests of its own; elsewhere spans are wanted at the end of their exchange.
      limits: { lateClientMs: 0, ...options.limits },
    });
  }

  open(...connections: readonly Connection[]): void {
    for (const connection of connections) this.linker.open(connection, 0, connection.process.tgid);
  }

  request(exchange: LooseExchange): LooseExchange {
    this.linker.data(exchange.connection, requestData(exchange));
    this.linker.request(exchange as Exchange<LinkNode>);
    return exchange;
  }

  /** Answers and ends an exchange. The bytes of both are seen first, as in the real order. */
  respond(exchange: LooseExchange, timeNs = 10 * MS, status = 200): void {
    this.linker.data(exchange.connection, responseData(exchange, timeNs));
    this.end(answer(exchange, timeNs, status));
  }

  end(exchange: LooseExchange): void {
    this.linker.end(exchange as Exchange<LinkNode>);
  }

  /** Everything that was handed on so far. */
  spans(): Span[] {
    this.linker.flush();
    return this.batches.flatMap((batch) => this.#rows(batch));
  }

  /** Hands on what is left, too. */
  allSpans(): Span[] {
    this.linker.finish();
    return this.spans();
  }

  #rows(batch: ExchangeBatch): Span[] {
    const view = this.#view;
    const spans: Span[] = [];
    for (view.open(batch); view.next(); ) spans.push(this.#copy(view));
    return spans;
  }

  #copy(view: ExchangeView): Span {
    return {
      line: view.requestHead.toString('latin1').split(' HTTP')[0],
      process: this.processes[view.process].comm,
      peer: view.peerProcess < 0 ? undefined : this.processes[view.peerProcess].comm,
      connectionId: view.connectionId,
      ordinal: view.ordinal,
      isClient: view.isClient,
      traceId: view.traceId,
      spanId: view.spanId,
      parentSpanId: view.parentSpanId,
      linkSpanId: view.linkSpanId,
      linkTraceId: view.linkTraceId,
      tier: view.tier,
      confidence: view.confidence,
      flags: view.flags,
      traceFlags: view.traceFlags,
      resendCount: view.resendCount,
      hop: view.hop,
      ownNs: view.ownNs,
      status: view.status,
      startNs: view.requestStartNs,
    };
  }
}

export function isUnlinked(span: Span): boolean {
  return (span.flags & FLAG.unlinked) !== 0;
}

/** Program state that names the ingress exchange as it is while it waits for its response. */
export function causeOf(ingress: LooseExchange, changes: Partial<Cause> = {}): Cause {
  return {
    kind: 'nginx',
    connectionId: ingress.connection.id,
    readPosition: ingress.requestHeadEndPosition,
    writePosition: ingress.responseStartPosition,
    token: 0,
    isSubrequest: false,
    isAmbiguous: false,
    isNoIngress: false,
    isIngressExcluded: false,
    ...changes,
  };
}

/** Spans as an indented tree, children in row order: `process kind line tier`. */
export function tree(spans: readonly Span[]): string[] {
  const lines: string[] = [];
  const visit = (span: Span, depth: number): void => {
    const kind = span.isClient ? 'CLIENT' : 'SERVER';
    lines.push(`${'  '.repeat(depth)}${span.process} ${kind} ${span.line} ${span.tier}`);
    for (const child of spans) {
      const isChild = child.parentSpanId === span.spanId && child.traceId === span.traceId;
      if (isChild) visit(child, depth + 1);
    }
  };
  const ids = new Set(spans.map((span) => span.traceId + span.spanId));
  for (const span of spans) if (!ids.has(span.traceId + span.parentSpanId)) visit(span, 0);
  return lines;
}
