/** What redaction rules say, and what comes out of them. */
import type { Problem } from '../language/problem.ts';

/** keep: an exception from the defaults; mask: REDACTED; hash: the same for equal values; drop: gone. */
export type Action = 'keep' | 'mask' | 'hash' | 'drop';

/** The first rule that names a thing decides; the defaults come last. */
export type RedactionRule = { readonly action: Action } & (
  | { readonly kind: 'header'; readonly name: string }
  /** Of the target, and of URLs in header values. Case-sensitive, escapes decoded. */
  | { readonly kind: 'query'; readonly key: string }
  /** `$.user.password`, `$.items[*].card`, `$..token`, `$["odd key"]`. */
  | { readonly kind: 'json'; readonly path: string }
  /** Field of a body in application/x-www-form-urlencoded. */
  | { readonly kind: 'form'; readonly field: string }
  /** Whatever matches, in targets, header values and bodies. */
  | { readonly kind: 'pattern'; readonly pattern: string }
);

export interface RedactionProblem {
  readonly index: number;
  readonly problem: Problem;
}

/** A body as a rule may have it: decoded, or the reason why it is not whole. */
export interface BodyInput {
  /** Without Content-Encoding; null when it could not be decoded. */
  readonly decoded: Uint8Array | null;
  /** Value of Content-Type; '' when there is none. */
  readonly contentType: string;
  /** Bytes are missing, wherever they were cut or lost. */
  readonly isTruncated: boolean;
}

export type BodyResult =
  /** No rule covers it: it may be kept as it was on the wire. */
  | { readonly kind: 'untouched' }
  /** Covered: keep these bytes, marked as redacted, even if nothing was found in them. */
  | { readonly kind: 'redacted'; readonly bytes: Buffer }
  /** Covered and not to be understood: nothing of it may be kept. */
  | { readonly kind: 'masked'; readonly bytes: Buffer; readonly why: MaskReason };

export type MaskReason = 'truncated' | 'not-decoded' | 'not-json' | 'multipart';
