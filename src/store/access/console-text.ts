/**
 * An exchange for people: one line, in front of boxes with process, request and response from
 * details on.
 *
 *      ■ nginx ← GET http://shop.test/ 200 OK
 *     ┌─ Process/Network
 *     │ ...
 *     ├─ REQUEST
 *     ├─ RESPONSE
 *     └─
 */
import { basename } from 'node:path';
import type { KeptLevel } from '../../config/levels.ts';
import type { Counters } from '../../telemetry/counters.ts';
import type { MessageInput, RecordInput } from '../record-input.ts';
import { printable, statusOf } from '../text.ts';
import { showBody } from './shown-body.ts';

export interface ConsoleOptions {
  readonly isColoured: boolean;
  readonly counters: Counters;
}

/** SGR codes by the first digit of the status; 0: there is none. */
const COLOURS: Readonly<Record<number, number>> = { 0: 90, 1: 36, 2: 32, 3: 36, 4: 33, 5: 31 };

/** A promise only where a body has to be decoded. */
export function consoleText(
  input: RecordInput,
  mode: KeptLevel,
  options: ConsoleOptions,
): string | Promise<string> {
  const head = summaryLine(input, options.isColoured);
  if (mode === 'summary') return `${head}\n`;
  if (mode === 'details') return textOf(head, input, [], []);
  return withBodies(head, input, options);
}

async function withBodies(
  head: string,
  input: RecordInput,
  { counters }: ConsoleOptions,
): Promise<string> {
  const requestBody = await bodyLines(input.request, counters);
  return textOf(head, input, requestBody, await bodyLines(input.response, counters));
}

function summaryLine(input: RecordInput, isColoured: boolean): string {
  const { request, process } = input;
  const arrow = input.direction === 'ingress' ? '←' : '→';
  const name = basename(process.exe) || process.name;
  const rest = printable(`${name} ${arrow} ${request.method} ${request.url} ${statusOf(input)}`);
  return ` ${coloured('■', input.response?.status ?? 0, isColoured)} ${rest}`;
}

function coloured(text: string, status: number, isColoured: boolean): string {
  const colour = COLOURS[Math.floor(status / 100)];
  return isColoured && colour !== undefined ? `\u001b[${colour}m${text}\u001b[0m` : text;
}

function textOf(
  head: string,
  input: RecordInput,
  requestBody: readonly string[],
  responseBody: readonly string[],
): string {
  const { request, response } = input;
  const lines = [
    head,
    '┌─ Process/Network',
    ...boxed(processLines(input)),
    '├─ REQUEST',
    ...boxed([`${request.method} ${request.url} (${request.protocol})`, ...headerLines(request)]),
    ...boxed(requestBody),
    '├─ RESPONSE',
    ...boxed([statusOf(input), ...headerLines(response)]),
    ...boxed(responseBody),
    '└─',
  ];
  return `${lines.join('\n')}\n`;
}

function boxed(lines: readonly string[]): string[] {
  return lines.map((line) => (line === '' ? '│' : `│ ${printable(line)}`));
}

function processLines(input: RecordInput): string[] {
  const { process, traceId, spanId } = input;
  const { container, pod } = process;
  return [
    `Process: ${process.exe || process.name} (PID: ${process.pid})`,
    ...(container === undefined ? [] : [`Container: ${container.name} (${container.image})`]),
    ...(pod === undefined ? [] : [`Pod: ${pod.namespace}/${pod.name}`]),
    `Direction: ${input.direction}`,
    `Connection: ${input.connectionId}`,
    `Duration: ${milliseconds(input.durationMs)}`,
    ...(traceId === '' ? [] : [`Trace: ${traceId} (Span: ${spanId})`]),
    ...(input.hasLoss ? ['Lost: some bytes of this exchange were not seen'] : []),
  ];
}

function milliseconds(ms: number | undefined): string {
  return ms === undefined ? 'unknown' : `${Math.round(ms * 100) / 100}ms`;
}

function headerLines(message: MessageInput | undefined): string[] {
  return (message?.headers ?? []).map(([name, value]) => `${name}: ${value}`);
}

async function bodyLines(
  message: MessageInput | undefined,
  counters: Counters,
): Promise<readonly string[]> {
  if (message === undefined || message.bodyBytes === 0) return [];
  const shown = await showBody(message, counters);
  if (shown === undefined || message.body === undefined) {
    return ['', `[not shown: ${message.bodyBytes} bytes]`];
  }
  const { bytes, lenBytes } = message.body;
  const marks = shown.isCut ? [`[cut: ${bytes.length} of ${lenBytes} bytes]`] : [];
  if (shown.text === undefined) {
    const type = message.contentType === undefined ? '' : `, ${message.contentType}`;
    return ['', `[binary, ${lenBytes} bytes${type}]`];
  }
  return ['', ...pretty(shown.text, message.contentType).split('\n'), ...marks];
}

/** JSON with line breaks; whatever is none, or not whole, as it is. */
function pretty(text: string, contentType = ''): string {
  if (!/[/+]json\b/i.test(contentType)) return text.replace(/\n$/, '');
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
