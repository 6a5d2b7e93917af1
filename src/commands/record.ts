/** `spantap record FILE`: the raw event stream of a bounded time, for replay. */
import { release } from 'node:os';
import { Agent } from '../agent.ts';
import type { RecordCommand } from '../config/command-line.ts';
import { defaults } from '../config/file/load.ts';
import { VERSION } from '../config/version.ts';
import { EXPECTED_LAYOUT } from '../native/layout.gen.ts';
import { createLog } from '../telemetry/log.ts';
import { requireAll } from './require-all.ts';
import { untilSignal } from './signals.ts';

export async function record(line: RecordCommand): Promise<number> {
  requireAll();
  const log = createLog(line.log);
  log.warn(`${line.file} will hold traffic as it is, secrets included; only you can read it`);
  const { filters, file, bytesMax, secondsMax } = line;
  const config = defaults();
  const head = {
    eventVersion: EXPECTED_LAYOUT.version,
    spantap: VERSION,
    kernel: release(),
    arch: process.arch,
    monotonicNs: Number(process.hrtime.bigint()),
    epochMs: Date.now(),
  };
  const agent = await Agent.start({
    config: { ...config, capture: { ...config.capture, ...filters, level: 'full' } },
    log,
    env: process.env,
    recording: { file, bytesMax, secondsMax, head },
  });
  log.info(`watching ${agent.describe()}: at most ${secondsMax} s and ${bytesMax} bytes`);
  const reason = await Promise.race([
    agent.ended.then(() => 'the limit was reached'),
    untilSignal().then(() => 'asked to stop'),
  ]);
  await agent.stop();
  const counters = agent.counters();
  log.info(
    `${reason}: ${counters.get('kernel.events')} events, ${counters.get('lost.ring_full')} lost`,
  );
  return 0;
}
