/** A transport that accepts everything and sends nothing: what encoding costs without sending. */
import type { Transport } from './types.ts';

export const discard: Transport = {
  target: 'nowhere',
  send: async () => ({ kind: 'accepted', rejected: 0, message: '' }),
  close: () => undefined,
};
