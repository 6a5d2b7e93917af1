/** `th` of a tracestate: which share of the traces is kept (consistent probability sampling). */

const MEMBERS_MAX = 32;

/** The list with `ot=th:...` first, in the place of the one that was there; what else `ot` says stays. */
export function withThreshold(traceState: string, threshold: string): string {
  const members = traceState === '' ? [] : traceState.split(',');
  const own = members.find((member) => member.startsWith('ot='));
  const fields = own === undefined ? [] : own.slice(3).split(';');
  const others = fields.filter((field) => !field.startsWith('th:'));
  const merged = `ot=${[`th:${threshold}`, ...others].join(';')}`;
  return [merged, ...members.filter((member) => member !== own)].slice(0, MEMBERS_MAX).join(',');
}
