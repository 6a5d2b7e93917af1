/**
 * What is attached while capture runs, because it has its price and only some hosts need it: each
 * once. What cannot be attached is told, and capture goes on without it.
 */
import type { PlanMessage } from '../handoff/messages.ts';
import type { Kernel } from '../native/types.ts';
import { messageOf } from '../telemetry/agent-error.ts';

type Plan = Pick<PlanMessage, 'executableKey' | 'uprobes'>;
type Site = Plan['uprobes'][number];
type Attachable = Pick<Kernel, 'attachUprobe' | 'detach' | 'followSplices' | 'followCloses'>;

export class LateHooks {
  readonly #kernel: Attachable;
  readonly #unavailable: (what: string, why: string) => void;
  /** Key: file, program, offset. One probe serves all processes that map the file. */
  readonly #uprobes = new Map<string, number>();
  #isSplicing = false;

  constructor(kernel: Attachable, unavailable: (what: string, why: string) => void) {
    this.#kernel = kernel;
    this.#unavailable = unavailable;
  }

  /** The probes of a plan that are there, now or from before. */
  attach({ executableKey, uprobes }: Plan): Site[] {
    return uprobes.filter((site) => this.#attach(executableKey, site));
  }

  /** The probes of a plan, for all processes of its executable. */
  detach({ executableKey, uprobes }: Plan): void {
    for (const site of uprobes) {
      const key = keyOf(executableKey, site);
      const handle = this.#uprobes.get(key);
      if (handle !== undefined) this.#kernel.detach(handle);
      this.#uprobes.delete(key);
    }
  }

  followSplices(): void {
    if (this.#isSplicing) return;
    this.#isSplicing = true;
    this.#try('reads by splice()', () => this.#kernel.followSplices());
  }

  /** With the first connection over a Unix socket (pipeline.ts). */
  followCloses(): void {
    this.#try('the end of Unix sockets', () => this.#kernel.followCloses());
  }

  #attach(executableKey: string, site: Site): boolean {
    const key = keyOf(executableKey, site);
    if (this.#uprobes.has(key)) return true;
    const { program, path, offset, isReturn } = site;
    return this.#try(`${program} in ${path}`, () => {
      this.#uprobes.set(key, this.#kernel.attachUprobe(program, path, offset, isReturn));
    });
  }

  #try(what: string, attach: () => void): boolean {
    try {
      attach();
      return true;
    } catch (error) {
      this.#unavailable(what, messageOf(error));
      return false;
    }
  }
}

function keyOf(executableKey: string, { program, offset }: Site): string {
  return `${executableKey} ${program} ${offset}`;
}
