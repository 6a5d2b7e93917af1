/**
 * Notes about what an object store was given of an exchange: one for the record, one for each body.
 * Made when the store took them over, which keeps them until they are written; not by its server's
 * word.
 */
import { rounded } from '../record.ts';
import type { BodyReference, RecordInput } from '../record-input.ts';
import type { StoredReferences } from '../stage.ts';
import { processAttributes, processOf } from './event-process.ts';
import { filled } from './filled.ts';
import type { StoreEvent } from './types.ts';

type ArtifactType = 'http_transaction' | 'req-body' | 'res-body';
type Reference = Partial<BodyReference> & Pick<BodyReference, 'uri' | 'url'>;

export function artifactEvents(input: RecordInput, stored: StoredReferences): StoreEvent[] {
  const { record, request, response } = stored;
  const parts: [ArtifactType, Reference | undefined][] = [
    ['http_transaction', record],
    ['req-body', request],
    ['res-body', response],
  ];
  return parts.flatMap(([type, reference]) =>
    reference === undefined ? [] : [artifactEvent(input, type, reference)],
  );
}

function artifactEvent(input: RecordInput, type: ArtifactType, reference: Reference): StoreEvent {
  const { traceId, spanId, startMs, durationMs = 0 } = input;
  return {
    type: 'artifact_record',
    timeMs: startMs + durationMs,
    item: {
      ...filled<unknown>({
        connectionId: input.connectionId,
        endpointId: input.endpointId,
        requestId: input.requestId,
        timestamp: new Date(startMs).toISOString(),
        type,
        digest: reference.sha256,
        url: reference.url,
        uri: reference.uri,
      }),
      summary: summaryOf(input),
      ...filled({ traceId, spanId }),
    },
    title: `Artifact stored: ${type}`,
    attributes: attributesOf(input, reference),
    traceId,
    spanId,
  };
}

/** Qtap's: no path in it. */
function summaryOf({ request, response, process, ...input }: RecordInput): Record<string, unknown> {
  return filled<unknown>({
    duration_ms: rounded(input.durationMs),
    direction: input.direction,
    process_exe: process.exe,
    container_name: process.container?.name,
    container_image: process.container?.image,
    pod_name: process.pod?.name,
    pod_namespace: process.pod?.namespace,
    connection_id: input.connectionId,
    request_method: request.method,
    request_scheme: request.scheme,
    request_host: request.authority,
    request_protocol: request.protocol,
    request_content_type: request.contentType,
    response_status: response?.status,
    response_content_type: response?.contentType,
  });
}

function attributesOf({ process }: RecordInput, { uri }: Reference) {
  return { 'spantap.artifact.uri': uri, ...processAttributes(processOf(process)) };
}
