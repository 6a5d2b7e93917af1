/** What `spantap record` keeps: the ring in a file, until that is large or old enough, or its disk refuses. */
import { messageOf } from '../telemetry/agent-error.ts';
import { type EventFileHead, EventFileWriter } from './event-file.ts';

export interface RecordingOptions {
  readonly file: string;
  readonly bytesMax: number;
  readonly secondsMax: number;
  readonly head: EventFileHead;
}

export class Recording {
  readonly #file: EventFileWriter;
  readonly #endNs: number;
  readonly #warn: (message: string) => void;
  #isBroken = false;

  /** @throws AgentError `event_file` when the file cannot be created. */
  constructor(options: RecordingOptions, startNs: number, warn: (message: string) => void) {
    const { file, head, bytesMax, secondsMax } = options;
    this.#file = new EventFileWriter(file, head, bytesMax);
    this.#endNs = startNs + secondsMax * 1e9;
    this.#warn = warn;
  }

  isFull(nowNs: number): boolean {
    return this.#isBroken || this.#file.isFull || nowNs >= this.#endNs;
  }

  append(records: Uint8Array): void {
    this.#write(() => this.#file.append(records));
  }

  note(value: unknown): void {
    this.#write(() => this.#file.note(value));
  }

  close(): void {
    this.#file.close();
  }

  /** A disk that refuses ends the recording, and nothing else. */
  #write(write: () => void): void {
    if (this.#isBroken) return;
    try {
      write();
    } catch (error) {
      this.#isBroken = true;
      this.#warn(messageOf(error));
    }
  }
}
