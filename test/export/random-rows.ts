/** Rows of every kind from a seed. */
import { ENDS, FLAG, TIERS } from '../../src/handoff/layout.ts';
import type { Row } from './rows.ts';

/** Mulberry32: small, seeded, good enough to vary tests. */
export function randomSource(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const METHODS = ['GET', 'POST', 'DELETE', 'OPTIONS', 'BREW', 'get', 'PATCH', 'CONNECT'];
const HOSTS = ['shop.example', 'shop.example:8443', '[2001:db8::7]:81', '127.0.0.1:9001', '[::1]'];
const WORDS = ['a', 'é', '\xff\xfe', 'orders', '%C3%A9', 'x'.repeat(40), 'y'.repeat(200), ''];

export function randomRows(seed: number, count: number): Row[] {
  const random = randomSource(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const pick = <T>(items: readonly T[]): T => items[below(items.length)] as T;
  const chance = (share: number): boolean => random() < share;
  const hex = (digits: number): string =>
    Array.from({ length: digits }, () => below(16).toString(16)).join('');

  const target = (method: string): string => {
    if (method === 'CONNECT') return pick(HOSTS);
    const query = chance(0.4)
      ? `?${pick(['q=1', 'sig=secret&b=2', '', 'a=%2F&&=', pick(WORDS)])}`
      : '';
    const path = `/${pick(WORDS)}/${'p'.repeat(below(300))}${query}`;
    return chance(0.2) ? `http://user:pass@${pick(HOSTS)}${path}` : path;
  };

  const headers = (traceId: string): [string, string][] => {
    const all: [string, string][] = [];
    if (chance(0.9)) all.push(['Host', pick(HOSTS)]);
    if (chance(0.7)) all.push(['User-Agent', `curl/${below(9)} ${pick(WORDS)}`]);
    if (chance(0.2)) all.push(['X-Forwarded-For', `203.0.113.${below(256)}, 10.0.0.1`]);
    if (chance(0.2)) all.push(['X-Forwarded-Proto', pick(['https', 'http', 'wss'])]);
    if (chance(0.2)) all.push(['Forwarded', 'for="[2001:db8::1]:99";host=h.example;proto=https']);
    if (chance(0.3)) {
      all.push(['traceparent', `00-${traceId}-${hex(16)}-01`]);
      if (chance(0.5)) all.push(['tracestate', 'ot=th:8;rv:1234567890abcd,vendor=x/1']);
    }
    for (let i = below(12); i > 0; i--) all.push([`X-Custom-${below(8)}`, pick(WORDS)]);
    if (chance(0.2)) all.push(['Authorization', 'Bearer secret'], ['Cookie', 'a=1']);
    return all;
  };

  return Array.from({ length: count }, (_, index): Row => {
    const method = pick(METHODS);
    const traceId = hex(32);
    const status = pick([0, 100, 200, 204, 302, 404, 500, 503, 599, 999]);
    const startNs = below(2 ** 31) * 2 ** 20 + below(2 ** 20);
    return {
      client: chance(0.5),
      method,
      target: target(method),
      version: pick(['1.0', '1.1']),
      headers: headers(traceId),
      responseHead:
        status === 0
          ? ''
          : `HTTP/1.1 ${status} X\r\nSet-Cookie: a=1\r\nSet-Cookie: b\r\nVia: x\r\n\r\n`,
      status,
      end: pick(ENDS),
      flags: below(2 * FLAG.ownRequest) & ~FLAG.client,
      tier: pick(TIERS),
      // A whole number is an integer to the stock serializer; ours stays a double.
      confidence: 0.5 + below(400_000) / 1e6 + 1e-6,
      resendCount: pick([0, 0, 1, 3]),
      ordinal: pick([0, 1, 127, 128, 100_000]),
      hop: index + 1,
      process: below(3),
      traceId,
      spanId: hex(16),
      parentSpanId: chance(0.6) ? hex(16) : '',
      ...(chance(0.2) ? { link: [hex(32), hex(16)] as const } : {}),
      traceFlags: below(4),
      family: pick([4, 4, 6, 1] as const),
      local: pick([
        ['127.0.0.1', 8080],
        ['::1', 443],
        ['/run/proxy.sock', 0],
      ] as const),
      remote: pick([
        ['192.0.2.77', 51_234],
        ['2001:db8::5', 1],
        ['', 0],
      ] as const),
      startNs,
      endNs: startNs + below(2 ** 30),
      requestBodyBytes: pick([0, 5, 300, 2 ** 31, 2 ** 40 + 1, 2 ** 52]),
      responseBodyBytes: pick([0, 17, 70_000, 2 ** 33, 2 ** 32 - 1]),
    };
  });
}
