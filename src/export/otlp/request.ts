/**
 * One export request in the making. Spans are taken in arrival order and grouped by resource when
 * the request is sealed. `undoTo` takes back the spans of a hop that did not fit, so that a hop is
 * never in two requests.
 */
import type { Rows } from '../rows.ts';
import type { SpanDescriber } from '../span.ts';

export interface RequestBuilder {
  readonly spans: number;
  /** Size of the request if it were sealed now; exact or slightly more. */
  readonly bytes: number;
  add(rows: Rows, index: number, describer: SpanDescriber): void;
  /** Takes back all but the first `spans`. */
  undoTo(spans: number): void;
  /** The request; the builder is empty after it. */
  seal(): Uint8Array;
  /** A sealed request was sent or given up: nobody reads it any more. */
  reuse(body: Uint8Array): void;
}
