/** One reader a field, by type: what the schema lists and no reader serves does not compile. */
import { ENDS, F64, FLAG, TIERS, U32 } from '../../handoff/layout.ts';
import type { TextSlice } from '../types.ts';
import type { ExchangeSource } from './exchange-source.ts';
import type { Facts } from './facts.ts';
import type { FieldRef } from './field.ts';
import { type FieldNames, type NamesOf, SCHEMA } from './schema.ts';

type TextReader = (row: ExchangeSource, ref: FieldRef, index: number, into: TextSlice) => boolean;

const TRANSFER_ENCODING = Buffer.from('transfer-encoding');

/** A reader of a text that has one value. */
function one(read: (row: ExchangeSource, into: TextSlice) => boolean): TextReader {
  return (row, _, index, into) => index === 0 && read(row, into);
}

function constant(of: (row: ExchangeSource) => Uint8Array | null): TextReader {
  return (row, _, index, into) => index === 0 && whole(of(row), into);
}

const processText: TextReader = (row, ref, index, into) =>
  index === 0 && whole(row.process.text(ref.name), into);
const connectionText: TextReader = (row, ref, index, into) =>
  index === 0 && whole(row.connection.text(ref.name), into);

function whole(bytes: Uint8Array | null, into: TextSlice): boolean {
  if (bytes === null) return false;
  into.bytes = bytes;
  into.start = 0;
  into.end = bytes.length;
  return true;
}

const TIER_BYTES = TIERS.map((tier) => Buffer.from(tier));
const END_BYTES = ENDS.map((end) =>
  end === 'complete' || end === 'tunnel' ? null : Buffer.from(end),
);
const DIRECTION = {
  ingress: Buffer.from('ingress'),
  internal: Buffer.from('egress-internal'),
  external: Buffer.from('egress-external'),
};
const HTTP1 = Buffer.from('http1');
const TCP = Buffer.from('tcp');
const UNIX = Buffer.from('unix');

function directionOf(row: ExchangeSource): Uint8Array {
  if ((row.word(U32.flags) & FLAG.client) === 0) return DIRECTION.ingress;
  return row.isInternal ? DIRECTION.internal : DIRECTION.external;
}

const TEXTS: Readonly<Record<NamesOf<'text' | 'address'>, TextReader>> = {
  direction: constant(directionOf),
  protocol: constant(() => HTTP1),
  type: constant((row) => (row.isUnix ? UNIX : TCP)),
  'http.req.method': one((row, into) => row.slice(row.line.methodStart, row.line.methodEnd, into)),
  'http.req.path': one((row, into) => row.path(into)),
  'http.req.query': one(
    (row, into) => row.line.hasQuery && row.slice(row.line.queryStart, row.line.queryEnd, into),
  ),
  'http.req.query.*': (row, ref, index, into) => row.queryValue(ref.keyBytes, index, into),
  'http.req.url': one((row, into) => row.url(into)),
  'http.req.scheme': constant((row) => row.scheme),
  'http.req.host': one((row, into) => row.host(into)),
  'http.req.version': one((row, into) => {
    const { versionStart, versionEnd } = row.line;
    return versionEnd > versionStart && row.slice(versionStart, versionEnd, into);
  }),
  'http.req.headers.*': (row, ref, index, into) =>
    row.requestFields.value(ref.keyBytes, index, into),
  'http.res.headers.*': (row, ref, index, into) =>
    row.responseFields.value(ref.keyBytes, index, into),
  'http.res.transfer-encoding': (row, _, index, into) =>
    row.responseFields.value(TRANSFER_ENCODING, index, into),
  'http.res.error': constant((row) => END_BYTES[row.word(U32.end)]),
  'src.ip': one((row, into) => row.address(U32.localAddressOffset, into)),
  'dst.ip': one((row, into) => row.address(U32.remoteAddressOffset, into)),
  'dst.domain': one((row, into) => row.domain(into)),
  'src.process.path': processText,
  'src.process.binary': processText,
  'src.process.hostname': processText,
  'src.process.user.name': processText,
  'src.process.env.*': processText,
  'src.container.id': processText,
  'src.container.name': processText,
  'src.container.image': processText,
  'src.container.labels.*': processText,
  'src.pod.name': processText,
  'src.pod.namespace': processText,
  'src.pod.labels.*': processText,
  'src.pod.annotations.*': processText,
  'tls.sni': connectionText,
  'link.tier': constant((row) => TIER_BYTES[row.word(U32.tier)]),
};

const MS = 1e6;

/** Milliseconds between two times of a row; NaN when one was not seen. */
function between(row: ExchangeSource, from: number, to: number): number {
  const start = row.time(from);
  const end = row.time(to);
  return start > 0 && end > 0 ? (end - start) / MS : Number.NaN;
}

/** Ends that do not tell when the exchange was over. */
const UNKNOWN_END = ENDS.map((end) => end === 'lost' || end === 'detached');

function port(row: ExchangeSource, column: number): number {
  return row.isUnix ? Number.NaN : row.word(column);
}

function orMissing(value: number, missing: number): number {
  return value === missing ? Number.NaN : value;
}

function numberFact(facts: Facts, name: FieldNames): number {
  const value = facts[name];
  return typeof value === 'number' ? value : Number.NaN;
}

const NUMBERS: Readonly<Record<NamesOf<'number'>, (row: ExchangeSource) => number>> = {
  'http.req.body_bytes': (row) => row.time(F64.requestBodyBytes),
  'http.res.body_bytes': (row) => row.time(F64.responseBodyBytes),
  'http.res.status': (row) => orMissing(row.word(U32.status), 0),
  'http.res.duration_ms': (row) =>
    UNKNOWN_END[row.word(U32.end)] ? Number.NaN : between(row, F64.requestStartNs, F64.endNs),
  'http.res.ttfb_ms': (row) => between(row, F64.requestStartNs, F64.responseStartNs),
  'src.port': (row) => port(row, U32.localPort),
  'dst.port': (row) => port(row, U32.remotePort),
  'src.process.pid': (row) => numberFact(row.process.facts, 'src.process.pid'),
  'src.process.user.id': (row) => numberFact(row.process.facts, 'src.process.user.id'),
  'tls.version': (row) => numberFact(row.connection.facts, 'tls.version'),
  'link.confidence': (row) => row.word(U32.confidence) / 1e6,
  'link.resend': (row) => row.word(U32.resendCount),
  'link.own_ms': (row) => orMissing(row.time(F64.ownNs), -1) / MS,
};

/** Readers by the field's index in the schema. */
export const TEXT_READERS: readonly (TextReader | undefined)[] = SCHEMA.fields.map(
  ({ name }) => (TEXTS as Readonly<Record<string, TextReader>>)[name],
);
export const NUMBER_READERS: readonly (((row: ExchangeSource) => number) | undefined)[] =
  SCHEMA.fields.map(
    ({ name }) => (NUMBERS as Readonly<Record<string, (row: ExchangeSource) => number>>)[name],
  );
