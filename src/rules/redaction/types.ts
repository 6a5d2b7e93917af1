/** What redaction rules say, and what comes out of them. */
import type { Problem } from '../language/problem.ts';

/** keep: an exception from the defaults; mask: REDACTED; hash: the same for equal values; drop: gone. */
export type Action = 'keep' | 'mask' | 'hash' | 'drop';

/** The first rule that names a thing decides; the defaults come last. */
export type RedactionRule = { readonly action: Action } & (
  | { readonly type: 'header'; readonly name: string }
  /** Of the target, and of URLs in header values. Case-sensitive, escapes decoded. */
  | { readonly type: 'query'; readonly name: string }
  /** `$.user.password`, `$.items[*].card`, `$..token`, `$["odd key"]`. */
  | { readonly type: 'json'; readonly path: string }
  /** Field of a body in application/x-www-form-urlencoded. */
  | { readonly type: 'form'; readonly name: string }
  /** Whatever matches, in targets, header values and bodies. */
  | { readonly type: 'regex'; readonly pattern: string }
);

export interface RedactionOptions {
  /** Secret behind `hash`: equal values have equal hashes only under the same key. */
  readonly hashKey: Uint8Array;
  /** What is masked where no rule says otherwise; left out: the lists of config/secrets.ts. */
  readonly secretHeaders?: readonly string[];
  readonly sensitiveQueryParameters?: readonly string[];
}

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
