/**
 * What the proxy did with a request, for a record: the two sides compared, its own time, and all
 * requests that it sent where there is more than one. To be made before the heads are redacted, of
 * which nothing is left to compare: each value that differs goes through redaction here.
 */
import { limits } from '../../config/limits.ts';
import { ExchangeView } from '../../handoff/batch.ts';
import { endpointText } from '../../handoff/endpoint.ts';
import { targetOf } from '../../handoff/head.ts';
import type { ExchangeBatch } from '../../handoff/layout.ts';
import type { Counters } from '../../telemetry/counters.ts';
import type { Redaction } from '../redaction/redaction.ts';
import { type Comparison, compare } from './comparison.ts';
import { type HopRows, isEgress, isSubrequest, type Pair, pairOf, rowsOfHop } from './hop.ts';
import { linesOf } from './lines.ts';
import { type MessageReport, requestReport, responseReport } from './message.ts';

/** Keys as in the record: docs/stores.md. */
export interface ChangeReport {
  /** Milliseconds of the ingress that no egress covers. */
  readonly own_ms?: number;
  readonly request?: MessageReport;
  readonly response?: MessageReport;
  readonly egress?: readonly EgressReport[];
  /** Further ones that are not listed. */
  readonly egress_more?: number;
}

export interface EgressReport {
  readonly span_id: string;
  /** attempt: repeated by a later one; request: one of several different ones. */
  readonly role: 'compared' | 'attempt' | 'subrequest' | 'request';
  readonly method: string;
  readonly target: string;
  /** Left out: no response was seen. */
  readonly status?: number;
  readonly end: string;
  readonly duration_ms?: number;
  /** Address and port, or the path of a Unix socket. */
  readonly server: string;
}

export interface DescribedChanges {
  readonly record: ChangeReport;
  /** For people. */
  readonly lines: readonly string[];
}

interface Compared {
  readonly pair: Pair;
  readonly comparison: Comparison;
}

export class ChangeReports {
  readonly #redaction: Redaction;
  readonly #counters: Counters;
  readonly #view = new ExchangeView();
  /** Of the last row: the ingress and the last attempt of a hop ask for the same. */
  #last: Compared | undefined;

  constructor(redaction: Redaction, counters: Counters) {
    this.#redaction = redaction;
    this.#counters = counters;
  }

  /** Of the wanted rows, by row; others are empty. Heads of `batch` are as they were captured. */
  read(
    batch: ExchangeBatch,
    isWanted: (row: number) => boolean,
  ): readonly (DescribedChanges | undefined)[] {
    const reports: (DescribedChanges | undefined)[] = [];
    for (let row = 0; row < batch.count; row++) {
      if (!isWanted(row)) continue;
      const hop = rowsOfHop(batch, row);
      if (hop === null) continue;
      if (reports.length === 0) this.#view.open(batch);
      reports[row] = this.#describe(batch, row, hop);
    }
    this.#last = undefined;
    return reports;
  }

  #describe(batch: ExchangeBatch, row: number, hop: HopRows): DescribedChanges | undefined {
    const egress = rowsIn(hop).filter((at) => isEgress(batch, at));
    if (egress.length === 0) return undefined;
    const pair = pairOf(batch, row);
    const record: ChangeReport = {
      ...this.#ownTime(batch, hop),
      ...(pair === null ? {} : this.#messages(this.#compare(batch, pair))),
      ...(pair === null || egress.length > 1 ? this.#egress(batch, egress, pair) : {}),
    };
    return { record, lines: linesOf(record) };
  }

  #compare(batch: ExchangeBatch, pair: Pair): Comparison {
    const last = this.#last?.pair;
    if (last?.ingress !== pair.ingress || last.egress !== pair.egress) {
      this.#last = { pair, comparison: compare(batch, pair) };
    }
    return this.#last?.comparison ?? compare(batch, pair);
  }

  #messages(comparison: Comparison): Pick<ChangeReport, 'request' | 'response'> {
    const redaction = this.#redaction;
    return {
      request: requestReport(comparison, redaction),
      response: responseReport(comparison, redaction),
    };
  }

  #ownTime(batch: ExchangeBatch, hop: HopRows): Pick<ChangeReport, 'own_ms'> {
    const ingress = rowsIn(hop).find((row) => !isEgress(batch, row));
    if (ingress === undefined) return {};
    this.#view.seek(ingress);
    const { ownNs } = this.#view;
    return ownNs < 0 ? {} : { own_ms: milliseconds(ownNs) };
  }

  #egress(
    batch: ExchangeBatch,
    rows: readonly number[],
    pair: Pair | null,
  ): Pick<ChangeReport, 'egress' | 'egress_more'> {
    const { reportedEgressMax } = limits;
    const more = rows.length - reportedEgressMax;
    if (more > 0) this.#counters.add('truncated.reported_egress');
    const listed = rows.slice(0, reportedEgressMax);
    const egress = listed.map((row) => this.#egressReport(row, roleOf(batch, row, rows, pair)));
    return more > 0 ? { egress, egress_more: more } : { egress };
  }

  #egressReport(row: number, role: EgressReport['role']): EgressReport {
    const view = this.#view;
    view.seek(row);
    const { requestStartNs, requestHeadNs, endNs, remoteAddress, remotePort } = view;
    const startNs = requestStartNs || requestHeadNs;
    const head = this.#redaction.head(view.requestHead, true);
    return {
      span_id: view.spanId,
      role,
      method: head.toString('latin1', 0, Math.max(0, head.indexOf(' '))),
      target: targetOf(head),
      ...(view.status === 0 ? {} : { status: view.status }),
      end: view.end,
      ...(startNs === 0 || endNs === 0 ? {} : { duration_ms: milliseconds(endNs - startNs) }),
      server: endpointText(remoteAddress, remotePort),
    };
  }
}

function roleOf(
  batch: ExchangeBatch,
  row: number,
  egress: readonly number[],
  pair: Pair | null,
): EgressReport['role'] {
  if (isSubrequest(batch, row)) return 'subrequest';
  if (row === pair?.egress) return 'compared';
  // A hop can be compared when all of its main requests are attempts of one.
  const main = egress.find((each) => !isSubrequest(batch, each)) ?? row;
  return pairOf(batch, main) === null ? 'request' : 'attempt';
}

function rowsIn({ start, end }: HopRows): number[] {
  return Array.from({ length: end - start }, (_, index) => start + index);
}

/** To the microsecond. */
function milliseconds(ns: number): number {
  return Math.round(ns / 1_000) / 1_000;
}
