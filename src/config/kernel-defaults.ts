/** Bounds of a kernel side where no configuration says anything. */
import { limits } from './limits.ts';

export const KERNEL_DEFAULTS = {
  ringBytes: limits.ringBytes,
  ringBytesMin: limits.ringBytesMin,
  connectionsMax: limits.kernelConnectionsMax,
  headBytesMax: limits.headBytesMax,
} as const;
