/** A line of JSON for each exchange, with Qtap's keys and those of the span. */

import { basename } from 'node:path';
import type { KeptLevel } from '../../config/levels.ts';
import type { Counters } from '../../telemetry/counters.ts';
import { filled, headerMap, metadataOf, rounded } from '../record.ts';
import type { MessageInput, RecordInput } from '../record-input.ts';
import { showBody } from './shown-body.ts';

type Json = Record<string, unknown>;

const MESSAGE = 'HTTP transaction';
const BINARY = '<binary>';

/** A promise only where a body has to be decoded. */
export function jsonText(
  input: RecordInput,
  mode: KeptLevel,
  counters: Counters,
): string | Promise<string> {
  if (mode === 'summary') return lineOf(summaryOf(input));
  if (mode === 'details') return lineOf(detailsOf(input, {}, {}));
  return withBodies(input, counters);
}

async function withBodies(input: RecordInput, counters: Counters): Promise<string> {
  const { request, response } = input;
  const responseBody = response === undefined ? {} : await bodyOf(response, counters);
  return lineOf(detailsOf(input, await bodyOf(request, counters), responseBody));
}

function lineOf(fields: Json): string {
  return `${JSON.stringify(fields)}\n`;
}

function summaryOf(input: RecordInput): Json {
  const { request, process } = input;
  return {
    ...headOf(input),
    bin: basename(process.exe) || process.name,
    direction: input.direction,
    method: request.method,
    url: request.url,
    ...filled({ status: input.response?.status, qpoint_request_id: input.requestId }),
    ...spanOf(input),
  };
}

function detailsOf(input: RecordInput, requestBody: Json, responseBody: Json): Json {
  const { request, response } = input;
  return {
    ...headOf(input),
    meta: metadataOf(input),
    direction: input.direction,
    request: {
      url: request.url,
      method: request.method,
      proto: request.protocol,
      ...filled({ qpoint_request_id: input.requestId }),
      headers: headerMap(request.headers),
      ...requestBody,
    },
    response: {
      ...filled({ status: response?.status }),
      headers: headerMap(response?.headers ?? []),
      ...responseBody,
    },
    ...spanOf(input),
  };
}

function headOf({ startMs }: RecordInput): Json {
  return { time: new Date(startMs).toISOString(), msg: MESSAGE };
}

/** What Qtap does not know. */
function spanOf(input: RecordInput): Json {
  return {
    ...filled({
      duration_ms: rounded(input.durationMs),
      ttfb_ms: rounded(input.ttfbMs),
      trace_id: input.traceId,
      span_id: input.spanId,
      parent_span_id: input.parentSpanId,
    }),
    end: input.end,
    ...(input.hasLoss ? { lost: true } : {}),
  };
}

/** A body of which there is more than is shown has its length. */
async function bodyOf(message: MessageInput, counters: Counters): Promise<Json> {
  const shown = await showBody(message, counters);
  if (shown === undefined) {
    return message.bodyBytes === 0 ? {} : { body_length: message.bodyBytes, body_truncated: true };
  }
  return {
    body: shown.text ?? BINARY,
    ...(shown.isCut ? { body_length: message.body?.lenBytes, body_truncated: true } : {}),
  };
}
