/** Ending by signal: once asks for a clean stop, twice ends at once. */

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
/** 128 + SIGINT, as a shell reports it. */
const EXIT_IMPATIENT = 130;

/** Resolves at the first SIGINT or SIGTERM. */
export async function untilSignal(): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const signal of SIGNALS) process.once(signal, () => resolve());
  });
  for (const signal of SIGNALS) process.once(signal, () => process.exit(EXIT_IMPATIENT));
}
