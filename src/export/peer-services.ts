/**
 * `peer.service` of CLIENT spans: the service.name of the process at the other end, where that is
 * on this host. Deprecated in the semantic conventions (server.service.name is to follow) and what
 * service graphs read (Tempo, the collector's connector).
 */
import { limits } from '../config/limits.ts';
import { type Block, block } from './attributes.ts';
import type { ResourceInfo, ResourceOf } from './types.ts';

interface Known {
  readonly info: ResourceInfo;
  readonly block: Block | undefined;
}

export class PeerServices {
  readonly #resourceOf: ResourceOf;
  /** Key: process index. Cleared when full: encoding a name again costs little. */
  readonly #known = new Map<number, Known>();

  constructor(resourceOf: ResourceOf) {
    this.#resourceOf = resourceOf;
  }

  of(processIndex: number): Block | undefined {
    const info = this.#resourceOf(processIndex);
    const known = this.#known.get(processIndex);
    if (known?.info === info) return known.block;
    const name = info.attributes['service.name'];
    const made = typeof name === 'string' ? block({ 'peer.service': name }) : undefined;
    if (this.#known.size >= limits.resourcesMax) this.#known.clear();
    this.#known.set(processIndex, { info, block: made });
    return made;
  }
}
