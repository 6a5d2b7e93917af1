/** The memory of another process, as /proc/PID/mem gives it: it may change between two reads. */
import { readSync } from 'node:fs';
import { withFile } from './files.ts';

export interface Memory {
  /** Bytes from `address` on; fewer, or none, where they cannot be read. */
  read(address: number, lenBytes: number): Buffer;
}

/** What `use` says of a process's memory; undefined when it may not be read. */
export function withMemory<T>(
  pid: number,
  root: string,
  use: (memory: Memory) => T,
): T | undefined {
  return withFile(`${root}/${pid}/mem`, (file) => use(memoryOf(file)));
}

function memoryOf(file: number): Memory {
  return {
    read: (address, lenBytes) => {
      const buffer = Buffer.allocUnsafe(lenBytes);
      try {
        return buffer.subarray(0, readSync(file, buffer, 0, lenBytes, address));
      } catch {
        return buffer.subarray(0, 0);
      }
    },
  };
}

/** A word of 64 bits as a double, 0 beyond the end: addresses of user space are exact. */
export function wordAt(bytes: Buffer, offset: number): number {
  if (offset + 8 > bytes.length) return 0;
  return bytes.readUInt32LE(offset) + bytes.readUInt32LE(offset + 4) * 4_294_967_296;
}

/** The word at an address, 0 when it cannot be read. */
export function pointerAt(memory: Memory, address: number): number {
  return wordAt(memory.read(address, 8), 0);
}
