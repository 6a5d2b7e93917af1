/**
 * Small objects stored together: a pack is a tar file (POSIX ustar), readable by every tar, and a
 * reference into it names the bytes of one member (`#bytes=first-last`, an HTTP range). The open
 * pack is on disk as it grows, so that a killed process leaves what the next one finishes.
 */
import { randomBytes } from 'node:crypto';
import type { Counters } from '../telemetry/counters.ts';
import { packKey } from './keys.ts';
import type { PackingOptions } from './options.ts';
import type { PackFolder, PackJournal } from './pack-folder.ts';
import { memberChunks, TAR_BLOCK, TAR_END } from './tar.ts';
import type { StoredObject } from './types.ts';

export interface PackerParts {
  readonly options: PackingOptions;
  readonly prefix: string;
  /** undefined: the open pack is in memory only. */
  readonly folder: PackFolder | undefined;
  readonly offer: (object: StoredObject) => boolean;
  readonly counters: Counters;
}

interface OpenPack {
  readonly key: string;
  readonly chunks: Uint8Array[];
  readonly journal: PackJournal | undefined;
  sizeBytes: number;
}

export class Packer {
  readonly #parts: PackerParts;
  #open: OpenPack | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: PackerParts) {
    this.#parts = parts;
  }

  /** Where the object is going to be: key of the pack and range; undefined: too large for one. */
  add(object: StoredObject): string | undefined {
    const { options } = this.#parts;
    if (object.bytes.length > options.maxObjectBytes) return undefined;
    const pack = this.#open ?? this.#begin();
    const chunks = memberChunks(nameIn(object.key), object.bytes, Date.now());
    const first = pack.sizeBytes + TAR_BLOCK;
    for (const chunk of chunks) {
      pack.chunks.push(chunk);
      pack.sizeBytes += chunk.length;
    }
    pack.journal?.append(chunks);
    if (pack.sizeBytes >= options.segmentBytes) void this.finish();
    return `${pack.key}#bytes=${first}-${first + object.bytes.length - 1}`;
  }

  /** Hands over the open pack. */
  async finish(): Promise<void> {
    const pack = this.#open;
    this.#open = undefined;
    clearTimeout(this.#timer);
    if (pack === undefined) return;
    const bytes = Buffer.concat([...pack.chunks, TAR_END]);
    this.#parts.counters.add('store.packs');
    this.#parts.offer(packObject(pack.key, bytes));
    await pack.journal?.remove();
  }

  async close(): Promise<void> {
    await this.finish();
  }

  #begin(): OpenPack {
    const { options, prefix, folder } = this.#parts;
    const nowMs = Date.now();
    const key = packKey(prefix, nowMs, `${nowMs}-${randomBytes(6).toString('hex')}`);
    const pack = { key, chunks: [], journal: folder?.begin(key), sizeBytes: 0 };
    this.#open = pack;
    this.#timer = setTimeout(() => void this.finish(), options.maxDelayMs);
    return pack;
  }
}

export function packObject(key: string, bytes: Uint8Array): StoredObject {
  return { key, bytes, contentType: 'application/x-tar', isContentAddressed: false };
}

/** What follows the day: `<trace>-<span>.json` or `sha256/<hex>`. */
function nameIn(key: string): string {
  return /(?:sha256\/)?[^/]+$/.exec(key)?.[0] ?? key;
}
