/** Which format a scraper wants: RFC 9110 12.5.1, for the two that there are. */
import type { Format } from './writer.ts';

const OPENMETRICS = 'application/openmetrics-text';

/** OpenMetrics only for who names it, in a version that is ours, and prefers it. */
export function chooseFormat(accept: string | undefined): Format {
  let openMetrics = 0;
  let text = 0;
  for (const range of (accept ?? '').toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    const quality = qualityOf(parameters);
    if (type === OPENMETRICS && isOurVersion(parameters)) {
      openMetrics = Math.max(openMetrics, quality);
    } else if (['text/plain', 'text/*', '*/*'].includes(type)) text = Math.max(text, quality);
  }
  return openMetrics > 0 && openMetrics >= text ? 'openmetrics' : 'text';
}

function qualityOf(parameters: readonly string[]): number {
  const given = parameters.find((parameter) => parameter.startsWith('q='));
  const quality = given === undefined ? 1 : Number(given.slice(2));
  return Number.isFinite(quality) ? quality : 0;
}

function isOurVersion(parameters: readonly string[]): boolean {
  const given = parameters.find((parameter) => parameter.startsWith('version='));
  return given === undefined || ['1.0.0', '0.0.1'].includes(given.slice('version='.length));
}
