/** Real programs of other Debian releases, unpacked into the cache by the set-up's own steps. */
import { foreignRelease } from '../../tools/setup/apt.ts';
import { unpackedFolder, unpackStep } from '../../tools/setup/unpacked.ts';

export type DebianRelease = 'bullseye' | 'trixie';

/** Folder with a package and all it depends on, a root for chroot(8); downloaded once. */
export async function unpackedRoot(release: DebianRelease, packageName: string): Promise<string> {
  const name = `${release}-${packageName}`;
  const step = unpackStep({
    name,
    title: `unpacking ${packageName} of Debian ${release}`,
    release: () => foreignRelease(release, `${release}-security`),
    packages: [packageName],
    with: 'dependencies',
  });
  if (!step.isDone()) await step.run();
  return unpackedFolder(name);
}
