/**
 * What `doctor` says, as data: sections of lines, each with a mark. Building is pure, so that every
 * answer can be tested; printing is at the end of the file.
 */

import type { AgentError } from '../../telemetry/agent-error.ts';

/** good: as wanted. note: worth knowing. limit: works less well or later. bad: stops capture. */
export type Mark = 'good' | 'note' | 'limit' | 'bad';

export interface Line {
  readonly mark: Mark;
  readonly text: string;
  readonly todo?: string;
}

export interface Section {
  readonly title: string;
  readonly lines: readonly Line[];
}

export interface Report {
  readonly sections: readonly Section[];
  /** One sentence that answers the question. */
  readonly verdict: string;
  /** 0: captured (or can be). 1: not. */
  readonly exitCode: 0 | 1;
}

const SIGNS: Readonly<Record<Mark, string>> = {
  good: 'ok   ',
  note: '     ',
  limit: 'limit',
  bad: 'NO   ',
};

/** Text for a terminal or a bug report: no colours, one line per fact. */
export function formatReport(report: Report): string {
  const lines = report.sections.flatMap(({ title, lines: facts }) => [
    title,
    ...facts.flatMap(formatLine),
    '',
  ]);
  return [...lines, report.verdict].join('\n');
}

function formatLine({ mark, text, todo }: Line): string[] {
  const first = `  ${SIGNS[mark]}  ${text}`;
  return todo === undefined ? [first] : [first, `         what to do: ${todo}`];
}

export function hasBad(sections: readonly Section[]): boolean {
  return sections.some(({ lines }) => lines.some(({ mark }) => mark === 'bad'));
}

export function errorLine(error: AgentError): Line {
  const { todo } = error.text;
  return { mark: 'bad', text: error.message, ...(todo === undefined ? {} : { todo }) };
}
