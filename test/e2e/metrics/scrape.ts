/** /metrics as Prometheus asks for it, read by its own parser (scrape/main.go). */
import { spawnSync } from 'node:child_process';
import { scrapeReaderProgram } from '../../../tools/setup/scrape-reader.ts';

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly exemplar?: {
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
    readonly timeMs: number;
  };
}

export interface Family {
  readonly name: string;
  readonly type?: string;
  readonly unit?: string;
}

export interface Scrape {
  readonly contentType: string;
  readonly samples: readonly Sample[];
  readonly families: readonly Family[];
}

/** What Prometheus 3 sends. */
export const ACCEPT =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2';

export async function scrape(url: string, accept: string): Promise<Scrape> {
  const response = await fetch(url, { headers: { accept } });
  const contentType = response.headers.get('content-type') ?? '';
  const input = await response.text();
  const run = spawnSync(scrapeReaderProgram(), [contentType], { input, encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`Prometheus cannot read it: ${run.stderr}\n${input}`);
  const lines = run.stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  return {
    contentType,
    samples: lines.filter((line) => 'labels' in line),
    families: lines.filter((line) => 'name' in line),
  };
}

/** Samples `name` of a service. */
export function find({ samples }: Scrape, name: string, job: string): Sample[] {
  return samples.filter(({ labels }) => labels.__name__ === name && labels.job === job);
}
