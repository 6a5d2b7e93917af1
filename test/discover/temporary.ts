/** Files of a test, in a folder that is removed at its end. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface Files {
  /** Writes a file, with the folders above it, and returns its path. */
  file(name: string, content: string | Uint8Array): string;
  /** Makes a symbolic link, which need not lead anywhere; one that is there is replaced. */
  link(name: string, target: string): void;
}

export function filesBelow(root: string): Files {
  const place = (name: string) => {
    const path = join(root, name);
    mkdirSync(dirname(path), { recursive: true });
    return path;
  };
  return {
    file: (name, content) => {
      const path = place(name);
      writeFileSync(path, content);
      return path;
    },
    link: (name, target) => {
      const path = place(name);
      rmSync(path, { force: true });
      symlinkSync(target, path);
    },
  };
}

export class TemporaryFolder implements Files {
  readonly path = mkdtempSync(join(tmpdir(), 'spantap-test-'));
  readonly #files = filesBelow(this.path);

  /** @param context a test's context, or `{ after }` of a suite */
  constructor(context: { after(hook: () => void): void }) {
    context.after(() => rmSync(this.path, { recursive: true }));
  }

  file(name: string, content: string | Uint8Array): string {
    return this.#files.file(name, content);
  }

  link(name: string, target: string): void {
    this.#files.link(name, target);
  }
}
