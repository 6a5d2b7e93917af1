/**
 * What rules and records say about one observed process. Discovery gives it whole; of a recording
 * only the Resource is left, and read back from there.
 */

import type { ProcessSummary } from './discover/identity/types.ts';
import type { ResourceInfo } from './export/types.ts';
import type { Facts, FactValue } from './rules/fields/facts.ts';

export interface ProcessView {
  /** For rules, by the names of their fields. */
  readonly facts: Facts;
  /** For records. */
  readonly process: ProcessSummary;
  readonly tags: readonly string[];
}

/** Attributes of a Resource by the field that shows them. */
const FIELDS: Readonly<Record<string, string>> = {
  'src.process.path': 'process.executable.path',
  'src.process.binary': 'process.executable.name',
  'src.process.pid': 'process.pid',
  'src.process.hostname': 'host.name',
  'src.process.user.name': 'process.owner',
};

/** Key: the Resource, a new object for a changed process; gone with it. */
const views = new WeakMap<ResourceInfo, ProcessView>();

export function viewOf(resource: ResourceInfo): ProcessView {
  let view = views.get(resource);
  if (view === undefined) {
    view = createView(resource);
    views.set(resource, view);
  }
  return view;
}

function createView({ attributes }: ResourceInfo): ProcessView {
  const facts: Record<string, FactValue> = {};
  for (const [field, attribute] of Object.entries(FIELDS)) {
    const value = attributes[attribute];
    if (value !== undefined) facts[field] = value;
  }
  const text = (name: string) => String(attributes[name] ?? '');
  return {
    facts,
    process: {
      pid: Number(attributes['process.pid'] ?? 0),
      exe: text('process.executable.path'),
      name: text('process.executable.name') || text('service.name'),
      container: undefined,
      pod: undefined,
    },
    tags: [],
  };
}
