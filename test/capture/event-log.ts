/** Events as they come, kept: what the decoder hands out is used again for the next one. */
import type {
  CloseEvent,
  DataEvent,
  OpenEvent,
  ProcessEvent,
  RawEventSink,
} from '../../src/capture/types.ts';

/** With its payload as latin1; `bytes` are those of a later event when these are looked at. */
export type LoggedData = DataEvent & { readonly text: string };

export class EventLog implements RawEventSink {
  readonly opens: OpenEvent[] = [];
  readonly datas: LoggedData[] = [];
  readonly closes: CloseEvent[] = [];
  readonly processes: ProcessEvent[] = [];

  open(event: OpenEvent): void {
    this.opens.push({ ...event });
  }

  data(event: DataEvent): void {
    const payload = event.bytes.subarray(event.payloadStart, event.payloadEnd);
    this.datas.push({ ...event, text: Buffer.from(payload).toString('latin1') });
  }

  close(event: CloseEvent): void {
    this.closes.push({ ...event });
  }

  process(event: ProcessEvent): void {
    this.processes.push({ ...event });
  }
}
