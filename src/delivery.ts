/**
 * rules -> store -> export on the main thread: batches of finished exchanges in, records and spans
 * out. One object for one configuration; the next one takes over what it leaves as it is.
 *
 *     batch -> decide (rules, sampling) -> redact -> record, tell (plugins) -> export
 *
 * Rules see an exchange as it was; what comes after redaction never does.
 */
import { ArtifactNotes } from './artifact-notes.ts';
import type { Environment } from './config/environment.ts';
import type { Config } from './config/file/types.ts';
import { limits } from './config/limits.ts';
import { ConnectionEvents } from './connection-events.ts';
import { ExchangePlugins } from './exchange-plugins.ts';
import type { ExporterChoice } from './export/choose.ts';
import type { HttpMetrics, MetricRows } from './export/metrics/http-metrics.ts';
import type { HeldBodies } from './handoff/held-bodies.ts';
import type { ExchangeBatch } from './handoff/layout.ts';
import type { ConnectionReport } from './handoff/messages.ts';
import { type OutletContext, Outlets } from './outlets.ts';
import type { ProcessView } from './process-views.ts';
import { Recorder, type References } from './recorder.ts';
import { changesOf } from './rules/changes/facts.ts';
import { ChangeReports } from './rules/changes/report.ts';
import { Decider } from './rules/decide/decider.ts';
import type { Decisions } from './rules/decide/decisions.ts';
import { compileStacks, type Stacks } from './rules/decide/stacks.ts';
import { ExchangeSource } from './rules/fields/exchange-source.ts';
import { type FactSource, NO_FACTS } from './rules/fields/facts.ts';
import { BatchRedaction } from './rules/redaction/batch.ts';
import { type ConfiguredRedaction, configuredRedaction } from './rules/redaction/configured.ts';
import type { Redaction } from './rules/redaction/redaction.ts';
import { RateLimit } from './rules/sampling/rate-limit.ts';
import { Sampler } from './rules/sampling/sampler.ts';
import { readSamplerSettings } from './rules/sampling/settings.ts';
import { type MostCopied, mostCopied } from './rules/sets/most-copied.ts';
import { isInternalText } from './rules/values/address.ts';
import { RecordBuilder } from './store/record-builder.ts';

export interface DeliveryContext extends OutletContext {
  /** By index as in a batch's `process` column. */
  readonly viewOf: (index: number) => ProcessView;
  readonly processOf: (report: ConnectionReport) => ProcessView;
}

/** One configuration, and what lasts longer than it. */
export interface DeliveryInput {
  readonly config: Config;
  /** With what the file says in the words of the OTEL_* variables. */
  readonly env: Environment;
  readonly context: DeliveryContext;
  /** Counts exchanges as long as somebody reads it. */
  readonly metrics?: { readonly http: HttpMetrics | undefined };
}

interface Parts {
  readonly stacks: Stacks;
  readonly outlets: Outlets;
  readonly redaction: ConfiguredRedaction;
  readonly decider: Decider;
  readonly recorder: Recorder;
  readonly plugins: ExchangePlugins;
  readonly connections: ConnectionEvents;
  readonly metrics: DeliveryInput['metrics'];
}

export class Delivery {
  readonly #parts: Parts;
  readonly #redact: BatchRedaction;

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.#redact = new BatchRedaction(parts.redaction.redaction);
  }

  /**
   * `before`: the delivery of the last configuration, which goes on until it is closed.
   * @throws AgentError when a store, an endpoint or a certificate cannot be used
   */
  static async open(input: DeliveryInput, before?: Delivery): Promise<Delivery> {
    const { config, env, context, metrics } = input;
    const stacks = await compileStacks(config, config.capture.level);
    const redaction = configuredRedaction(config.redaction);
    const isRedacted = !redaction.isStandard;
    const outlets = await Outlets.open({ config, env, isRedacted, context }, before?.outlets);
    const source = new ExchangeSource(factsOf(context));
    const builder = createBuilder(config, redaction, context);
    return new Delivery({
      stacks,
      outlets,
      redaction,
      metrics,
      decider: createDecider(input, stacks, source),
      recorder: createRecorder(config, stacks, redaction, outlets, builder, context),
      plugins: createPlugins(stacks, source, builder, redaction.redaction, outlets, context),
      connections: createConnections(outlets, context),
    });
  }

  get outlets(): Outlets {
    return this.#parts.outlets;
  }

  /** Where spans go. */
  get choice(): ExporterChoice {
    return this.outlets.exporter.choice;
  }

  /** Connections are to be reported. */
  get wantsConnections(): boolean {
    return this.outlets.events.wantsConnections;
  }

  /** What the kernel side has to copy. */
  get mostCopied(): MostCopied {
    return mostCopied(
      this.#parts.stacks.all.flatMap(({ capture, accessLogs }) => [
        capture.set,
        ...accessLogs.map(({ set }) => set),
      ]),
    );
  }

  /**
   * Reads the batch, changes its columns, and keeps nothing of it: when bodies have to be read first
   * (they did not cross with it), from the time when the promise resolves. Until then no other batch
   * may come, see BatchLine.
   */
  add(batch: ExchangeBatch, bodies?: HeldBodies): Promise<void> | undefined {
    const { decider, recorder, plugins, metrics } = this.#parts;
    const decisions = decider.decide(batch);
    plugins.decide(batch, decisions.stacks);
    recorder.open(batch, decisions);
    const visible = this.#redact.apply(batch, (row) => this.#isRewritten(row, decisions));
    metrics?.http?.add(visible, this.#measured(decisions));
    plugins.add(visible, decisions.stacks);
    const references = recorder.add(visible, decisions, bodies);
    if (references instanceof Promise) {
      return references.then((found) => this.#export(visible, decisions, found));
    }
    this.#export(visible, decisions, references);
    return undefined;
  }

  #export(batch: ExchangeBatch, decisions: Decisions, references: References): void {
    const { levels, kept, thresholds } = decisions;
    this.outlets.exporter.exporter.add(batch, { levels, kept, thresholds, references });
  }

  /** Stacks with the plugin http_metrics are counted; of what is kept there is a span. */
  #measured({ stacks, kept }: Decisions): MetricRows {
    const { all } = this.#parts.stacks;
    return {
      isCounted: (row) => all[stacks[row]].hasMetrics,
      isKept: (row) => kept[row] === 1,
    };
  }

  /** What the capture worker says of connections: events, where somebody takes them. */
  tell(reports: readonly ConnectionReport[]): void {
    this.#parts.connections.take(reports);
  }

  /** Sends and stores what waits, and ends what `next` did not take over. */
  async close(deadlineMs: number, next?: Delivery): Promise<void> {
    await this.outlets.close(deadlineMs, next?.outlets);
  }

  /**
   * Spans mask the standard lists where they read them, which is cheaper than a new head; metrics
   * show nothing that those cover, but the host, which a rule may.
   */
  #isRewritten(row: number, decisions: Decisions): boolean {
    const { recorder, plugins, redaction, metrics, stacks } = this.#parts;
    if (recorder.isWanted(row, decisions)) return true;
    if (plugins.isWanted(row, decisions.stacks)) return true;
    if (redaction.isStandard) return false;
    const isMeasured = metrics?.http !== undefined && stacks.all[decisions.stacks[row]].hasMetrics;
    return isMeasured || decisions.kept[row] === 1;
  }
}

function factsOf({ viewOf }: DeliveryContext): FactSource {
  return { process: (index) => viewOf(index).facts, connection: () => NO_FACTS, link: changesOf };
}

function createDecider(
  { config, env, context }: DeliveryInput,
  stacks: Stacks,
  source: ExchangeSource,
): Decider {
  const { counters, log } = context;
  const isThinnedByRules = stacks.all.some(({ capture }) =>
    capture.set.rules.some(({ sample }) => sample !== null && sample < 1),
  );
  const { name, ratio, warnings } = readSamplerSettings(env);
  for (const warning of warnings) log.warn(warning);
  const { maxPerSecond } = config.sampling;
  const options = { name, ratio, isThinnedByRules, tracesMax: limits.samplerTracesMax };
  return new Decider({
    stacks,
    source,
    counters,
    facts: factsOf(context),
    sampler: new Sampler(options, counters),
    rateLimit: maxPerSecond === undefined ? undefined : new RateLimit(maxPerSecond),
  });
}

function createBuilder(
  { limits: bounds }: Config,
  { redaction }: ConfiguredRedaction,
  { viewOf, clock, counters }: DeliveryContext,
): RecordBuilder {
  return new RecordBuilder({
    redaction,
    counters,
    processOf: viewOf,
    toUnixMs: (timeNs) => clock.toUnixMs(timeNs),
    isInternal: isInternalText,
    decodedBytesMax: bounds.decodedBodyBytes,
  });
}

function createRecorder(
  { services }: Config,
  { all }: Stacks,
  { redaction }: ConfiguredRedaction,
  { objects, events }: Outlets,
  builder: RecordBuilder,
  { counters }: DeliveryContext,
): Recorder {
  const changes = new ChangeReports(redaction, counters);
  const notes = new ArtifactNotes(services.objectStores, events);
  const { coversBodies } = redaction;
  return new Recorder({ builder, changes, coversBodies, notes }, all, objects);
}

function createPlugins(
  { all: stacks }: Stacks,
  source: ExchangeSource,
  builder: RecordBuilder,
  { coversBodies }: Redaction,
  { events: stores }: Outlets,
  { output, counters }: DeliveryContext,
): ExchangePlugins {
  const isColoured = process.stdout.isTTY === true && (process.env.NO_COLOR ?? '') === '';
  const parts = { stacks, source, builder, stores, output, isColoured, coversBodies, counters };
  return new ExchangePlugins(parts);
}

function createConnections({ events }: Outlets, context: DeliveryContext): ConnectionEvents {
  const { processOf, clock } = context;
  return new ConnectionEvents({
    processOf,
    toUnixMs: (timeNs) => clock.toUnixMs(timeNs),
    add: (event) => events.add(event),
  });
}
