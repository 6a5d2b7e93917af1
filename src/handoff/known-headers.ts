/**
 * Headers that some stage wants without turning all headers into objects. The protocol stage
 * notes where their values lie in the head while it scans for framing; everybody else reads them
 * by slot. Names in lower case; matching is case-insensitive (RFC 9110 5.1).
 *
 * Of a header that is repeated the first value is noted and `repeated` in the batch flags is set
 * only for traceparent (W3C: more than one is no context) and tracestate (values are joined).
 */
export const KNOWN_HEADERS = [
  'host',
  'user-agent',
  'content-type',
  'x-request-id',
  'traceparent',
  'tracestate',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
] as const;

export type KnownHeader = (typeof KNOWN_HEADERS)[number];

/** Slot of a known header: its value is bytes [known[2 * slot], known[2 * slot + 1]) of the head, -1 when absent. */
export const SLOT = Object.fromEntries(KNOWN_HEADERS.map((name, slot) => [name, slot])) as Readonly<
  Record<KnownHeader, number>
>;
