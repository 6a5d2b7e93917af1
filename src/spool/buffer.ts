/** Records of a spool that are in no file yet: being written, and to be written after that. */
import type { Entry } from './entry.ts';
import { RECORD_HEADER_BYTES } from './format.ts';

const BATCH_RECORDS_MAX = 256;
const BATCH_BYTES_MAX = 1024 * 1024;

export class SpoolBuffer {
  #writing: Entry[] = [];
  readonly #waiting: Entry[] = [];
  #bytes = 0;

  /** With their headers. */
  get bytes(): number {
    return this.#bytes;
  }

  get records(): number {
    return this.#writing.length + this.#waiting.length;
  }

  add(entry: Entry): void {
    this.#waiting.push(entry);
    this.#bytes += entry.payload.length + RECORD_HEADER_BYTES;
  }

  /** The oldest that nobody has taken. */
  firstUntaken(): Entry | undefined {
    const isUntaken = ({ state }: Entry) => state === 'waiting';
    return this.#writing.find(isUntaken) ?? this.#waiting.find(isUntaken);
  }

  /** The oldest that is to be written; what was acknowledged in time never is. */
  first(): Entry | undefined {
    while (this.#waiting[0]?.state === 'done') this.#forget(this.#waiting.shift());
    return this.#waiting[0];
  }

  /** What is written now: the oldest, and as many behind it as fit into `roomBytes`. */
  beginWriting(roomBytes: number): readonly Entry[] {
    this.first();
    const bytesMax = Math.min(BATCH_BYTES_MAX, Math.max(0, roomBytes));
    let bytes = 0;
    let count = 0;
    for (const { payload } of this.#waiting) {
      bytes += payload.length + RECORD_HEADER_BYTES;
      if (count > 0 && (bytes > bytesMax || count === BATCH_RECORDS_MAX)) break;
      count++;
    }
    this.#writing = this.#waiting.splice(0, count);
    return this.#writing;
  }

  /** It is in a file; `wrote` is told of each. */
  endWriting(wrote: (entry: Entry, index: number) => void): void {
    this.#writing.forEach((entry, index) => {
      wrote(entry, index);
      this.#forget(entry);
    });
    this.#writing = [];
  }

  /** It is to be written again. */
  undoWriting(): void {
    this.#waiting.unshift(...this.#writing);
    this.#writing = [];
  }

  /** What is lost when nothing more is written. */
  get left(): readonly Entry[] {
    return this.#waiting.filter((entry) => entry.state !== 'done');
  }

  #forget(entry: Entry | undefined): void {
    this.#bytes -= (entry?.payload.length ?? 0) + RECORD_HEADER_BYTES;
  }
}
