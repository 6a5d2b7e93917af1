/**
 * Memory of pending bodies: blocks of one size, chained. Exact, because it is allocated once and
 * filled again: buffers of their own would be there until a garbage collection, which they cause.
 */

export const BLOCK_BYTES = 2048;
const SLAB_BLOCKS = 128;
/** Slabs (256 KiB) that stay when nothing is held. */
const KEPT_SLABS = 16;
const NONE = -1;

/** Of Buffer, which takes a range: `set` would need a view of it first. */
const { copy } = Buffer.prototype;

interface Slab {
  readonly bytes: Buffer;
  /** Of each block: the one after it in its chain. */
  readonly next: Int32Array;
}

/** Blocks of one body; `first` and `last` are -1 while there are none. */
export class BlockChain {
  first = NONE;
  last = NONE;
  blocks = 0;
  lenBytes = 0;
}

export class PendingMemory {
  readonly #blocksMax: number;
  readonly #slabs: Slab[] = [];
  #free = NONE;
  /** Blocks from here on were never taken. */
  #fresh = 0;
  #used = 0;

  constructor(bytesMax: number) {
    this.#blocksMax = Math.floor(bytesMax / BLOCK_BYTES);
  }

  /** Of the blocks that are in use. */
  get usedBytes(): number {
    return this.#used * BLOCK_BYTES;
  }

  /** Of the memory that is there, in use or not. */
  get allocatedBytes(): number {
    return this.#slabs.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /** Appends `lenBytes` of `source` from `at` on: all of them, or none when they do not fit. */
  append(chain: BlockChain, source: Uint8Array, at: number, lenBytes: number): boolean {
    const roomBytes = chain.blocks * BLOCK_BYTES - chain.lenBytes;
    const blocks = Math.ceil(Math.max(0, lenBytes - roomBytes) / BLOCK_BYTES);
    if (this.#used + blocks > this.#blocksMax) return false;
    for (let done = 0; done < lenBytes; ) {
      const used = chain.lenBytes % BLOCK_BYTES;
      if (chain.lenBytes === chain.blocks * BLOCK_BYTES) this.#extend(chain);
      const count = Math.min(lenBytes - done, BLOCK_BYTES - used);
      const start = (chain.last % SLAB_BLOCKS) * BLOCK_BYTES + used;
      copy.call(source, this.#slabOf(chain.last).bytes, start, at + done, at + done + count);
      chain.lenBytes += count;
      done += count;
    }
    return true;
  }

  /** Calls `take` with each piece of the chain, in order. */
  forEach(chain: BlockChain, take: (piece: Buffer) => void): void {
    let leftBytes = chain.lenBytes;
    for (let block = chain.first; leftBytes > 0; block = this.#nextOf(block)) {
      const start = (block % SLAB_BLOCKS) * BLOCK_BYTES;
      const count = Math.min(leftBytes, BLOCK_BYTES);
      take(this.#slabOf(block).bytes.subarray(start, start + count));
      leftBytes -= count;
    }
  }

  copyTo(chain: BlockChain, target: Uint8Array, at: number): void {
    let leftBytes = chain.lenBytes;
    for (let block = chain.first; leftBytes > 0; block = this.#nextOf(block)) {
      const start = (block % SLAB_BLOCKS) * BLOCK_BYTES;
      const count = Math.min(leftBytes, BLOCK_BYTES);
      this.#slabOf(block).bytes.copy(target, at + chain.lenBytes - leftBytes, start, start + count);
      leftBytes -= count;
    }
  }

  /** Gives all blocks of the chain back; it is empty then. */
  release(chain: BlockChain): void {
    if (chain.blocks === 0) return;
    this.#link(chain.last, this.#free);
    this.#free = chain.first;
    this.#used -= chain.blocks;
    chain.first = NONE;
    chain.last = NONE;
    chain.blocks = 0;
    chain.lenBytes = 0;
    if (this.#used === 0) this.#shrink();
  }

  #extend(chain: BlockChain): void {
    const block = this.#take();
    if (chain.first === NONE) chain.first = block;
    else this.#link(chain.last, block);
    chain.last = block;
    chain.blocks++;
  }

  #take(): number {
    this.#used++;
    const block = this.#free;
    if (block !== NONE) {
      this.#free = this.#nextOf(block);
      return block;
    }
    if (this.#fresh === this.#slabs.length * SLAB_BLOCKS) this.#grow();
    return this.#fresh++;
  }

  #grow(): void {
    const blocks = Math.min(SLAB_BLOCKS, this.#blocksMax - this.#fresh);
    const bytes = Buffer.allocUnsafeSlow(blocks * BLOCK_BYTES);
    this.#slabs.push({ bytes, next: new Int32Array(blocks) });
  }

  /** Nothing is held: what a burst took goes back. */
  #shrink(): void {
    this.#free = NONE;
    this.#fresh = 0;
    this.#slabs.length = Math.min(this.#slabs.length, KEPT_SLABS);
  }

  #slabOf(block: number): Slab {
    return this.#slabs[Math.trunc(block / SLAB_BLOCKS)];
  }

  #nextOf(block: number): number {
    return this.#slabOf(block).next[block % SLAB_BLOCKS];
  }

  #link(block: number, next: number): void {
    this.#slabOf(block).next[block % SLAB_BLOCKS] = next;
  }
}
