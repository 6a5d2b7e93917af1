/** Load, attach, and one real proxied request captured and linked, on the kernels of Debian. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { KERNEL_VERSIONS, kernelImage } from '../../tools/setup/kernels.ts';
import { agentOutput, BOOT_TIMEOUT_MS, boot } from './guest.ts';
import { buildImage } from './image.ts';

describe('in a guest', () => {
  const folder = mkdtempSync(join(tmpdir(), 'spantap-kernels-'));
  const image = join(folder, 'initramfs.cpio');
  before(() => buildImage(image));
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const version of KERNEL_VERSIONS) {
    const name = `Linux ${version} captures and links a request through nginx and HAProxy`;
    test(name, { timeout: BOOT_TIMEOUT_MS + 10_000 }, async (context) => {
      const output = await boot({ kernel: kernelImage(version), image });
      context.diagnostic(/guest: Linux .*/.exec(output)?.[0] ?? 'no kernel version');
      const printed = agentOutput(output);
      assert(printed, output);
      assert.match(output, new RegExp(`guest: Linux ${version.replace('.', '\\.')}\\.`));
      assert.match(output, /guest: result: 0/, output);
      const refusals = printed.split('\n').filter((line) => line.includes('not attached'));
      // The tracepoints are there since 6.5.
      assert.equal(refusals.length, version === '6.12' ? 0 : 1, printed);
      for (const line of refusals) assert.match(line, /capture in sockets/);
      assertTree(printed);
    });
  }
});

/**
 * One tree from the client that asked to the backend that answered. Both egress links are made by
 * program state: nginx without a probe of its own, HAProxy by uprobes.
 */
const TREE = [
  'busybox GET /hello 200 > 127.0.0.1:8080',
  '└─ nginx GET /hello 200 local hop',
  '└─ nginx GET /hello 200 > 127.0.0.1:8081 exact.state',
  '└─ haproxy GET /hello 200 local hop',
  '└─ haproxy GET /hello 200 > 127.0.0.1:8082 exact.state',
  '└─ httpd GET /hello 200 local hop',
];

function assertTree(printed: string): void {
  const lines = printed.split('\n').filter((line) => line.includes('/hello'));
  const withoutTimes = lines.map((line) =>
    line
      .replace(/\(own [^)]*\)|\d+\.\d ms/g, '')
      // BusyBox runs its applets through /proc/self/exe: the name depends on when it is read.
      .replace(/^(exe|wget)\b/, 'busybox')
      .replace(/\s+/g, ' ')
      .trim(),
  );
  assert.deepEqual(withoutTimes, TREE, printed);
}
