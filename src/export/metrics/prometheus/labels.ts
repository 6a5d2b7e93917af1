/** `name="value",...` of one sample (Prometheus exposition formats, OpenMetrics 1.0). */
import type { AttributeValue } from '../../types.ts';
import type { Attributes } from '../types.ts';
import { sanitize } from './names.ts';

/** Set by us on every sample: what an attribute called alike would say is not lost with them. */
const RESERVED: ReadonlySet<string> = new Set(['job', 'instance', 'le']);

/** Names that become the same are joined with `;`, as the specification asks, in order. */
export function toLabels(attributes: Attributes): string {
  const labels = new Map<string, string>();
  for (const key of Object.keys(attributes).toSorted()) {
    const plain = sanitize(key);
    const name = RESERVED.has(plain) ? `${plain}_` : plain;
    const known = labels.get(name);
    const value = textOf(attributes[key]);
    labels.set(name, known === undefined ? value : `${known};${value}`);
  }
  return Array.from(labels, ([name, value]) => toLabel(name, value)).join(',');
}

export function toLabel(name: string, value: string): string {
  return `${name}="${quoted(value)}"`;
}

/** Of lists, the JSON. */
function textOf(value: AttributeValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function quoted(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}

/** As HELP has it: in OpenMetrics quotes are escaped too. */
export function toHelp(text: string, isOpenMetrics: boolean): string {
  const plain = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return isOpenMetrics ? plain.replaceAll('"', '\\"') : plain;
}
