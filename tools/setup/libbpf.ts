/**
 * libbpf, linked statically into the addon: 1.3 or later is needed (uprobe_multi). Debian 12's own
 * is older, its backports have 1.4.6: that package is unpacked into the cache.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { osRelease, ownRelease } from './apt.ts';
import type { Step } from './step.ts';
import { unpackedFolder, unpackStep } from './unpacked.ts';

const isBookworm = () => osRelease('VERSION_CODENAME') === 'bookworm';

const unpackBackport: Step = unpackStep({
  name: 'libbpf',
  title: 'unpacking libbpf',
  release: ownRelease,
  packages: [isBookworm() ? 'libbpf-dev/bookworm-backports' : 'libbpf-dev'],
  with: 'nothing',
});

/** A root folder with usr/include/bpf and usr/lib: `SPANTAP_LIBBPF` names another one. */
export function libbpfFolder(): string {
  return process.env.SPANTAP_LIBBPF || unpackedFolder('libbpf');
}

export const libbpf: Step = {
  title: unpackBackport.title,
  isDone: () =>
    process.env.SPANTAP_LIBBPF
      ? existsSync(join(libbpfFolder(), 'usr/include/bpf/libbpf.h'))
      : unpackBackport.isDone(),
  run: () => unpackBackport.run(),
};
