/**
 * What is attached while capture runs, because it has its price and only some hosts need it: each
 * once. What cannot be attached is told, and capture goes on without it.
 */
import type { PlanMessage } from '../handoff/messages.ts';
import type { Kernel } from '../native/types.ts';
import { messageOf } from '../telemetry/agent-error.ts';

type Plan = Pick<PlanMessage, 'executableKey' | 'uprobes'>;
type Site = Plan['uprobes'][number];
type Attachable = Pick<Kernel, 'attachUprobe' | 'followSplices' | 'followCloses'>;

export class LateHooks {
  readonly #kernel: Attachable;
  readonly #unavailable: (what: string, why: string) => void;
  /** File, program, offset. One probe serves all processes that map the file. */
  readonly #uprobes = new Set<string>();
  #isSplicing = false;

  constructor(kernel: Attachable, unavailable: (what: string, why: string) => void) {
    this.#kernel = kernel;
    this.#unavailable = unavailable;
  }

  /** The probes of a plan that are there, now or from before. */
  attach({ executableKey, uprobes }: Plan): Site[] {
    return uprobes.filter((site) => this.#attach(executableKey, site));
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

  #attach(executableKey: string, { program, path, offset, isReturn }: Site): boolean {
    const key = `${executableKey} ${program} ${offset}`;
    if (this.#uprobes.has(key)) return true;
    const isAttached = this.#try(`${program} in ${path}`, () =>
      this.#kernel.attachUprobe(program, path, offset, isReturn),
    );
    if (isAttached) this.#uprobes.add(key);
    return isAttached;
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
