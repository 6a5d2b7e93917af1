/** Log records as the Collector's file exporter writes them (OTLP/JSON). */
import { type LogRequest, plain, plainValue } from '../../export/logs/decoder.ts';

export interface OtlpLog {
  readonly timeNs: bigint;
  readonly eventName: string;
  readonly severity: string;
  readonly body: unknown;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
}

/** None for a line of another signal. */
export function logsOfLine(line: string): OtlpLog[] {
  const { resourceLogs = [] }: Partial<LogRequest> = JSON.parse(line);
  return resourceLogs.flatMap(({ resource, scopeLogs }) =>
    scopeLogs.flatMap(({ logRecords }) =>
      logRecords.map((record) => ({
        timeNs: BigInt(record.timeUnixNano),
        eventName: record.eventName,
        severity: record.severityText,
        body: plainValue(record.body),
        attributes: plain(record.attributes),
        resource: plain(resource.attributes),
      })),
    ),
  );
}
