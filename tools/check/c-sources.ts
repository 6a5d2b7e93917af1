/** C that people write: what clang-format lays out. */
import { globSync } from 'node:fs';
import { root } from '../setup/paths.ts';

export function cSources(): string[] {
  const found = globSync(['bpf/**/*.{c,h}', 'native/**/*.{c,h}', 'test/**/*.{c,h}'], { cwd: root });
  return found.filter((file) => !/vmlinux|\.gen\./.test(file)).sort();
}
