/** Resource and scope, encoded once a process: ResourceSpans { resource = 1 }, ScopeSpans { scope = 1 }. */
import { limits } from '../../config/limits.ts';
import { VERSION } from '../../config/version.ts';
import type { Counters } from '../../telemetry/counters.ts';
import type { ResourceInfo, ResourceOf } from '../types.ts';
import { encode } from './proto-writer.ts';

export const SCOPE_NAME = 'spantap';

/** InstrumentationScope { name = 1; version = 2 }. */
export const SCOPE: Buffer = encode((frame) =>
  frame.message(1, (scope) => {
    scope.text(1, SCOPE_NAME);
    scope.text(2, VERSION);
  }),
);

/** Field 1 of ResourceSpans, ResourceLogs and ResourceMetrics: Resource { attributes = 1 }. */
export function encodeResource(attributes: ResourceInfo['attributes']): Buffer {
  return encode((frame) => frame.message(1, (resource) => resource.attributes(1, attributes)));
}

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
    const encoded = { info, bytes: encodeResource(info.attributes) };
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
