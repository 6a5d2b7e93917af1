/**
 * Which candidate is believed: the only one that several independent samples have in common. A sample
 * is one connection in one look. What chance, or a change while it was read, adds to one of them is
 * not in the others; what is always there beside the right one makes it ambiguous, and nothing is
 * believed.
 */
import type { Candidate, Sample } from './structures.ts';

/** Samples that have to agree, and looks that they have to come from. */
const SAMPLES_MIN = 4;
const LOOKS_MIN = 2;
/** More of them change nothing. */
const SAMPLES_MAX = 256;

interface Tally {
  readonly candidate: Candidate;
  samples: number;
  looks: number;
  lastLook: number;
}

export class Votes {
  readonly #tallies = new Map<string, Tally>();
  #samples = 0;

  get samples(): number {
    return this.#samples;
  }

  add(look: number, samples: readonly Sample[]): void {
    for (const { candidates } of samples) {
      if (this.#samples >= SAMPLES_MAX) return;
      this.#samples++;
      const distinct = new Map(candidates.map((each) => [Object.values(each).join(), each]));
      for (const [key, candidate] of distinct) this.#count(look, key, candidate);
    }
  }

  #count(look: number, key: string, candidate: Candidate): void {
    let tally = this.#tallies.get(key);
    if (tally === undefined) {
      tally = { candidate, samples: 0, looks: 0, lastLook: -1 };
      this.#tallies.set(key, tally);
    }
    tally.samples++;
    if (tally.lastLook !== look) tally.looks++;
    tally.lastLook = look;
  }

  /** Nothing else may have half as many votes. */
  get result(): Candidate | undefined {
    const [first, second] = [...this.#tallies.values()].sort((a, b) => b.samples - a.samples);
    if (first === undefined || first.samples < SAMPLES_MIN || first.looks < LOOKS_MIN) {
      return undefined;
    }
    return (second?.samples ?? 0) * 2 <= first.samples ? first.candidate : undefined;
  }
}
