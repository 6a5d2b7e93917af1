/**
 * ExportTraceServiceRequest { resource_spans = 1 }: ResourceSpans { resource = 1; scope_spans = 2 }:
 * ScopeSpans { scope = 1; spans = 2 }. Spans lie in one buffer in arrival order; sealing copies
 * the runs of each process behind one another.
 */
import { U32, U32_COLUMNS } from '../../handoff/layout.ts';
import type { Counters } from '../../telemetry/counters.ts';
import type { Rows } from '../rows.ts';
import type { SpanDescriber } from '../span.ts';
import { BodyPool } from './body-pool.ts';
import type { RequestBuilder } from './request.ts';
import { type EncodedResource, type Resources, SCOPE } from './resource.ts';
import { SpanWriter } from './span-writer.ts';

/** Tags and lengths around a resource and its scope. */
const FRAME_BYTES = 16;
const RESOURCE_SPANS_TAG = (1 << 3) | 2;
const SCOPE_SPANS_TAG = (2 << 3) | 2;

interface Group {
  readonly resource: EncodedResource;
  /** Flat [start, end] of runs of spans in the buffer. */
  readonly runs: number[];
  spansBytes: number;
}

export class ProtobufRequest implements RequestBuilder {
  readonly #writer: SpanWriter;
  readonly #resources: Resources;
  /** Of span i: process, and where it ends; it starts where the one before ended. */
  readonly #processes: number[] = [];
  readonly #ends: number[] = [];
  /** Frames of the processes seen; each counted once. */
  readonly #framed = new Map<number, number>();
  #framesBytes = 0;
  readonly #bodies = new BodyPool();

  constructor(resources: Resources, attributeBytesMax: number, counters: Counters) {
    this.#resources = resources;
    this.#writer = new SpanWriter(attributeBytesMax, counters);
  }

  get spans(): number {
    return this.#ends.length;
  }

  get bytes(): number {
    return this.#writer.pos + this.#framesBytes;
  }

  add(rows: Rows, index: number, describer: SpanDescriber): void {
    const process = rows.u32[index * U32_COLUMNS + U32.process];
    describer.describe(rows, index, this.#writer);
    if (!this.#framed.has(process)) this.#frame(process, this.spans);
    this.#processes.push(process);
    this.#ends.push(this.#writer.pos);
  }

  undoTo(spans: number): void {
    this.#ends.length = spans;
    this.#processes.length = spans;
    this.#writer.pos = spans === 0 ? 0 : this.#ends[spans - 1];
    for (const [process, firstSpan] of this.#framed) {
      if (firstSpan < spans) continue;
      this.#framed.delete(process);
      this.#framesBytes -= this.#frameBytes(process);
    }
  }

  seal(): Uint8Array {
    const groups = this.#group();
    let totalBytes = 0;
    for (const group of groups) totalBytes += delimitedBytes(resourceSpansBytes(group));
    const out = this.#bodies.take(totalBytes);
    let pos = 0;
    for (const group of groups) pos = this.#copyGroup(group, out, pos);
    this.#reset();
    return out;
  }

  reuse(body: Uint8Array): void {
    this.#bodies.give(body);
  }

  #frame(process: number, firstSpan: number): void {
    this.#framed.set(process, firstSpan);
    this.#framesBytes += this.#frameBytes(process);
  }

  #frameBytes(process: number): number {
    return FRAME_BYTES + SCOPE.length + this.#resources.get(process).bytes.length;
  }

  #group(): Group[] {
    const groups = new Map<number, Group>();
    let start = 0;
    for (let i = 0; i < this.#ends.length; i++) {
      const process = this.#processes[i];
      let group = groups.get(process);
      if (group === undefined) {
        group = { resource: this.#resources.get(process), runs: [], spansBytes: 0 };
        groups.set(process, group);
      }
      const end = this.#ends[i];
      const { runs } = group;
      if (runs[runs.length - 1] === start) runs[runs.length - 1] = end;
      else runs.push(start, end);
      group.spansBytes += end - start;
      start = end;
    }
    return [...groups.values()];
  }

  #copyGroup(group: Group, out: Buffer, start: number): number {
    let pos = start;
    out[pos++] = RESOURCE_SPANS_TAG;
    pos = writeVarint(out, pos, resourceSpansBytes(group));
    pos += group.resource.bytes.copy(out, pos);
    out[pos++] = SCOPE_SPANS_TAG;
    pos = writeVarint(out, pos, SCOPE.length + group.spansBytes);
    pos += SCOPE.copy(out, pos);
    for (let i = 0; i < group.runs.length; i += 2) {
      const run = this.#writer.buffer.subarray(group.runs[i], group.runs[i + 1]);
      out.set(run, pos);
      pos += run.length;
    }
    return pos;
  }

  #reset(): void {
    this.#ends.length = 0;
    this.#processes.length = 0;
    this.#framed.clear();
    this.#framesBytes = 0;
    this.#writer.pos = 0;
  }
}

function resourceSpansBytes(group: Group): number {
  return group.resource.bytes.length + delimitedBytes(SCOPE.length + group.spansBytes);
}

function delimitedBytes(lenBytes: number): number {
  let bytes = 2;
  for (let rest = lenBytes; rest > 0x7f; rest >>>= 7) bytes++;
  return bytes + lenBytes;
}

function writeVarint(out: Uint8Array, start: number, value: number): number {
  let pos = start;
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) out[pos++] = (rest & 0x7f) | 0x80;
  out[pos++] = rest;
  return pos;
}
