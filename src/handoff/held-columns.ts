/** Numbers of the bodies that a batch names and does not carry. */
import type { ExchangeBatch } from './layout.ts';
import { U32, U32_COLUMNS } from './layout.ts';

export function* heldBodiesOf({ count, u32 }: ExchangeBatch): Generator<number> {
  const end = count * U32_COLUMNS;
  for (let at = 0; at < end; at += U32_COLUMNS) {
    if (u32[at + U32.requestBodyHeld] !== 0) yield u32[at + U32.requestBodyHeld];
    if (u32[at + U32.responseBodyHeld] !== 0) yield u32[at + U32.responseBodyHeld];
  }
}
