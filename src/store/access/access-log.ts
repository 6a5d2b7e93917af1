/**
 * The plugins `access_logs` and `debug`: exchanges on standard output, as lines of JSON or for
 * people. Which mode an exchange has is decided by the plugin's rules, before.
 */
import type { Level } from '../../config/levels.ts';
import type { Counters } from '../../telemetry/counters.ts';
import { sizeOf } from '../printer.ts';
import type { RecordInput } from '../record-input.ts';
import type { StandardOutput } from '../standard-output.ts';
import { consoleText } from './console-text.ts';
import { jsonText } from './json-text.ts';

export interface AccessLogOptions {
  readonly format: 'json' | 'console';
  /** Status classes in colours (format console). */
  readonly isColoured: boolean;
  /** Shared with whatever else prints. */
  readonly output: StandardOutput;
  readonly counters: Counters;
}

export class AccessLog {
  readonly #options: AccessLogOptions;

  constructor(options: AccessLogOptions) {
    this.#options = options;
  }

  /**
   * `mode`: one line at summary, headers from details on, bodies at full. `input` holds what that
   * asks for, whatever its level; it is not to be changed afterwards.
   */
  add(input: RecordInput, mode: Level): void {
    if (mode === 'none') return;
    const { format, isColoured, output, counters } = this.#options;
    output.add({
      sizeBytes: sizeOf(input),
      text: () =>
        format === 'json'
          ? jsonText(input, mode, counters)
          : consoleText(input, mode, { isColoured, counters }),
      printed: () => counters.add('access.printed'),
      dropped: () => counters.add('dropped.access_log'),
    });
  }
}
