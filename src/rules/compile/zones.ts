/**
 * The public suffix list behind `zone()`. It takes 10 MB and is loaded only for files that call it:
 * whoever loads a file awaits `loadZones` with its expressions before compiling them.
 */
type DomainOf = (host: string) => string | null;

let domainOf: DomainOf | null = null;

export async function loadZones(expressions: readonly string[]): Promise<void> {
  if (domainOf !== null || !expressions.some((text) => /\bzone\s*\(/.test(text))) return;
  const { getDomain } = await import('tldts');
  domainOf = (host) => getDomain(host, { allowPrivateDomains: true });
}

export function areZonesLoaded(): boolean {
  return domainOf !== null;
}

/** The registrable domain (public suffix and one label more), or the host when it has none. */
export function zoneOf(host: string): string {
  const name = host.replace(/\.$/, '');
  return domainOf?.(name) ?? name;
}
