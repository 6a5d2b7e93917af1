/** What each command needs, in the order in which it is provided. */
import { foreignRelease, ownRelease } from './apt.ts';
import { buildTools, testTools } from './build-tools.ts';
import { collector } from './collector.ts';
import { dependencies } from './dependencies.ts';
import { go } from './go.ts';
import { kernels } from './kernels.ts';
import { libbpf } from './libbpf.ts';
import { native } from './native.ts';
import { s3Server } from './s3-server.ts';
import { scrapeReader } from './scrape-reader.ts';
import type { Step } from './step.ts';
import { unpackStep } from './unpacked.ts';

const proxies = unpackStep({
  name: 'proxies',
  title: 'unpacking nginx and HAProxy',
  release: ownRelease,
  packages: ['nginx', 'haproxy'],
  with: 'dependencies',
  programs: { nginx: 'usr/sbin/nginx', haproxy: 'usr/sbin/haproxy' },
});

const caddy = unpackStep({
  name: 'caddy',
  title: 'unpacking Caddy',
  release: ownRelease,
  packages: ['caddy'],
  with: 'dependencies',
  programs: { caddy: 'usr/bin/caddy' },
});

const loadGenerator = unpackStep({
  name: 'wrk',
  title: 'unpacking wrk',
  release: ownRelease,
  packages: ['wrk'],
  with: 'dependencies',
  programs: { wrk: 'usr/bin/wrk' },
});

/** Run by tests from where they are unpacked; nothing is installed or started. */
export const containerRuntimes = 'containers';
const containers = unpackStep({
  name: containerRuntimes,
  title: 'unpacking containerd, Docker and busybox',
  release: ownRelease,
  packages: ['containerd', 'docker.io', 'runc', 'busybox-static'],
  with: 'dependencies',
});

const formatter = unpackStep({
  name: 'clang-format',
  title: 'unpacking clang-format',
  release: ownRelease,
  packages: ['clang-format-14'],
  with: 'dependencies',
  programs: { 'clang-format': 'usr/bin/clang-format-14' },
});

/** Proxies of other Debian releases, for the tests of their versions; run with chroot(8). */
function otherProxy(name: string, proxy: 'nginx' | 'haproxy'): Step {
  return unpackStep({
    name: otherProxyName(name, proxy),
    title: `unpacking ${proxy} of Debian ${name}`,
    release: () => foreignRelease(name, `${name}-security`),
    packages: [proxy],
    with: 'dependencies',
  });
}

export function otherProxyName(release: string, proxy: 'nginx' | 'haproxy'): string {
  return `${release}-${proxy}`;
}

const otherReleases = ['bullseye', 'trixie'].flatMap((name) => [
  otherProxy(name, 'nginx'),
  otherProxy(name, 'haproxy'),
]);

const agent = [dependencies, buildTools, libbpf, native];
const programs = [proxies, caddy, loadGenerator];

const emulator = unpackStep({
  name: 'qemu',
  title: 'unpacking qemu and busybox',
  release: ownRelease,
  packages: ['qemu-system-x86', 'qemu-system-data', 'seabios', 'busybox-static'],
  with: 'dependencies',
  programs: { 'qemu-system-x86_64': 'usr/bin/qemu-system-x86_64', busybox: 'bin/busybox' },
});

export const NEEDS = {
  runtime: [],
  offline: [dependencies],
  check: [...agent, formatter],
  agent,
  demo: [...agent, proxies],
  bench: [...agent, ...programs, testTools, go, collector],
  kernels: [...agent, proxies, emulator, ...kernels],
  test: [
    ...agent,
    formatter,
    ...programs,
    containers,
    testTools,
    ...otherReleases,
    go,
    s3Server,
    collector,
    scrapeReader,
  ],
} satisfies Record<string, readonly Step[]>;

export function isNeed(name: string): name is keyof typeof NEEDS {
  return Object.hasOwn(NEEDS, name);
}

export function stepsOf(need: keyof typeof NEEDS): readonly Step[] {
  return NEEDS[need];
}
