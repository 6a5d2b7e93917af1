/**
 * OpenTelemetry Resource attributes of an observed process (semantic conventions: service, process,
 * host, os, container, k8s). A process may name its service and add what it likes; what the agent
 * sees for itself it cannot say otherwise.
 */
import type { HostFacts } from '../proc/host.ts';
import type { KnownContainer } from '../runtime/containers.ts';
import type { ContainerFacts, PodFacts } from '../runtime/types.ts';
import type { ProcessResource } from '../types.ts';
import { uuidV5 } from '../uuid.ts';
import { parseImage } from './image.ts';
import type { Observation } from './observation.ts';
import { type Tag, tagAttributes } from './tags.ts';

/** Namespace of service.instance.id, fixed by the semantic conventions. */
const INSTANCE_NAMESPACE = '4d63009a-8d0f-11ee-aad7-4c796ed8e320';

type Attributes = ProcessResource['attributes'];

export interface AttributeSources {
  readonly observation: Observation;
  readonly host: HostFacts;
  /** OTEL_RESOURCE_ATTRIBUTES of the process. */
  readonly given: ReadonlyMap<string, string>;
  /** The name that the process gives itself; '' none. */
  readonly serviceName: string;
  readonly container: KnownContainer | undefined;
  readonly tags: readonly Tag[];
  /** Of the agent. */
  readonly version: string;
}

export function attributesOf(sources: AttributeSources): Attributes {
  const { observation, host, given, serviceName, container, tags, version } = sources;
  return {
    'service.instance.id': instanceId(observation, host),
    ...Object.fromEntries(given),
    ...tagAttributes(tags),
    ...processAttributes(observation, host),
    ...(container === undefined ? {} : containerAttributes(container)),
    ...agentAttributes(host, version),
    'service.name': serviceName || observation.info.executableName,
  };
}

/** Of this host and this agent: the same for every process. */
export function agentAttributes(host: HostFacts, version: string): Attributes {
  return {
    'host.id': host.id,
    'host.name': host.name,
    'host.arch': host.arch,
    'os.type': 'linux',
    'telemetry.distro.name': 'spantap',
    'telemetry.distro.version': version,
  };
}

/** Workers are one service instance with the process that forked them. */
function instanceId({ first }: Observation, host: HostFacts): string {
  const instance = `${host.id}/${host.bootId}/${first.pid}/${first.startNs}`;
  return uuidV5(INSTANCE_NAMESPACE, instance);
}

function processAttributes({ info, owner }: Observation, host: HostFacts): Attributes {
  const command = info.commandLine[0] ?? '';
  const createdMs = host.bootEpochMs + info.startNs / 1_000_000;
  return {
    'process.pid': info.pid,
    'process.creation.time': new Date(createdMs).toISOString(),
    'process.executable.name': info.executableName,
    ...(info.executablePath === '' ? {} : { 'process.executable.path': info.executablePath }),
    // A title with arguments in it may hold secrets.
    ...(command === '' || /\s/.test(command) ? {} : { 'process.command': command }),
    ...(owner === undefined ? {} : { 'process.owner': owner.name ?? String(owner.id) }),
  };
}

function containerAttributes({ ref, facts }: KnownContainer): Attributes {
  if (facts === undefined) return { 'container.id': ref.id };
  const { name, tag } = parseImage(facts.image);
  return {
    'container.id': ref.id,
    ...present({
      'container.name': facts.name,
      'container.image.name': name,
      'container.runtime.name': facts.runtime,
    }),
    ...(tag === '' ? {} : { 'container.image.tags': [tag] }),
    ...podAttributes(facts),
  };
}

function podAttributes({ pod }: ContainerFacts): Attributes {
  return pod === undefined ? {} : present(namesOf(pod));
}

function namesOf({ name, namespace, uid, containerName }: PodFacts): Record<string, string> {
  return {
    'k8s.pod.name': name,
    'k8s.namespace.name': namespace,
    'k8s.pod.uid': uid,
    'k8s.container.name': containerName,
  };
}

/** Without what is not known. */
function present(attributes: Readonly<Record<string, string>>): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== ''));
}
