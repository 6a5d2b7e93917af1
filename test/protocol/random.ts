/** Seeded random connections whose truth is known: what was sent, in how many calls, by whom. */
import { Wire } from './wire.ts';

export type Random = () => number;

/** mulberry32: the same numbers for the same seed everywhere. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function pick<T>(random: Random, values: readonly T[]): T {
  return values[Math.floor(random() * values.length)];
}

/** The seed of this run, to be printed when something fails. */
export const SEED = Number(process.env.SPANTAP_TEST_SEED ?? Date.now() % 1e9);

export interface Traits {
  readonly side: 'server' | 'client';
  readonly startSeen: boolean;
  /**
   * Several threads move the bytes: a send may be recorded after what it caused, a client's after
   * the response to it, a server's after the next request.
   */
  readonly isThreaded: boolean;
  readonly hasInterim: boolean;
  readonly isPipelined: boolean;
}

export interface Truth {
  readonly target: string;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

interface Message {
  readonly parts: string[];
  readonly bodyBytes: number;
}

/**
 * The body of `lenBytes` that begins with this letter. Letters, so that no body looks like the start
 * of a message; in their order, so that a hole shows.
 */
export function lettersFrom(first: string, lenBytes: number): string {
  const start = ALPHABET.indexOf(first);
  return ALPHABET.repeat(Math.ceil(lenBytes / ALPHABET.length) + 1).slice(start, start + lenBytes);
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz';

function letters(random: Random, lenBytes: number): string {
  return lettersFrom(pick(random, ['a', 'b', 'c', 'z']), lenBytes);
}

function message(
  random: Random,
  startLine: string,
  fields: readonly string[],
  mayHaveBody: boolean,
): Message {
  const lenBytes = mayHaveBody ? pick(random, [0, 0, 1, 7, 100, 3000]) : 0;
  const head = (...more: string[]) => `${[startLine, ...fields, ...more].join('\r\n')}\r\n\r\n`;
  const body = letters(random, lenBytes);
  if (mayHaveBody && random() < 0.3) {
    const chunk = `${lenBytes.toString(16)}\r\n${body}\r\n`;
    const end = random() < 0.3 ? '0\r\nX-Trailer: 1\r\n\r\n' : '0\r\n\r\n';
    const parts = [head('Transfer-Encoding: chunked'), `${lenBytes > 0 ? chunk : ''}${end}`];
    return { parts, bodyBytes: lenBytes };
  }
  return { parts: [head(`Content-Length: ${lenBytes}`), body], bodyBytes: lenBytes };
}

/** The message as the bytes of one call or several. */
function calls(random: Random, { parts }: Message): string[] {
  const [head, body] = parts;
  const whole = random() < 0.6 ? [head + body] : [head, body];
  return whole.flatMap((text) => cut(random, text)).filter((text) => text !== '');
}

function cut(random: Random, text: string): string[] {
  if (random() < 0.8 || text.length < 2) return [text];
  const at = random() < 0.3 ? 1 : 1 + Math.floor(random() * (text.length - 1));
  return [text.slice(0, at), ...cut(random, text.slice(at))];
}

interface Sent {
  readonly isRequest: boolean;
  readonly bytes: string;
  /** Recorded after what it caused. */
  readonly isLate: boolean;
}

/** A connection with `count` exchanges; `GET /n` is answered with a field `X-Target: /n`. */
export function connectionOf(
  random: Random,
  traits: Traits,
  count: number,
): { wire: Wire; truth: Truth[] } {
  const wire = new Wire({ role: traits.side, startSeen: traits.startSeen });
  const truth: Truth[] = [];
  const sent: Sent[] = [];
  let waiting: Sent[] = [];
  for (let index = 0; index < count; index++) {
    const target = `/${index}`;
    const { asked, answered, sizes } = exchangeOf(random, traits, target);
    truth.push({ target, ...sizes });
    sent.push(...asked);
    waiting.push(...answered);
    if (traits.isPipelined && random() < 0.5) continue;
    sent.push(...waiting);
    waiting = [];
  }
  sent.push(...waiting);
  if (traits.isThreaded) delaySends(random, traits, sent);
  for (const call of sent) record(random, wire, traits, call);
  return { wire, truth };
}

function exchangeOf(
  random: Random,
  traits: Traits,
  target: string,
): { asked: Sent[]; answered: Sent[]; sizes: Omit<Truth, 'target'> } {
  const method = pick(random, ['GET', 'POST', 'PUT', 'DELETE']);
  const request = message(random, `${method} ${target} HTTP/1.1`, ['Host: a'], method !== 'GET');
  const response = message(random, 'HTTP/1.1 200 OK', [`X-Target: ${target}`], true);
  const [head, body] = request.parts;
  const asked =
    traits.hasInterim && random() < 0.3
      ? [
          ...calls(random, { ...request, parts: [head, ''] }).map(asRequest),
          asResponse('HTTP/1.1 100 Continue\r\n\r\n'),
          ...calls(random, { ...request, parts: ['', body] }).map(asRequest),
        ]
      : calls(random, request).map(asRequest);
  const sizes = { requestBytes: request.bodyBytes, responseBytes: response.bodyBytes };
  return { asked, answered: calls(random, response).map(asResponse), sizes };
}

const asRequest = (bytes: string): Sent => ({ isRequest: true, bytes, isLate: false });
const asResponse = (bytes: string): Sent => ({ isRequest: false, bytes, isLate: false });

/** Lets the last send before a turn be recorded after the first receive behind it. */
function delaySends(random: Random, traits: Traits, sent: Sent[]): void {
  for (let index = 0; index + 1 < sent.length; index++) {
    const [first, second] = [sent[index], sent[index + 1]];
    const isSend = first.isRequest === (traits.side === 'client');
    if (!isSend || first.isRequest === second.isRequest || random() > 0.2) continue;
    sent[index] = second;
    sent[index + 1] = { ...first, isLate: true };
    index++;
  }
}

function record(random: Random, wire: Wire, traits: Traits, call: Sent): void {
  const tid = traits.isThreaded ? (call.isRequest ? 101 : 102) : 100;
  const timeNs = wire.nowNs + (call.isLate ? 1000 : gapNs(random));
  if (call.isRequest) wire.request(call.bytes, { tid, timeNs });
  else wire.response(call.bytes, { tid, timeNs });
}

/** Calls follow each other within microseconds, at times within milliseconds. */
function gapNs(random: Random): number {
  return random() < 0.1 ? 30e6 * random() : 20e3 * random();
}

/**
 * A server of Go's net/http: the first byte of a request that follows on a connection is read by
 * another goroutine, and may be recorded before the end of the response before it.
 */
export function goServerOf(random: Random, count: number): { wire: Wire; truth: Truth[] } {
  const wire = new Wire({ role: 'server' });
  const truth: Truth[] = [];
  const plain: Traits = {
    side: 'server',
    startSeen: true,
    isThreaded: false,
    hasInterim: false,
    isPipelined: false,
  };
  let before: Sent[] = [];
  for (let index = 0; index <= count; index++) {
    const target = `/${index}`;
    const { asked, answered, sizes } = exchangeOf(random, plain, target);
    const [first, ...others] = asked;
    const last = before.at(-1);
    const isLate = last !== undefined && random() < 0.3;
    const serve = { tid: pick(random, [101, 102]), goroutine: 1 };
    for (const { bytes } of isLate ? before.slice(0, -1) : before) wire.write(bytes, serve);
    if (index === count) {
      if (isLate) wire.write(last.bytes, serve);
      break;
    }
    truth.push({ target, ...sizes });
    if (index === 0) {
      wire.read(first.bytes, serve);
    } else {
      wire.read(first.bytes.slice(0, 1), { tid: 103, goroutine: 2, timeNs: wire.nowNs + 20e3 });
      if (isLate) wire.write(last.bytes, { ...serve, timeNs: wire.nowNs + 1e3 });
      if (first.bytes.length > 1) wire.read(first.bytes.slice(1), serve);
    }
    for (const { bytes } of others) wire.read(bytes, serve);
    before = answered;
  }
  return { wire, truth };
}
