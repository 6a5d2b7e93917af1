/**
 * A record for people, in the layout of the published guides. What they do not have comes after the
 * duration (time to the first byte, peer, place in the trace, loss) and at the end (what the proxy
 * changed), each only where there is something to say.
 */
import { STATUS_CODES } from 'node:http';
import { codingsOf, type DecodeLimits, decodeBody, textOfBody } from './decode-body.ts';
import type { BodyInput, HeaderList, MessageInput, RecordInput } from './record-input.ts';

const HEAD = '=== HTTP Transaction ===';
const FOOT = '='.repeat(HEAD.length);

export interface TextEvents {
  /** A coding that is unknown, or content that is not what it says. */
  undecoded(): void;
  /** A decoded body longer than the limit. */
  cut(): void;
}

export async function formatText(
  input: RecordInput,
  limits: DecodeLimits,
  events: TextEvents,
): Promise<string> {
  const lines = [HEAD, ...summaryLines(input)];
  if (input.level !== 'summary') {
    lines.push(...(await messageLines('Request', input.request, limits, events)));
    if (input.response !== undefined) {
      lines.push(...(await messageLines('Response', input.response, limits, events)));
    }
  }
  if (input.changeLines.length > 0) {
    lines.push('', '--- Changed by the Proxy ---', ...input.changeLines.map(printable));
  }
  return `${lines.join('\n')}\n${FOOT}\n\n`;
}

function summaryLines(input: RecordInput): string[] {
  const { request, process } = input;
  const container = process.container === undefined ? '' : `, Container: ${process.container.name}`;
  const lines = [
    `Source Process: ${process.name} (PID: ${process.pid}${container})`,
    `Direction: ${directionOf(input)}`,
    `Method: ${request.method}`,
    `URL: ${request.url}`,
    `Status: ${statusOf(input)}`,
    `Duration: ${milliseconds(input.durationMs)}`,
  ];
  if (input.ttfbMs !== undefined) lines.push(`Time To First Byte: ${milliseconds(input.ttfbMs)}`);
  if (input.peer !== '') lines.push(`Peer: ${input.peer}`);
  if (input.traceId !== '') lines.push(traceLine(input));
  if (input.hasLoss) lines.push('Lost: some bytes of this exchange were not seen');
  return lines.map(printable);
}

function directionOf({ direction, process }: RecordInput): string {
  return direction === 'ingress'
    ? `INGRESS ← (client to ${process.name})`
    : `EGRESS → (${process.name} to backend)`;
}

/** `404 Not Found`; how it ended where there is no response. */
export function statusOf({ response, end }: RecordInput): string {
  if (response === undefined || response.status === 0) return `none (${end})`;
  const name = STATUS_CODES[response.status];
  return name === undefined ? String(response.status) : `${response.status} ${name}`;
}

function milliseconds(ms: number | undefined): string {
  if (ms === undefined) return 'unknown';
  return ms < 10 ? `${Math.round(ms * 100) / 100}ms` : `${Math.round(ms)}ms`;
}

function traceLine({ traceId, spanId, parentSpanId, linkTier }: RecordInput): string {
  const parent = parentSpanId === '' ? '' : `, Parent: ${parentSpanId} by ${linkTier}`;
  return `Trace: ${traceId} (Span: ${spanId}${parent})`;
}

async function messageLines(
  title: string,
  message: MessageInput,
  limits: DecodeLimits,
  events: TextEvents,
): Promise<string[]> {
  const lines: string[] = [];
  if (message.headers.length > 0) {
    lines.push('', `--- ${title} Headers ---`);
    for (const [name, value] of message.headers) lines.push(printable(`${name}: ${value}`));
  }
  if (message.body !== undefined && message.body.lenBytes > 0) {
    lines.push('', `--- ${title} Body ---`);
    lines.push(...(await bodyLines(message, message.body, limits, events)));
  }
  return lines;
}

async function bodyLines(
  { headers, contentType }: MessageInput,
  body: BodyInput,
  limits: DecodeLimits,
  events: TextEvents,
): Promise<string[]> {
  const decoded = await decodeBody(body.bytes, body.isRedacted ? [] : codingsOf(headers), limits);
  const marks = body.isTruncated ? [truncationMark(body)] : [];
  if (decoded.kind === 'failed') {
    events.undecoded();
    const what = describe(body, contentType, headers);
    return [`[${what} not decoded: ${printable(decoded.reason)}]`, ...marks];
  }
  const isCut = decoded.isCut || body.isTruncated;
  if (decoded.isCut && !body.isTruncated) {
    events.cut();
    marks.push(`[cut: only the first ${decoded.bytes.length} decoded bytes are shown]`);
  }
  const text = textOfBody(decoded.bytes, contentType, isCut);
  if (text === undefined) return [`[${describe(body, contentType, headers)}]`, ...marks];
  return [...text.replace(/\n$/, '').split('\n').map(printable), ...marks];
}

function truncationMark({ bytes, lenBytes, isLenInexact }: BodyInput): string {
  if (isLenInexact) return `[truncated: ${bytes.length} of at most ${lenBytes} bytes]`;
  if (bytes.length === lenBytes) return `[incomplete: nothing was seen behind ${lenBytes} bytes]`;
  return `[truncated: ${bytes.length} of ${lenBytes} bytes]`;
}

function describe(body: BodyInput, contentType: string | undefined, headers: HeaderList): string {
  const codings = codingsOf(headers).join(', ');
  const parts = [
    `binary, ${body.lenBytes} bytes`,
    printable(contentType ?? ''),
    printable(codings),
  ];
  return parts.filter(Boolean).join(', ');
}

/** Nothing that traffic brings can steer a terminal. */
export function printable(line: string): string {
  return line.replace(/\r$/, '').replace(/(?!\t)\p{Cc}/gu, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}
