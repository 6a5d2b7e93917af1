/** Events as OTLP logs: one Resource (the agent), one scope, a record each. */

import { VERSION } from '../../config/version.ts';
import type { EventSink, StoreEvent, WriteResult } from '../../store/events/types.ts';
import { toAttributes } from '../otlp/json-attributes.ts';
import { encode } from '../otlp/proto-writer.ts';
import { encodeResource, SCOPE, SCOPE_NAME } from '../otlp/resource.ts';
import type { AttributeValue, Transport } from '../types.ts';
import { encodeLogRecord, jsonLogRecord } from './log-record.ts';

export type LogEncoding = 'protobuf' | 'json';
export type LogResource = Readonly<Record<string, AttributeValue>>;

interface Encoder {
  encode(event: StoreEvent): Uint8Array;
  seal(records: readonly Uint8Array[]): Uint8Array;
}

export class LogSink implements EventSink {
  readonly target: string;
  readonly #transport: Transport;
  readonly #encoder: Encoder;

  constructor(transport: Transport, encoding: LogEncoding, resource: LogResource) {
    this.target = transport.target;
    this.#transport = transport;
    this.#encoder = encoding === 'json' ? jsonEncoder(resource) : protobufEncoder(resource);
  }

  encode(event: StoreEvent): Uint8Array {
    return this.#encoder.encode(event);
  }

  async write(events: readonly Uint8Array[], signal: AbortSignal): Promise<WriteResult> {
    const body = this.#encoder.seal(events);
    const result = await this.#transport.send(body, signal);
    if (result.kind !== 'accepted') return result;
    return { kind: 'stored', rejected: result.rejected, message: result.message };
  }

  async close(): Promise<void> {
    this.#transport.close();
  }
}

/**
 * ExportLogsServiceRequest { resource_logs = 1 }, ResourceLogs { resource = 1; scope_logs = 2 },
 * ScopeLogs { scope = 1; log_records = 2 }.
 */
function protobufEncoder(resource: LogResource): Encoder {
  const head = encodeResource(resource);
  return {
    encode: (event) => Buffer.from(encodeLogRecord(event, Date.now())),
    seal: (records) =>
      encode((request) =>
        request.message(1, (resourceLogs) => {
          resourceLogs.append(head);
          resourceLogs.message(2, (scopeLogs) => {
            scopeLogs.append(SCOPE);
            for (const record of records) scopeLogs.raw(2, record);
          });
        }),
      ),
  };
}

function jsonEncoder(resource: LogResource): Encoder {
  const head = JSON.stringify({ attributes: toAttributes(resource) });
  const scope = JSON.stringify({ name: SCOPE_NAME, version: VERSION });
  return {
    encode: (event) => Buffer.from(JSON.stringify(jsonLogRecord(event, Date.now()))),
    seal: (records) => {
      const list = records.map((record) => Buffer.from(record).toString()).join(',');
      const scopeLogs = `[{"scope":${scope},"logRecords":[${list}]}]`;
      return Buffer.from(`{"resourceLogs":[{"resource":${head},"scopeLogs":${scopeLogs}}]}`);
    },
  };
}
