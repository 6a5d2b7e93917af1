/**
 * Records and bodies as objects: bodies by the digest of what is stored, equal ones once; the
 * record with references to them. In packs when they are small and that is wanted.
 */
import { limits } from '../config/limits.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { RecentDigests } from './digests.ts';
import { bodyKey, recordKey } from './keys.ts';
import type { Packer } from './packer.ts';
import { Printer } from './printer.ts';
import { buildRecord, sha256Of } from './record.ts';
import type { BodyReference, MessageInput, RecordInput } from './record-input.ts';
import { recordText } from './record-text.ts';
import type { ObjectStage, RecordFormat, StoredReferences } from './stage.ts';
import type { ObjectStore, StoredObject } from './types.ts';
import type { ObjectWriter } from './writer.ts';

export interface ObjectStageParts {
  readonly id: string | undefined;
  readonly type: 'file' | 's3';
  readonly prefix: string;
  readonly store: ObjectStore;
  readonly writer: ObjectWriter;
  readonly digests: RecentDigests;
  /** undefined: every object by itself. */
  readonly packer: Packer | undefined;
  readonly counters: Counters;
}

export class StoredObjects implements ObjectStage {
  readonly id: string | undefined;
  readonly type: 'file' | 's3';
  readonly takesSummaries = false;
  readonly #parts: ObjectStageParts;
  readonly #printer = new Printer(limits.stdoutQueueBytesMax);

  constructor(parts: ObjectStageParts) {
    this.id = parts.id;
    this.type = parts.type;
    this.#parts = parts;
  }

  add(input: RecordInput, format: RecordFormat): StoredReferences {
    const hasBodies = input.level === 'full';
    const bodies = {
      request: hasBodies ? this.#addBody(input, input.request) : undefined,
      response: hasBodies ? this.#addBody(input, input.response) : undefined,
    };
    const record = format === 'text' ? this.#addText(input) : this.#addRecord(input, bodies);
    return { record, ...bodies };
  }

  async flush(deadlineMs: number): Promise<void> {
    const endMs = performance.now() + deadlineMs;
    const leftMs = () => Math.max(0, endMs - performance.now());
    await this.#printer.flush(deadlineMs);
    await this.#parts.packer?.finish();
    await this.#parts.writer.flush(leftMs());
  }

  async close(deadlineMs: number): Promise<void> {
    await this.flush(deadlineMs);
    await this.#parts.packer?.close();
    await this.#parts.writer.close(0);
  }

  #addBody(input: RecordInput, message: MessageInput | undefined): BodyReference | undefined {
    const body = message?.body;
    if (body === undefined || body.bytes.length === 0) return undefined;
    const { prefix, digests, counters } = this.#parts;
    const sha256 = sha256Of(body);
    const key = bodyKey(prefix, input.startMs, sha256);
    const known = digests.find(key);
    if (known !== undefined) {
      counters.add('store.duplicates');
      return this.#reference(known, sha256);
    }
    const contentType = message?.contentType ?? 'application/octet-stream';
    const place = this.#place({ key, bytes: body.bytes, contentType, isContentAddressed: true });
    if (place === undefined) return undefined;
    digests.add(key, place);
    return this.#reference(place, sha256);
  }

  #addRecord(input: RecordInput, bodies: Omit<StoredReferences, 'record'>) {
    const record = buildRecord(input, Date.now(), 'referenced', bodies);
    const bytes = Buffer.from(JSON.stringify(record));
    const key = recordKey(this.#parts.prefix, input.startMs, input);
    const contentType = 'application/json';
    const place = this.#place({ key, bytes, contentType, isContentAddressed: false });
    return place === undefined ? undefined : this.#address(place, '');
  }

  /** Text has its bodies in it, decoded, and takes its time. */
  #addText(input: RecordInput) {
    const { prefix, writer, counters } = this.#parts;
    const key = recordKey(prefix, input.startMs, input).replace(/\.json$/, '.txt');
    const isTaken = this.#printer.add(input, async () => {
      const bytes = Buffer.from(await recordText(input, counters));
      const contentType = 'text/plain; charset=utf-8';
      writer.offer({ key, bytes, contentType, isContentAddressed: false });
    });
    if (isTaken) return this.#address(key, '');
    counters.add('dropped.store_queue');
    return undefined;
  }

  /** Key of the object, or of its pack with the range in it; undefined: dropped. */
  #place(object: StoredObject): string | undefined {
    const packed = this.#parts.packer?.add(object);
    if (packed !== undefined) return packed;
    return this.#parts.writer.offer(object) ? object.key : undefined;
  }

  #reference(place: string, sha256: string): BodyReference {
    return { ...this.#address(place, sha256), sha256 };
  }

  #address(place: string, sha256: string): { uri: string; url: string | undefined } {
    const { store } = this.#parts;
    const [key = '', range] = place.split('#');
    const fragment = range === undefined ? '' : `#${range}`;
    const url = store.urlOf(key, sha256);
    return {
      uri: store.uriOf(key) + fragment,
      url: url === undefined ? undefined : url + fragment,
    };
  }
}
