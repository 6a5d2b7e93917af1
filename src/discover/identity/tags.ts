/** `tags` of the file: values from a process's environment, its container and its pod. */
import type { TagConfig } from '../../config/file/types.ts';
import type { Environment } from '../proc/environment.ts';
import type { ContainerFacts } from '../runtime/types.ts';

export interface Tag {
  readonly key: string;
  readonly value: string;
  /** Where it comes from. */
  readonly config: TagConfig;
}

/** Environment variables that tags need. */
export function taggedVariables(tags: readonly TagConfig[]): string[] {
  return tags.filter(({ source }) => source === 'env').map(({ location }) => location);
}

/** Tags that have a value, in the order of the file. */
export function findTags(
  tags: readonly TagConfig[],
  environment: Environment,
  container: ContainerFacts | undefined,
): Tag[] {
  const found: Tag[] = [];
  for (const config of tags) {
    const value = valueOfTag(config, environment, container);
    if (value !== undefined) found.push({ key: config.key, value, config });
  }
  return found;
}

function valueOfTag(
  { source, location }: TagConfig,
  environment: Environment,
  container: ContainerFacts | undefined,
): string | undefined {
  switch (source) {
    case 'env':
      return environment.get(location);
    case 'container.label':
      return container?.labels.get(location);
    case 'k8s.label':
      return container?.pod?.labels.get(location);
    case 'k8s.annotation':
      return container?.pod?.annotations.get(location);
  }
}

/** Attributes of tags: their own name, and that of the conventions for where they come from. */
export function tagAttributes(tags: readonly Tag[]): Record<string, string> {
  const attributes: Record<string, string> = {};
  for (const { key, value, config } of tags) {
    const names = [`spantap.tag.${key}`, conventionalName(config)];
    // Of several tags with one key, the first counts.
    for (const name of names) if (name !== undefined) attributes[name] ??= value;
  }
  return attributes;
}

/** Semantic conventions: container and k8s resource attributes. */
function conventionalName({ source, location }: TagConfig): string | undefined {
  switch (source) {
    case 'env':
      return undefined;
    case 'container.label':
      return `container.label.${location}`;
    case 'k8s.label':
      return `k8s.pod.label.${location}`;
    case 'k8s.annotation':
      return `k8s.pod.annotation.${location}`;
  }
}
