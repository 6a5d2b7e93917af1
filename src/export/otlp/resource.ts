/** Resource and scope, encoded once a process: ResourceSpans { resource = 1 }, ScopeSpans { scope = 1 }. */
import { limits } from '../../config/limits.ts';
import { VERSION } from '../../config/version.ts';
import type { Counters } from '../../telemetry/counters.ts';
import { encodeAttributes, field } from '../attributes.ts';
import type { ResourceInfo, ResourceOf } from '../types.ts';

export const SCOPE_NAME = 'spantap';

/** InstrumentationScope { name = 1; version = 2 }. */
export const SCOPE: Buffer = field(
  1,
  Buffer.concat([field(1, Buffer.from(SCOPE_NAME)), field(2, Buffer.from(VERSION))]),
);

export interface EncodedResource {
  readonly info: ResourceInfo;
  /** Field 1 of ResourceSpans. */
  readonly bytes: Buffer;
}

/** Keeps what was encoded for as long as discovery says the same; the oldest goes first. */
export class Resources {
  readonly #resourceOf: ResourceOf;
  readonly #counters: Counters;
  readonly #resourcesMax: number;
  readonly #encoded = new Map<number, EncodedResource>();

  constructor(
    resourceOf: ResourceOf,
    counters: Counters,
    resourcesMax: number = limits.resourcesMax,
  ) {
    this.#resourceOf = resourceOf;
    this.#counters = counters;
    this.#resourcesMax = resourcesMax;
  }

  get(processIndex: number): EncodedResource {
    const info = this.#resourceOf(processIndex);
    const known = this.#encoded.get(processIndex);
    if (known?.info === info) return known;
    const encoded = { info, bytes: field(1, encodeAttributes(1, info.attributes)) };
    if (known === undefined && this.#encoded.size >= this.#resourcesMax) this.#forgetOldest();
    this.#encoded.set(processIndex, encoded);
    return encoded;
  }

  #forgetOldest(): void {
    for (const oldest of this.#encoded.keys()) {
      this.#encoded.delete(oldest);
      break;
    }
    this.#counters.add('export.resources_forgotten');
  }
}
