/**
 * The plugins of stacks that only tell of exchanges: `access_logs` and `debug` (standard output),
 * `report_usage` (the first event store). Each exchange is asked about, whatever http_capture and
 * sampling decide of its span.
 *
 *     decide (rules of access logs see the exchange as it was) -> redact -> add
 */

import { LEVELS, RANK } from './config/levels.ts';
import type { EventStores } from './event-stores.ts';
import { ExchangeView } from './handoff/batch.ts';
import type { ExchangeBatch } from './handoff/layout.ts';
import type { AccessLogs, Stack, Usage } from './rules/decide/stacks.ts';
import type { ExchangeSource } from './rules/fields/exchange-source.ts';
import { createVerdict, evaluate } from './rules/sets/rule-set.ts';
import { AccessLog } from './store/access/access-log.ts';
import { requestEvent } from './store/events/request-event.ts';
import type { EventStore } from './store/events/types.ts';
import { type BodyForms, bodyFormsOf, type RecordBuilder } from './store/record-builder.ts';
import type { RecordInput } from './store/record-input.ts';
import type { StandardOutput } from './store/standard-output.ts';
import type { Counters } from './telemetry/counters.ts';

export interface ExchangePluginsParts {
  /** Those of the decisions, by index. */
  readonly stacks: readonly Stack[];
  /** Used by nobody else between `decide` and the end of that call. */
  readonly source: ExchangeSource;
  readonly builder: RecordBuilder;
  readonly stores: EventStores;
  readonly output: StandardOutput;
  /** Whether redaction looks into bodies. */
  readonly coversBodies: boolean;
  /** Whether standard output is a terminal that shows colours. */
  readonly isColoured: boolean;
  readonly counters: Counters;
}

interface Printing {
  readonly set: AccessLogs['set'];
  readonly log: AccessLog;
}

interface StackPlugins {
  readonly printings: readonly Printing[];
  readonly usages: readonly Usage[];
}

const SUMMARY = RANK.summary;
const DETAILS = RANK.details;
const FULL = RANK.full;

export class ExchangePlugins {
  readonly #parts: ExchangePluginsParts;
  readonly #byStack: readonly StackPlugins[];
  readonly #store: EventStore | undefined;
  readonly #isIdle: boolean;
  readonly #verdict = createVerdict();
  /** By row: indices into LEVELS, one for each access log of the row's stack. */
  #modes: (readonly number[] | undefined)[] = [];
  readonly #view = new ExchangeView();
  /** By row: how bodies that are shown and redacted are to be read, as heads said that may be redacted, too. */
  #forms: (BodyForms | undefined)[] = [];

  constructor(parts: ExchangePluginsParts) {
    this.#parts = parts;
    this.#store = parts.stores.find(undefined);
    this.#byStack = parts.stacks.map((stack) => this.#pluginsOf(stack));
    this.#isIdle = this.#byStack.every((plugins) => isNothing(plugins));
  }

  /** Asks the rules of access logs about each row. `stacks`: index of the stack, by row. */
  decide(batch: ExchangeBatch, stacks: Uint8Array): void {
    this.#modes = [];
    if (this.#isIdle) return;
    const { source } = this.#parts;
    let isOpen = false;
    for (let row = 0; row < batch.count; row++) {
      const { printings } = this.#byStack[stacks[row]];
      if (printings.length === 0) continue;
      if (!isOpen) source.open(batch);
      isOpen = true;
      source.seek(row);
      this.#modes[row] = printings.map(
        ({ set }) => RANK[evaluate(set, source, this.#verdict).level],
      );
    }
    this.#readForms(batch);
  }

  #readForms(batch: ExchangeBatch): void {
    this.#forms = [];
    if (!this.#parts.coversBodies) return;
    const view = this.#view;
    view.open(batch);
    for (const [row, modes] of this.#modes.entries()) {
      if (modes?.includes(FULL) !== true) continue;
      view.seek(row);
      this.#forms[row] = bodyFormsOf(view);
    }
  }

  /** Whether a plugin tells of this row, so that its secrets are to be taken out. */
  isWanted(row: number, stacks: Uint8Array): boolean {
    if (this.#isIdle) return false;
    const isPrinted = this.#modes[row]?.some((mode) => mode >= SUMMARY) ?? false;
    return isPrinted || this.#byStack[stacks[row]].usages.length > 0;
  }

  /** `batch` without secrets. */
  add(batch: ExchangeBatch, stacks: Uint8Array): void {
    if (this.#isIdle) return;
    const { builder } = this.#parts;
    builder.open(batch);
    for (let row = 0; row < batch.count; row++) {
      if (!this.isWanted(row, stacks)) continue;
      const plugins = this.#byStack[stacks[row]];
      const level = this.#levelOf(plugins, row);
      this.#tell(plugins, row, builder.build(row, level, undefined, this.#forms[row]));
    }
  }

  /** As much of the exchange as any of its plugins shows. */
  #levelOf({ usages }: StackPlugins, row: number): number {
    const hasHeaders = usages.some(({ headers }) => headers.length > 0);
    return Math.max(hasHeaders ? DETAILS : SUMMARY, ...(this.#modes[row] ?? []));
  }

  #tell({ printings, usages }: StackPlugins, row: number, input: RecordInput): void {
    const modes = this.#modes[row] ?? [];
    printings.forEach(({ log }, index) => {
      log.add(input, LEVELS[modes[index]]);
    });
    for (const usage of usages) this.#store?.add(requestEvent(input, usage));
  }

  /** Without an event store nobody takes what report_usage tells. */
  #pluginsOf({ accessLogs, usages }: Stack): StackPlugins {
    const { output, isColoured, counters } = this.#parts;
    return {
      usages: this.#store === undefined ? [] : usages,
      printings: accessLogs.map(({ set, format }) => ({
        set,
        log: new AccessLog({ format, isColoured, output, counters }),
      })),
    };
  }
}

function isNothing({ printings, usages }: StackPlugins): boolean {
  return printings.length === 0 && usages.length === 0;
}
