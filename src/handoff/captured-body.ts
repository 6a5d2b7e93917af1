/**
 * A message body on its way from the protocol stage, which sees its bytes, to whoever decides what
 * becomes of them. Small ones cross with their row. Others stay where they are, under a number,
 * until somebody asks for them or lets them go (held-bodies.ts).
 */

/** Bytes of each body that are kept at most, by the side of the observed process. */
export interface BodyLimits {
  readonly ingress: { readonly request: number; readonly response: number };
  readonly egress: { readonly request: number; readonly response: number };
}

/** The same for all of them. */
export function bodyLimitsOf(bytesMax: number): BodyLimits {
  const both = { request: bytesMax, response: bytesMax };
  return { ingress: both, egress: both };
}

/** Starts bodies and bounds what all of them hold together; src/store/pending-bodies.ts does. */
export interface BodyKeeper {
  /** `bytesMax`: kept of it at most. `lenBytes`: of the whole body as its head says, -1 unknown. */
  start(bytesMax: number, lenBytes: number): CapturedBody;
}

export interface CapturedBody {
  /** Bytes that are kept: the beginning of the body, without gaps. */
  readonly keptBytes: number;
  /** Bytes were left out by a limit, or because they were not copied. */
  readonly isTruncated: boolean;
  /** Few enough, and in memory: they cross with their row. */
  readonly isInline: boolean;
  /**
   * SHA-256 of the whole body, kept or not; null unless every byte of it was seen. Of bodies that
   * are inline and whole it is left to the reader.
   */
  readonly digest: Uint8Array | null;

  /** Body bytes [at, at + presentBytes) of `bytes`, then `fillerBytes` that are not there. */
  add(bytes: Uint8Array, at: number, presentBytes: number, fillerBytes: number): void;
  /** Bytes were lost here: what follows does not belong to the beginning. */
  cut(): void;
  /** The message ended: nothing of it follows. */
  finish(): void;

  /** Copies what an inline body keeps to `target` from `at` on. */
  copyTo(target: Uint8Array, at: number): void;
  /** Keeps it until somebody decides; returns its number, not 0. */
  hold(): number;
  /** Nobody wants it, or it was copied. May be said again, and while bytes still come. */
  discard(): void;
}
