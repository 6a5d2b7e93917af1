/** Container id from the cgroup path, as container runtimes build it. */
import { PROC_ROOT, readProcText } from './files.ts';

/**
 * Docker, containerd, CRI-O, Podman: 64 hex digits as a folder, `<runtime>-<id>.scope` or
 * `<id>.scope`; AWS ECS on Fargate: 32 hex digits, a dash, decimal digits.
 */
const ID = /(?:^|[/:-])([0-9a-f]{64}|[0-9a-f]{32}-\d+)(?:\.scope)?(?:\/|$)/;

export function readContainerId(pid: number, root = PROC_ROOT): string | undefined {
  return parseContainerId(readProcText(`${root}/${pid}/cgroup`) ?? '');
}

/** Lines of /proc/PID/cgroup (`0::/path`, or one per controller); the innermost id counts. */
export function parseContainerId(text: string): string | undefined {
  for (const line of text.split('\n')) {
    const path = line.slice(line.indexOf(':', line.indexOf(':') + 1) + 1);
    const parts = path.split('/').reverse();
    for (const part of parts) {
      const id = part.match(ID)?.[1];
      if (id !== undefined) return id;
    }
  }
  return undefined;
}
