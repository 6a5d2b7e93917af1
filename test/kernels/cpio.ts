/**
 * Writes a cpio archive in the form the kernel unpacks as its first root (initramfs, "newc"):
 * a header of 110 ASCII characters, the name, the data, each padded to 4 bytes.
 * Source: Documentation/driver-api/early-userspace/buffer-format.rst of the kernel.
 */
import { closeSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

const DIRECTORY = 0o040755;
const REGULAR = 0o100000;

export class CpioWriter {
  readonly #fd: number;
  readonly #names = new Set<string>();
  #inode = 0;

  constructor(path: string) {
    this.#fd = openSync(path, 'w');
  }

  /** `name` is absolute in the guest; folders above it are made. */
  directory(name: string): void {
    if (name === '/' || this.#names.has(name)) return;
    this.#folderOf(name);
    this.#entry(name, DIRECTORY, Buffer.alloc(0));
  }

  file(name: string, data: string | Buffer, mode = 0o644): void {
    if (this.#names.has(name)) return;
    this.#folderOf(name);
    this.#entry(name, REGULAR | mode, Buffer.from(data));
  }

  /** A file of this machine, with its mode. */
  copy(name: string, source: string): void {
    if (!this.#names.has(name))
      this.file(name, readFileSync(source), statSync(source).mode & 0o777);
  }

  close(): void {
    this.#entry('/TRAILER!!!', 0, Buffer.alloc(0));
    closeSync(this.#fd);
  }

  #folderOf(name: string): void {
    this.directory(dirname(name));
  }

  #entry(name: string, mode: number, data: Buffer): void {
    this.#names.add(name);
    this.#inode += 1;
    const path = name.slice(1);
    // inode, mode, uid, gid, links, mtime, size, device and special device (two each), name, check
    const fields = [this.#inode, mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, path.length + 1, 0];
    const hex = fields.map((value) => value.toString(16).padStart(8, '0')).join('');
    this.#write(Buffer.from(`070701${hex}${path}\0`));
    this.#write(data);
  }

  #write(data: Buffer): void {
    writeSync(this.#fd, data);
    const gap = -data.length & 3;
    if (gap > 0) writeSync(this.#fd, Buffer.alloc(gap));
  }
}
