/** An image for the tests: busybox and nothing else, as `docker save` writes images. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { arch } from 'node:os';
import { join } from 'node:path';

export const IMAGE = 'spantap.test/busybox:1';

/** Writes the archive into `folder` and returns its path. */
export function writeImage(folder: string, busybox: string): string {
  const root = join(folder, 'image-root');
  mkdirSync(join(root, 'bin'), { recursive: true });
  mkdirSync(join(root, 'etc'));
  cpSync(busybox, join(root, 'bin/busybox'));
  for (const name of ['sh', 'sleep', 'chroot']) symlinkSync('busybox', join(root, 'bin', name));
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\nweb:x:1234:1234::/:/bin/sh\n');
  return pack(folder, root);
}

/** Image Specification v1.2: manifest.json, a configuration, a layer. */
function pack(folder: string, root: string): string {
  const archive = join(folder, 'archive');
  mkdirSync(join(archive, 'layer'), { recursive: true });
  tar(join(archive, 'layer/layer.tar'), root);
  const layer = digestOf(readFileSync(join(archive, 'layer/layer.tar')));
  const config = JSON.stringify({
    architecture: arch() === 'x64' ? 'amd64' : arch(),
    os: 'linux',
    config: { Cmd: ['/bin/sleep', '600'], Env: ['PATH=/bin'], Labels: { from: 'image' } },
    rootfs: { type: 'layers', diff_ids: [`sha256:${layer}`] },
  });
  const name = `${digestOf(Buffer.from(config))}.json`;
  writeFileSync(join(archive, name), config);
  const manifest = [{ Config: name, RepoTags: [IMAGE], Layers: ['layer/layer.tar'] }];
  writeFileSync(join(archive, 'manifest.json'), JSON.stringify(manifest));
  return tar(join(folder, 'image.tar'), archive);
}

function tar(file: string, folder: string): string {
  execFileSync('tar', ['--owner=0', '--group=0', '-C', folder, '-cf', file, '.']);
  return file;
}

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
