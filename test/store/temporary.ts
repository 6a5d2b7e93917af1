/** A folder of a test's own, and a small file system that fills up. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'spantap-store-'));
  t.after(() => rmSync(folder, REMOVAL));
  return folder;
}

/** Something may still be written while it goes: then it is tried again. */
const REMOVAL = { recursive: true, force: true, maxRetries: 20, retryDelay: 25 };

const CAP_SYS_ADMIN = 21n;

/** Whether this test may mount; elsewhere the tests of a full disk are skipped by name. */
export const canMount = ((effectiveCapabilities() >> CAP_SYS_ADMIN) & 1n) === 1n;

function effectiveCapabilities(): bigint {
  const status = readFileSync('/proc/self/status', 'utf8');
  return BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
}

/** A tmpfs of so many bytes, unmounted when the test ends. */
export function smallDisk(t: TestContext, bytes: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'spantap-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'spantap-test', folder]);
  t.after(() => {
    execFileSync('umount', ['--lazy', folder]);
    rmdirSync(folder);
  });
  return folder;
}
