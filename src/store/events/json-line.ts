/** An event as a line: Qtap's words `type` and `item`. */
import type { StoreEvent } from './types.ts';

export function jsonLine({ type, item }: StoreEvent): string {
  return `${JSON.stringify({ type, item })}\n`;
}
