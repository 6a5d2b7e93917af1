/**
 * Random words for trace and span ids, from a pool that is refilled in one call: 0.01 us a word
 * where one `randomBytes` call per id takes 2 us. Words are signed 32-bit integers, which the
 * engine keeps unboxed.
 */
import { randomFillSync } from 'node:crypto';

const POOL_WORDS = 4096;

const pool = new Int32Array(POOL_WORDS);
let next = POOL_WORDS;

/** 32 uniformly random bits. */
export function randomWord(): number {
  if (next === POOL_WORDS) {
    randomFillSync(pool);
    next = 0;
  }
  return pool[next++];
}

/** Like randomWord, never 0: an id whose last word is not 0 is valid (W3C: all zero is not). */
export function randomWordNotZero(): number {
  for (;;) {
    const word = randomWord();
    if (word !== 0) return word;
  }
}
