/** Small spools, and what happened to them. */

import type { SpoolEntry } from '../../src/spool/entry.ts';
import type { Durability, SpoolEvents } from '../../src/spool/spool.ts';
import { Spool, type SpoolLimits } from '../../src/spool/spool.ts';

export const SMALL: SpoolLimits = {
  bytesMax: 1024 * 1024,
  segmentsMax: 64,
  segmentBytesMax: 16 * 1024,
  bufferBytesMax: 512 * 1024,
  recordBytesMax: 256 * 1024,
};

export class Noted implements SpoolEvents {
  damagedBytes = 0;
  failures: string[] = [];
  readonly #recovered = Promise.withResolvers<void>();
  damaged(bytes: number): void {
    this.damagedBytes += bytes;
  }
  failing(error: Error): void {
    this.failures.push(error.message);
  }
  get recovery(): Promise<void> {
    return this.#recovered.promise;
  }
  recovered(): void {
    this.#recovered.resolve();
  }
}

export async function openSpool(
  folder: string,
  limits: Partial<SpoolLimits> = {},
  durability: Durability = 'process',
): Promise<{ spool: Spool; noted: Noted }> {
  const noted = new Noted();
  const options = { limits: { ...SMALL, ...limits }, durability, events: noted };
  return { spool: await Spool.open(folder, options), noted };
}

export const text = (entry: SpoolEntry | undefined): string | undefined =>
  entry && Buffer.from(entry.payload).toString();

/** Takes and acknowledges all there is. */
export async function drain(spool: Spool): Promise<string[]> {
  const found: string[] = [];
  for (let entry = await spool.take(); entry; entry = await spool.take()) {
    found.push(Buffer.from(entry.payload).toString());
    entry.ack();
  }
  await spool.written();
  return found;
}
