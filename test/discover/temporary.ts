/** Files of a test, in a folder that is removed at its end. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export class TemporaryFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'spantap-test-'));

  /** @param context a test's context, or `{ after }` of a suite */
  constructor(context: { after(hook: () => void): void }) {
    context.after(() => rmSync(this.path, { recursive: true }));
  }

  file(name: string, content: string | Uint8Array): string {
    const path = join(this.path, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    return path;
  }

  link(name: string, target: string): void {
    const path = join(this.path, name);
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(target, path);
  }
}
