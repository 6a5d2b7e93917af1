/**
 * Benchmark-only hook: blanks ground-truth tokens before any stage sees the captured bytes.
 *
 * The link benchmark sends identical requests that differ in one random token, so that it can
 * tell which egress belongs to which ingress; the agent must not be able to tell. With
 * `SPANTAP_BENCH_MASK=MARKER` in its environment the capture worker runs this over every batch
 * right after it was drained. Without the variable nothing of this runs.
 */

/** Hex digits that follow the marker. */
export const TOKEN_BYTES = 32;

const ZERO = 0x30;

/**
 * Overwrites the 32 bytes after each occurrence of `marker` in `batch[0, lenBytes)` by `0`, in
 * place: positions and lengths stay. Returns the tokens found. A token that the end of the batch
 * cuts is blanked as far as it is there. `marker` must not be empty.
 */
export function maskTokens(batch: Uint8Array, lenBytes: number, marker: Buffer): number {
  const bytes = Buffer.from(batch.buffer, batch.byteOffset, lenBytes);
  let tokens = 0;
  let found = bytes.indexOf(marker);
  while (found !== -1) {
    const start = found + marker.length;
    const end = Math.min(start + TOKEN_BYTES, lenBytes);
    bytes.fill(ZERO, start, end);
    tokens++;
    found = bytes.indexOf(marker, end);
  }
  return tokens;
}

/** The marker that the environment names, or null: no masking. */
export function maskMarker(environment: NodeJS.ProcessEnv): Buffer | null {
  const marker = environment.SPANTAP_BENCH_MASK;
  return marker ? Buffer.from(marker, 'latin1') : null;
}
