/** Ending by signal: once asks for a clean stop, once more ends at once. */

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
/** 128 + SIGINT, as a shell reports it. */
const EXIT_IMPATIENT = 130;
/** Ctrl-C reaches the agent from the terminal and from npm, a signal of `timeout` comes twice. */
const TOGETHER_MS = 500;

/** Resolves at the first SIGINT or SIGTERM, or one of `more`. */
export async function untilSignal(more: readonly NodeJS.Signals[] = []): Promise<void> {
  await new Promise<void>((resolve) => {
    let askedMs: number | undefined;
    const ask = () => {
      const nowMs = performance.now();
      askedMs ??= nowMs;
      if (nowMs - askedMs > TOGETHER_MS) process.exit(EXIT_IMPATIENT);
      resolve();
    };
    for (const signal of [...SIGNALS, ...more]) process.on(signal, ask);
  });
}
