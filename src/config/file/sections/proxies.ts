/** A filter excludes. The guide for HAProxy offers one that leaves out HAProxy itself. */
import type { Report } from '../schema.ts';

const PROXIES = ['nginx', 'haproxy', 'caddy', 'traefik', 'envoy', 'apache2', 'httpd'];

interface CustomFilter {
  readonly exe: string;
  readonly strategy: string;
  readonly only: readonly string[];
}

/** Warns where a filter leaves out all HTTP of a proxy. */
export function warnOfExcludedProxy({ exe, strategy, only }: CustomFilter, report: Report): void {
  if (strategy === 'regex' || (only.length > 0 && !only.includes('http') && !only.includes('data')))
    return;
  const name = exe.slice(exe.lastIndexOf('/') + 1).toLowerCase();
  if (!PROXIES.includes(name)) return;
  report(
    'warning',
    'exe',
    `this filter leaves out ${name}: none of its traffic will be captured`,
    'filters exclude processes; to watch only some, use capture.processes, and rules to choose exchanges',
  );
}
