/**
 * What is done when a process appears. Every exec of the host comes by here, so that costs one look
 * at its executable; what describes a process is read when it has a connection.
 */
import type { Appearance } from '../handoff/messages.ts';
import type { Identities } from './identity/identities.ts';
import type { Watcher, WatchPlan } from './watcher.ts';

/** The plan that follows, if any. */
export function receive(
  { by, tgid, startNs, comm }: Appearance,
  watcher: Watcher,
  identities: Identities,
): WatchPlan | undefined {
  if (by === 'exec') {
    // exec keeps pid and start time: what was known of the program before it is wrong now.
    identities.forget(tgid, startNs);
    return watcher.appeared(tgid);
  }
  // Read at once: a short-lived process is gone when its first span is built.
  identities.get(tgid, startNs, comm);
  return watcher.connected(tgid);
}
