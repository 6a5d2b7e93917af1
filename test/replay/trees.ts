/**
 * Replays a recording and tells what came out as text: one line per span, indented under its
 * parent, without ids, ports and times, sorted. So a recording's expectation can be read.
 */
import { readEventFile } from '../../src/capture/event-file.ts';
import { ExchangeView } from '../../src/handoff/batch.ts';
import { targetOf } from '../../src/handoff/head.ts';
import type { ExchangeBatch } from '../../src/handoff/layout.ts';
import { Replay } from '../../src/replay.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { methodOf } from '../handoff/request-words.ts';

export interface ReplayResult {
  readonly trees: string;
  readonly counters: Counters;
}

/** Changes the records of a recording before they are decoded, such as their order. */
export type Transform = (records: readonly Uint8Array[]) => Iterable<Uint8Array>;

interface Span {
  readonly id: string;
  readonly parent: string;
  readonly text: string;
}

const SILENT = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

export function replayFile(
  path: string,
  transform: Transform = (records) => records,
): ReplayResult {
  const counters = new Counters();
  const spans: Span[] = [];
  const replay = new Replay(counters, SILENT, (batch) => {
    spans.push(...spansOf(batch, (index) => String(serviceOf(replay, index))));
  });
  for (const item of readEventFile(path)) {
    if (item.kind === 'note') replay.note(item.value);
    else
      for (const records of transform(splitRecords(item.bytes))) replay.pipeline.consume(records);
  }
  replay.pipeline.finish();
  return { trees: formatTrees(spans), counters };
}

/** Replays records without the notes around them. */
export function replayRecords(records: readonly Uint8Array[]): { counters: Counters } {
  const counters = new Counters();
  const replay = new Replay(counters, SILENT, (batch) => replay.pipeline.reuse(batch));
  for (const record of records) replay.pipeline.consume(record);
  replay.pipeline.finish();
  return { counters };
}

/** Single records, copied: each may be fed on its own. */
export function splitRecords(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const sizeBytes = view.getUint32(at + 4, true);
    records.push(bytes.slice(at, at + sizeBytes));
    at += sizeBytes;
  }
  return records;
}

function serviceOf(replay: Replay, index: number): unknown {
  return replay.resourceOf(index).attributes['service.name'];
}

function spansOf(batch: ExchangeBatch, service: (index: number) => string): Span[] {
  const spans: Span[] = [];
  const view = new ExchangeView();
  for (view.open(batch); view.next(); ) {
    const kind = view.isClient ? 'CLIENT' : 'SERVER';
    const request = `${methodOf(view.requestHead)} ${targetOf(view.requestHead)}`;
    const marks = [view.tier, view.end === 'complete' ? '' : view.end, resend(view.resendCount)];
    const parts = [service(view.process), kind, request, view.status, ...marks];
    spans.push({
      id: `${view.traceId}:${view.spanId}`,
      parent: view.hasParent ? `${view.traceId}:${view.parentSpanId}` : '',
      text: parts.filter((part) => part !== '' && part !== 'none').join(' '),
    });
  }
  return spans;
}

function resend(count: number): string {
  return count === 0 ? '' : `resend ${count}`;
}

/** Equal trees are written once with their number, so that a load test stays readable. */
function formatTrees(spans: readonly Span[]): string {
  const ids = new Set(spans.map((span) => span.id));
  const children = Map.groupBy(spans, (span) => span.parent);
  const write = (span: Span, indent: string): string => {
    const below = (children.get(span.id) ?? []).map((child) => write(child, `${indent}  `)).sort();
    return [`${indent}${span.text}`, ...below].join('\n');
  };
  const roots = spans.filter((span) => span.parent === '' || !ids.has(span.parent));
  const counts = new Map<string, number>();
  for (const tree of roots.map((root) => write(root, ''))) {
    counts.set(tree, (counts.get(tree) ?? 0) + 1);
  }
  const lines = [...counts]
    .sort()
    .map(([tree, count]) => (count > 1 ? `${count} x\n${tree}` : tree));
  return `${lines.join('\n\n')}\n`;
}
