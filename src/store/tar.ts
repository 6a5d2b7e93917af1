/** Members of a tar file: POSIX.1-1988 ustar, names of at most 100 bytes, sizes below 8 GiB. */
export const TAR_BLOCK = 512;
/** Two blocks of zeros end a file. */
export const TAR_END: Uint8Array = Buffer.alloc(2 * TAR_BLOCK);

const CHECKSUM_AT = 148;
const CHECKSUM_BYTES = 8;

/** Header, content, padding. */
export function memberChunks(name: string, content: Uint8Array, timeMs: number): Uint8Array[] {
  const padding = Buffer.alloc((TAR_BLOCK - (content.length % TAR_BLOCK)) % TAR_BLOCK);
  return [header(name, content.length, timeMs), content, padding];
}

function header(name: string, sizeBytes: number, timeMs: number): Buffer {
  const block = Buffer.alloc(TAR_BLOCK);
  block.write(name, 0, 100);
  block.write('0000600\0', 100);
  block.write('0000000\0', 108);
  block.write('0000000\0', 116);
  block.write(octal(sizeBytes, 12), 124);
  block.write(octal(Math.floor(timeMs / 1000), 12), 136);
  block.fill(' ', CHECKSUM_AT, CHECKSUM_AT + CHECKSUM_BYTES);
  block.write('0', 156);
  block.write('ustar\u000000', 257);
  block.write(`${octal(sumOf(block), 7)} `, CHECKSUM_AT);
  return block;
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, '0')}\0`;
}

function sumOf(block: Uint8Array): number {
  return block.reduce((sum, byte) => sum + byte, 0);
}

/** How much of the bytes is whole members: what is behind was cut. */
export function wholeMembersBytes(bytes: Buffer): number {
  let at = 0;
  while (at + TAR_BLOCK <= bytes.length) {
    const block = Buffer.from(bytes.subarray(at, at + TAR_BLOCK));
    const sum = Number.parseInt(block.toString('latin1', CHECKSUM_AT, CHECKSUM_AT + 6), 8);
    block.fill(' ', CHECKSUM_AT, CHECKSUM_AT + CHECKSUM_BYTES);
    const sizeBytes = Number.parseInt(block.toString('latin1', 124, 135), 8);
    if (sum !== sumOf(block) || !Number.isFinite(sizeBytes)) break;
    const end = at + TAR_BLOCK + Math.ceil(sizeBytes / TAR_BLOCK) * TAR_BLOCK;
    if (end > bytes.length) break;
    at = end;
  }
  return at;
}
