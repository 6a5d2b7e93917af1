/** How much of an exchange is kept; rows have them as indices. `headers` in a file is `details`. */
export const LEVELS = ['none', 'summary', 'details', 'full'] as const;
export type Level = (typeof LEVELS)[number];

/** Index by name, as decisions have it: more is kept the higher it is. */
export const RANK: Readonly<Record<Level, number>> = { none: 0, summary: 1, details: 2, full: 3 };

/** Of an exchange of which something is kept. */
export type KeptLevel = Exclude<Level, 'none'>;
