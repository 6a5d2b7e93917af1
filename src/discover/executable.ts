/**
 * What is known about an executable file, whatever process runs it: its family and where its
 * probes go. Looked up once per file (device, inode, change time) and kept.
 */
import { fstatSync } from 'node:fs';
import { limits } from '../config/limits.ts';
import type { Counters } from '../telemetry/counters.ts';
import { closeElf, openElf } from './elf/elf.ts';
import { type ExecutableFacts, identifyExecutable } from './families.ts';
import { withFile } from './proc/files.ts';

export class ExecutableCache {
  readonly #facts = new Map<string, ExecutableFacts>();
  readonly #counters: Counters | undefined;

  constructor(counters?: Counters) {
    this.#counters = counters;
  }

  /**
   * Facts about the file at `path` (/proc/PID/exe works for replaced files and other mount
   * namespaces). Undefined when it cannot be read or is no ELF64 file.
   */
  get(path: string, name: string): ExecutableFacts | undefined {
    const key = versionKey(path);
    if (key === undefined) return undefined;
    // The name is part of the key: programs without symbols are told apart by it.
    const cacheKey = `${key}:${name}`;
    const known = this.#facts.get(cacheKey);
    if (known !== undefined) return known;
    const elf = openElf(path);
    if (elf === undefined) return undefined;
    const facts = identifyExecutable(elf, name, this.#counters);
    closeElf(elf);
    this.#keep(cacheKey, facts);
    return facts;
  }

  /** Forgets the oldest beyond `limits.executablesMax`; it is only looked up again. */
  #keep(key: string, facts: ExecutableFacts): void {
    if (this.#facts.size >= limits.executablesMax) {
      for (const oldest of this.#facts.keys()) {
        this.#facts.delete(oldest);
        this.#counters?.add('discover.executables_forgotten');
        break;
      }
    }
    this.#facts.set(key, facts);
  }
}

function versionKey(path: string): string | undefined {
  return withFile(path, (fd) => {
    const stat = fstatSync(fd);
    return `${stat.dev}:${stat.ino}:${stat.size}:${stat.ctimeMs}`;
  });
}
