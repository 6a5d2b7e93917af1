/** What `spantap record` keeps: the ring in a file, until that is large or old enough. */
import { type EventFileHead, EventFileWriter } from './event-file.ts';

export interface RecordingOptions {
  readonly file: string;
  readonly bytesMax: number;
  readonly secondsMax: number;
  readonly head: EventFileHead;
}

export class Recording extends EventFileWriter {
  readonly #options: RecordingOptions;
  readonly #startNs: number;

  constructor(options: RecordingOptions, startNs: number) {
    super(options.file, options.head);
    this.#options = options;
    this.#startNs = startNs;
  }

  isFull(nowNs: number): boolean {
    const { bytesMax, secondsMax } = this.#options;
    return this.bytes >= bytesMax || nowNs - this.#startNs >= secondsMax * 1e9;
  }
}
