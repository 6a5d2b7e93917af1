/** Section `link` of the configuration: which signals may link. Waits are part of the limits. */
import type { LinkConfig } from '../config/file/types.ts';

export type LinkSettings = Pick<LinkConfig, 'tiers' | 'identifierHeaders' | 'traceparent'>;

export const ALL_SIGNALS: LinkSettings = {
  tiers: ['exact.state', 'exact.order', 'identifier', 'local'],
  identifierHeaders: [],
  traceparent: true,
};
