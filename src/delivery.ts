/**
 * rules -> store -> export on the main thread: batches of finished exchanges in, records and spans
 * out. One object for one configuration; the next one takes over what it leaves as it is.
 *
 *     batch -> decide (rules, sampling) -> redact -> record -> export
 *
 * Rules see an exchange as it was; what comes after redaction never does.
 */
import type { Config } from './config/file/types.ts';
import { limits } from './config/limits.ts';
import type { SpanExporter } from './export/exporter.ts';
import type { ExchangeBatch } from './handoff/layout.ts';
import { ObjectStores } from './object-stores.ts';
import type { ProcessView } from './process-views.ts';
import { Recorder } from './recorder.ts';
import { Decider } from './rules/decide/decider.ts';
import type { Decisions } from './rules/decide/decisions.ts';
import { compileStacks, type Stacks } from './rules/decide/stacks.ts';
import { changesOf } from './rules/fields/changes.ts';
import { ExchangeSource } from './rules/fields/exchange-source.ts';
import { type FactSource, NO_FACTS } from './rules/fields/facts.ts';
import { BatchRedaction } from './rules/redaction/batch.ts';
import { type ConfiguredRedaction, configuredRedaction } from './rules/redaction/configured.ts';
import { RateLimit } from './rules/sampling/rate-limit.ts';
import { Sampler } from './rules/sampling/sampler.ts';
import type { SamplerSettings } from './rules/sampling/settings.ts';
import { type MostCopied, mostCopied } from './rules/sets/most-copied.ts';
import { isInternalText } from './rules/values/address.ts';
import { RecordBuilder } from './store/record-builder.ts';
import type { StoreLog } from './store/types.ts';
import type { Counters } from './telemetry/counters.ts';

export interface DeliveryContext {
  readonly counters: Counters;
  readonly log: StoreLog;
  readonly sampler: SamplerSettings;
  /** What is known of a process, by its index in a batch. */
  readonly processOf: (index: number) => ProcessView;
  /** Unix milliseconds of a monotonic time in nanoseconds. */
  readonly toUnixMs: (timeNs: number) => number;
}

interface Parts {
  readonly stacks: Stacks;
  readonly stores: ObjectStores;
  readonly redaction: ConfiguredRedaction;
  readonly decider: Decider;
  readonly recorder: Recorder;
}

export class Delivery {
  readonly #parts: Parts;
  readonly #redact: BatchRedaction;
  #exporter: SpanExporter | undefined;

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.#redact = new BatchRedaction(parts.redaction.redaction);
  }

  /**
   * `before`: the delivery of the last configuration, which goes on until it is closed.
   * @throws AgentError when a store cannot be used
   */
  static async open(
    config: Config,
    context: DeliveryContext,
    before?: Delivery,
  ): Promise<Delivery> {
    const stacks = await compileStacks(config, config.capture.level);
    const redaction = configuredRedaction(config.redaction);
    const builder = createBuilder(config, redaction, context);
    const decider = createDecider(config, stacks, context);
    const { objectStores } = config.services;
    const stores = await ObjectStores.open(objectStores, context, before?.stores);
    const recorder = new Recorder(builder, stacks.all, stores);
    return new Delivery({ stacks, stores, redaction, decider, recorder });
  }

  /** Spans of this delivery go there. */
  exportTo(exporter: SpanExporter): void {
    this.#exporter = exporter;
  }

  get stores(): ObjectStores {
    return this.#parts.stores;
  }

  /** Secrets were taken out by rules of the file before spans are built. */
  get isRedacted(): boolean {
    return !this.#parts.redaction.isStandard;
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

  /** Reads the batch, changes its columns, and keeps nothing of it. */
  add(batch: ExchangeBatch): void {
    const { decider, recorder } = this.#parts;
    const decisions = decider.decide(batch);
    const visible = this.#redact.apply(batch, (row) => this.#isRewritten(row, decisions));
    const references = recorder.add(visible, decisions, () => undefined);
    const { levels, kept, thresholds } = decisions;
    this.#exporter?.add(visible, { levels, kept, thresholds, references });
  }

  /** Sends and stores what waits, and ends what `next` did not take over. */
  async close(deadlineMs: number, next?: Delivery): Promise<void> {
    await this.stores.close(deadlineMs, next?.stores);
  }

  /** Spans mask the standard lists where they read them, which is cheaper than a new head. */
  #isRewritten(row: number, decisions: Decisions): boolean {
    if (this.#parts.recorder.isWanted(row, decisions)) return true;
    return this.isRedacted && decisions.kept[row] === 1;
  }
}

function createDecider(
  { sampling, stacks: configured }: Config,
  stacks: Stacks,
  { sampler, counters, processOf }: DeliveryContext,
): Decider {
  const facts: FactSource = {
    process: (index) => processOf(index).facts,
    connection: () => NO_FACTS,
    link: changesOf,
  };
  const isThinnedByRules = Object.values(configured).some(({ plugins }) =>
    plugins.some(
      (plugin) =>
        plugin.type === 'http_capture' &&
        plugin.config.rules.some(({ sample }) => sample !== undefined && sample < 1),
    ),
  );
  const { name, ratio } = sampler;
  const options = { name, ratio, isThinnedByRules, tracesMax: limits.samplerTracesMax };
  return new Decider({
    stacks,
    facts,
    counters,
    source: new ExchangeSource(facts),
    sampler: new Sampler(options, counters),
    rateLimit:
      sampling.maxPerSecond === undefined ? undefined : new RateLimit(sampling.maxPerSecond),
  });
}

function createBuilder(
  { limits: bounds }: Config,
  { redaction }: ConfiguredRedaction,
  { processOf, toUnixMs, counters }: DeliveryContext,
): RecordBuilder {
  return new RecordBuilder({
    redaction,
    processOf,
    toUnixMs,
    counters,
    isInternal: isInternalText,
    decodedBytesMax: bounds.decodedBodyBytes,
  });
}
