/** What `doctor` says about how requests of HAProxy are linked: by its structures, or by probes. */
import type { ExecutableFacts } from '../families.ts';
import type { WalkFacts } from '../haproxy/walks.ts';
import type { Line } from './report.ts';

/** What came of looking for its structures while it was watched. */
export interface HaproxySeen extends WalkFacts {
  /** Upstream requests whose client the structures alone named. */
  readonly walked: number;
  /** They named another client than the probes. */
  readonly isRefuted: boolean;
}

export function haproxyLines(
  { haproxyVariables, sites }: ExecutableFacts,
  seen: HaproxySeen | undefined,
): Line[] {
  if (haproxyVariables === undefined) {
    const text = 'structures: symbols fdtab and checks_fe are missing: the probes stay';
    return [{ mark: 'limit', text }];
  }
  if (seen === undefined) return [];
  return [lineOf(seen, sites.length > 0 ? 'it is linked by its probes' : 'nothing is linked')];
}

function lineOf(seen: HaproxySeen, otherwise: string): Line {
  const { layout, looks, samples, walked, isRefuted } = seen;
  if (layout === undefined) {
    const found = `not known after ${looks} looks that saw ${samples} requests in progress`;
    return {
      mark: 'note',
      text: `structures: ${found}: until they are, ${otherwise}`,
      todo: 'send it requests while doctor looks; the agent looks every second',
    };
  }
  if (isRefuted) {
    return { mark: 'limit', text: `structures: they named another client: ${otherwise}` };
  }
  const { muxStream, streamSession, sessionOrigin } = layout;
  const where = `h1c+${muxStream}, h1s+${streamSession}, session+${sessionOrigin}`;
  if (walked > 0) {
    const text = `structures: found (${where}), ${walked} requests were linked without a probe`;
    return { mark: 'good', text };
  }
  return {
    mark: 'good',
    text: `structures: found (${where}); the probes go when they have agreed on enough requests`,
  };
}
