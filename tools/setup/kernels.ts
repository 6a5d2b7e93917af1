/** Kernels of Debian for `npm run test:kernels`, unpacked; the cloud flavour is small. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { foreignRelease, type Release, unpackKernel } from './apt.ts';
import { hashOf, isStamped, writeStamp } from './paths.ts';
import type { Step } from './step.ts';
import { unpackedFolder } from './unpacked.ts';

const FLAVOUR = 'cloud-amd64';

/** Version -> suites that carry it. */
const KERNEL_SUITES: Readonly<Record<string, readonly string[]>> = {
  '5.10': ['bullseye', 'bullseye-security'],
  '6.1': ['bookworm', 'bookworm-security'],
  '6.12': ['trixie', 'trixie-security'],
};

export const KERNEL_VERSIONS = Object.keys(KERNEL_SUITES);

function kernelFolder(version: string): string {
  return unpackedFolder(`linux-${version}`);
}

/** The bootable file of an unpacked kernel. */
export function kernelImage(version: string): string {
  const folder = join(kernelFolder(version), 'boot');
  const name = readdirSync(folder).find((file) => file.startsWith('vmlinuz-'));
  return join(folder, name ?? 'vmlinuz');
}

function kernelStep(version: string, release: Release): Step {
  const stamp = join(kernelFolder(version), '.stamp');
  const key = hashOf([FLAVOUR, ...release.suites]);
  return {
    title: `unpacking Linux ${version}`,
    isDone: () => isStamped(stamp, key),
    run: async () => {
      await unpackKernel(release, FLAVOUR, kernelFolder(version));
      writeStamp(stamp, key);
    },
  };
}

export const kernels: readonly Step[] = Object.entries(KERNEL_SUITES).map(([version, suites]) =>
  kernelStep(version, foreignRelease(...suites)),
);
