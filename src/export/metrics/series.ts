/** The histograms of one attribute set of one service. */
import { Histogram } from './histogram.ts';
import type { Instruments } from './instruments.ts';
import type { Attributes } from './types.ts';

export class Series {
  readonly attributes: Attributes;
  /** Nothing was counted before. Unix nanoseconds. */
  readonly startUnixNs: bigint;
  readonly duration: Histogram;
  readonly requestSize: Histogram;
  readonly responseSize: Histogram;
  readonly own: Histogram | undefined;

  constructor(instruments: Instruments, attributes: Attributes, startUnixNs: bigint) {
    const { duration, requestSize, responseSize, own } = instruments;
    this.attributes = attributes;
    this.startUnixNs = startUnixNs;
    this.duration = new Histogram(duration.bounds);
    this.requestSize = new Histogram(requestSize.bounds);
    this.responseSize = new Histogram(responseSize.bounds);
    this.own = own === undefined ? undefined : new Histogram(own.bounds);
  }
}
