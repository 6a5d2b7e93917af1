/** What rules can ask about a process: `src.process.*`, `src.container.*`, `src.pod.*`, `tags`. */
import type { HostFacts } from '../proc/host.ts';
import type { KnownContainer } from '../runtime/containers.ts';
import type { Labels } from '../runtime/types.ts';
import type { Observation } from './observation.ts';
import type { Tag } from './tags.ts';
import type { ProcessFields, ProcessSummary } from './types.ts';

/** As Docker abbreviates ids. */
const SHORT_ID = 12;

function shortId(id: string): string {
  return id.slice(0, SHORT_ID);
}

export function tagTexts(tags: readonly Tag[]): string[] {
  return tags.map(({ key, value }) => `${key}:${value}`);
}

/** What is not known has no field. */
export function fieldsOf(
  { info, owner }: Observation,
  host: HostFacts,
  container: KnownContainer | undefined,
  tags: readonly Tag[],
): ProcessFields {
  const fields: Record<string, string | number | readonly string[]> = {
    'src.process.binary': info.executableName,
    'src.process.pid': info.pid,
    'src.process.hostname': host.name,
    tags: tagTexts(tags),
  };
  if (info.executablePath !== '') fields['src.process.path'] = info.executablePath;
  if (owner !== undefined) fields['src.process.user.id'] = owner.id;
  if (owner?.name !== undefined) fields['src.process.user.name'] = owner.name;
  for (const { value, config } of tags) {
    if (config.source === 'env') fields[`src.process.env.${config.location}`] = value;
  }
  if (container !== undefined) addContainer(fields, container);
  return fields;
}

function addContainer(
  fields: Record<string, string | number | readonly string[]>,
  { ref, facts }: KnownContainer,
): void {
  fields['src.container.id'] = shortId(ref.id);
  if (facts === undefined) return;
  if (facts.name !== '') fields['src.container.name'] = facts.name;
  if (facts.image !== '') fields['src.container.image'] = facts.image;
  addLabels(fields, 'src.container.labels', facts.labels);
  if (facts.pod === undefined) return;
  fields['src.pod.name'] = facts.pod.name;
  if (facts.pod.namespace !== '') fields['src.pod.namespace'] = facts.pod.namespace;
  addLabels(fields, 'src.pod.labels', facts.pod.labels);
  addLabels(fields, 'src.pod.annotations', facts.pod.annotations);
}

function addLabels(
  fields: Record<string, string | number | readonly string[]>,
  name: string,
  labels: Labels,
): void {
  for (const [key, value] of labels) fields[`${name}.${key}`] = value;
}

export function summaryOf(
  { info }: Observation,
  container: KnownContainer | undefined,
): ProcessSummary {
  const pod = container?.facts?.pod;
  return {
    pid: info.pid,
    exe: info.executablePath,
    name: info.executableName,
    container: container === undefined ? undefined : nameAndImage(container),
    pod: pod === undefined ? undefined : { name: pod.name, namespace: pod.namespace },
  };
}

function nameAndImage({ ref, facts }: KnownContainer): { name: string; image: string } {
  return { name: facts?.name || shortId(ref.id), image: facts?.image ?? '' };
}
