/** Load, attach, and one real proxied request captured and linked, on the kernels of Debian. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { KERNEL_VERSIONS, kernelImage } from '../../tools/setup/kernels.ts';
import { agentOutput, BOOT_TIMEOUT_MS, boot } from './guest.ts';
import { buildImage } from './image.ts';

/** Seldom, Node ends itself in code that V8 compiles at run time; only seen in emulation. */
const V8_FAILED = /#FailureMessage Object/;

describe('in a guest', () => {
  const folder = mkdtempSync(join(tmpdir(), 'spantap-kernels-'));
  const image = join(folder, 'initramfs.cpio');
  before(() => buildImage(image));
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const version of KERNEL_VERSIONS) {
    const name = `Linux ${version} captures and links a request through nginx and HAProxy`;
    test(name, { timeout: 2 * BOOT_TIMEOUT_MS }, async (context) => {
      const guest = { kernel: kernelImage(version), image };
      let output = await boot(guest);
      if (V8_FAILED.test(output)) {
        context.diagnostic('V8 failed a check of its own under emulation: booting again');
        output = await boot(guest);
      }
      context.diagnostic(/guest: Linux .*/.exec(output)?.[0] ?? 'no kernel version');
      const printed = agentOutput(output);
      assert(printed, output);
      assert.match(output, new RegExp(`guest: Linux ${version.replace('.', '\\.')}\\.`));
      assert.match(output, /guest: result: 0/, output);
      assertTree(printed);
    });
  }
});

/** nginx asked HAProxy, HAProxy asked the backend: both by program state, neither a guess. */
function assertTree(printed: string): void {
  const lines = printed.split('\n').filter((line) => line.includes('/hello'));
  const has = (...patterns: RegExp[]) =>
    assert(
      lines.some((line) => patterns.every((pattern) => pattern.test(line))),
      `no line with ${patterns.join(' ')} in\n${printed}`,
    );
  has(/nginx +GET \/hello +200/, /> :8080/);
  has(/nginx +GET \/hello +200/, /> 127\.0\.0\.1:8081/, /exact\.state/);
  has(/haproxy +GET \/hello +200/, /local hop/);
  has(/haproxy +GET \/hello +200/, /> 127\.0\.0\.1:8082/, /exact\.state/);
}
