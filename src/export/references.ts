/** Where the record and the bodies of an exchange were stored, as attributes of its span. */
import type { BodyReference } from '../store/record-input.ts';
import type { StoredReferences } from '../store/stage.ts';
import { key } from './attributes.ts';
import { ByteSource } from './bytes.ts';
import type { SpanSink } from './types.ts';

const RECORD = key('spantap.record_ref');
const RECORD_URL = key('spantap.record_url');

const REQUEST = {
  ref: key('http.request.body.content_ref'),
  url: key('spantap.http.request.body.url'),
  sha256: key('spantap.http.request.body.sha256'),
};
const RESPONSE = {
  ref: key('http.response.body.content_ref'),
  url: key('spantap.http.response.body.url'),
  sha256: key('spantap.http.response.body.sha256'),
};

/** Attributes that references can be at most. */
export const REFERENCE_ATTRIBUTES_MAX = 8;

export function describeReferences(references: StoredReferences, sink: SpanSink): void {
  const { record, request, response } = references;
  if (record !== undefined) {
    write(RECORD, record.uri, sink);
    if (record.url !== undefined) write(RECORD_URL, record.url, sink);
  }
  if (request !== undefined) describeBody(REQUEST, request, sink);
  if (response !== undefined) describeBody(RESPONSE, response, sink);
}

function describeBody(keys: typeof REQUEST, body: BodyReference, sink: SpanSink): void {
  write(keys.ref, body.uri, sink);
  if (body.url !== undefined) write(keys.url, body.url, sink);
  write(keys.sha256, body.sha256, sink);
}

function write(name: typeof RECORD, text: string, sink: SpanSink): void {
  const source = ByteSource.of(text);
  sink.text(name, source, 0, source.bytes.length);
}
