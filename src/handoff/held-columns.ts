/** Numbers of the bodies that a batch names and does not carry. */
import type { ExchangeBatch } from './layout.ts';
import { U32, U32_COLUMNS } from './layout.ts';

export interface HeldBody {
  readonly row: number;
  readonly number: number;
  readonly keptBytes: number;
}

const COLUMNS = [
  [U32.requestBodyHeld, U32.requestBodyKeptBytes],
  [U32.responseBodyHeld, U32.responseBodyKeptBytes],
] as const;

export function heldBodiesOf({ count, u32 }: ExchangeBatch): HeldBody[] {
  const found: HeldBody[] = [];
  for (let row = 0; row < count; row++) addRow(found, u32, row);
  return found;
}

export function hasHeldBody({ u32 }: ExchangeBatch, row: number): boolean {
  return COLUMNS.some(([held]) => u32[row * U32_COLUMNS + held] !== 0);
}

/** Those of one row. */
export function heldBodiesOfRow({ u32 }: ExchangeBatch, row: number): HeldBody[] {
  const found: HeldBody[] = [];
  addRow(found, u32, row);
  return found;
}

function addRow(found: HeldBody[], u32: Uint32Array, row: number): void {
  for (const [held, kept] of COLUMNS) {
    const number = u32[row * U32_COLUMNS + held];
    if (number !== 0) found.push({ row, number, keptBytes: u32[row * U32_COLUMNS + kept] });
  }
}
