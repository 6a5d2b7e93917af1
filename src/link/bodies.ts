import type { Exchange } from '../protocol/types.ts';

/** Nobody gets this exchange, nor what is kept of its bodies. */
export function discardBodies({ requestBody, responseBody }: Exchange<unknown>): void {
  requestBody?.discard();
  responseBody?.discard();
}
