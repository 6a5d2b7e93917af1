/** `spantap replay FILE`: a recording through the whole pipeline, in one thread and without root. */
import { readEventFile, readEventFileHead } from '../capture/event-file.ts';
import type { ReplayCommand } from '../config/command-line.ts';
import { createReplay } from '../replay.ts';
import { Counters } from '../telemetry/counters.ts';
import { createLog } from '../telemetry/log.ts';
import { formatSummary } from '../telemetry/status.ts';

const FLUSH_DEADLINE_MS = 10_000;

export async function replay(line: ReplayCommand): Promise<number> {
  const { file, level } = line;
  const log = createLog(line.log);
  const counters = new Counters();
  const head = readEventFileHead(file);
  const { replay: run, delivery } = await createReplay({
    head,
    counters,
    log,
    level,
    env: process.env,
  });
  try {
    for (const item of readEventFile(file)) {
      if (item.kind === 'note') run.note(item.value);
      else run.pipeline.consume(item.bytes);
    }
  } finally {
    // Damage ends a replay, but what came before it was read and is shown.
    run.pipeline.finish();
    await delivery.close(FLUSH_DEADLINE_MS);
    log.info(formatSummary(counters));
  }
  return 0;
}
