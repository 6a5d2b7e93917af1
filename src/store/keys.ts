/** Names of objects, and their addresses for people. */

/** 32 and 16 lower-case hex digits. */
export interface SpanIds {
  readonly traceId: string;
  readonly spanId: string;
}

/** `<prefix>/<yyyy>/<mm>/<dd>/<trace>-<span>.json`, the day of `timeMs` in UTC. */
export function recordKey(prefix: string, timeMs: number, { traceId, spanId }: SpanIds): string {
  return `${dayOf(prefix, timeMs)}/${traceId}-${spanId}.json`;
}

/** `<prefix>/<yyyy>/<mm>/<dd>/sha256/<hex>`: by the digest of the bytes that are stored. */
export function bodyKey(prefix: string, timeMs: number, sha256: string): string {
  return `${dayOf(prefix, timeMs)}/sha256/${sha256}`;
}

/** `<prefix>/<yyyy>/<mm>/<dd>/packs/<name>.tar`. */
export function packKey(prefix: string, timeMs: number, name: string): string {
  return `${dayOf(prefix, timeMs)}/packs/${name}.tar`;
}

export function isPackKey(key: string): boolean {
  return key.endsWith('.tar');
}

function dayOf(prefix: string, timeMs: number): string {
  const day = new Date(timeMs).toISOString().slice(0, 10).replaceAll('-', '/');
  return prefix === '' ? day : `${prefix}/${day}`;
}

/** What the placeholders of `access_url` stand for; Qtap's, and SHA256. */
export interface UrlParts {
  /** http, https or file. */
  readonly SCHEME: string;
  /** Host and port, as configured. */
  readonly ENDPOINT: string;
  readonly BUCKET: string;
  /** The whole key: Qtap's templates end in it, and its keys are digests. */
  readonly DIGEST: string;
  /** Bare digest of the stored bytes, lower-case hex. */
  readonly SHA256: string;
}

/** Replaces `{{NAME}}`; unknown placeholders stay, as in Qtap. */
export function expandUrl(template: string, parts: UrlParts): string {
  return template.replace(/\{\{(SCHEME|ENDPOINT|BUCKET|DIGEST|SHA256)\}\}/g, (_, name: string) =>
    name === 'DIGEST' ? encodeKey(parts.DIGEST) : parts[name as keyof UrlParts],
  );
}

/** Percent-encoded for a URL; slashes stay. */
function encodeKey(key: string): string {
  return key.split('/').map(encodeURIComponent).join('/');
}
