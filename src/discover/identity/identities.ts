/**
 * Who each observed process is. Read from /proc at first sight; what its container's runtime says
 * comes later and makes a new object, as do other `tags`. One object per process otherwise, because
 * encoders group spans by the identity of its resource.
 */
import type { TagConfig } from '../../config/file/types.ts';
import { limits } from '../../config/limits.ts';
import type { Counters } from '../../telemetry/counters.ts';
import type { Inspector } from '../plan.ts';
import { type Environment, parseResourceAttributes } from '../proc/environment.ts';
import { PROC_ROOT } from '../proc/files.ts';
import { type HostFacts, readHost } from '../proc/host.ts';
import { isSameStart, type ProcessInfo, readProcess } from '../processes.ts';
import type { Containers, KnownContainer } from '../runtime/containers.ts';
import type { ContainerFacts } from '../runtime/types.ts';
import { agentAttributes, attributesOf } from './attributes.ts';
import { fieldsOf, summaryOf, tagTexts } from './fields.ts';
import { type Observation, Observer } from './observation.ts';
import { findTags, taggedVariables } from './tags.ts';
import type { Identity } from './types.ts';

const SERVICE_NAME = 'OTEL_SERVICE_NAME';
const RESOURCE_ATTRIBUTES = 'OTEL_RESOURCE_ATTRIBUTES';

/** Attributes that say who observes; the observed process cannot set them. */
const RESERVED = /^(telemetry|spantap)\./;

export interface IdentityOptions {
  readonly inspector: Inspector;
  readonly version: string;
  /** Who asks container runtimes; without, containers are known by their ids. */
  readonly containers?: Containers;
  readonly counters?: Counters;
  readonly host?: HostFacts;
  readonly root?: string;
}

interface Entry {
  readonly pid: number;
  readonly startNs: number;
  readonly observation: Observation | undefined;
  readonly container: KnownContainer | undefined;
  /** What `identity` was made from. */
  readonly containerFacts: ContainerFacts | undefined;
  readonly tags: readonly TagConfig[];
  readonly identity: Identity;
}

export class Identities {
  readonly #byProcess = new Map<string, Entry>();
  readonly #options: IdentityOptions;
  readonly #observer: Observer;
  readonly #host: HostFacts;
  readonly #root: string;
  #tags: readonly TagConfig[] = [];
  #variables: ReadonlySet<string> = new Set([SERVICE_NAME, RESOURCE_ATTRIBUTES]);

  constructor(options: IdentityOptions) {
    this.#options = options;
    this.#host = options.host ?? readHost();
    this.#root = options.root ?? PROC_ROOT;
    this.#observer = new Observer(options.inspector, this.#root, options.counters);
  }

  /** From the file, at start and at each reload: also processes that are known get other tags. */
  configure({ tags }: { readonly tags: readonly TagConfig[] }): void {
    this.#tags = tags;
    this.#variables = new Set([SERVICE_NAME, RESOURCE_ATTRIBUTES, ...taggedVariables(tags)]);
  }

  /**
   * Read at first sight and kept after the end of the process. `startNs` is the kernel's start time;
   * `comm` names processes that ended before they were read (nothing more is known of them).
   */
  get(pid: number, startNs: number, comm: string): Identity {
    const key = keyOf(pid, startNs);
    const known = this.#byProcess.get(key);
    if (known === undefined) return this.#keep(key, this.#meet(pid, startNs, comm)).identity;
    if (known.tags === this.#tags && known.container?.facts === known.containerFacts) {
      return known.identity;
    }
    return this.#keep(key, this.#renew(known)).identity;
  }

  /** After exec: the process is another program now, with the same pid and start time. */
  forget(pid: number, startNs: number): void {
    this.#byProcess.delete(keyOf(pid, startNs));
  }

  #keep(key: string, entry: Entry): Entry {
    if (!this.#byProcess.has(key) && this.#byProcess.size >= limits.resourcesMax) {
      for (const oldest of this.#byProcess.keys()) {
        this.#byProcess.delete(oldest);
        this.#options.counters?.add('discover.resources_forgotten');
        break;
      }
    }
    this.#byProcess.set(key, entry);
    return entry;
  }

  #meet(pid: number, startNs: number, comm: string): Entry {
    const info = this.#running(pid, startNs);
    if (info !== undefined)
      return this.#describe(startNs, this.#observer.observe(info, this.#variables));
    const base = { pid, startNs, tags: this.#tags, identity: this.#gone(pid, comm) };
    return { ...base, observation: undefined, container: undefined, containerFacts: undefined };
  }

  /** Undefined when it has ended, or its pid belongs to another process now. */
  #running(pid: number, startNs: number): ProcessInfo | undefined {
    const info = readProcess(pid, this.#root);
    return info !== undefined && isSameStart(startNs, info.startNs) ? info : undefined;
  }

  /** What was observed stays, but for variables that only the new tags name. */
  #renew({ pid, startNs, tags, observation, ...entry }: Entry): Entry {
    if (observation === undefined) return { ...entry, pid, startNs, observation, tags: this.#tags };
    const isRunning = tags !== this.#tags && this.#running(pid, startNs) !== undefined;
    if (!isRunning) return this.#describe(startNs, observation);
    const environment = this.#observer.environment(observation.info, this.#variables);
    return this.#describe(startNs, { ...observation, environment });
  }

  #describe(startNs: number, observation: Observation): Entry {
    const ref = observation.container;
    const container =
      ref === undefined
        ? undefined
        : (this.#options.containers?.get(ref) ?? { ref, facts: undefined });
    const identity = this.#identify(observation, container);
    const { pid } = observation.info;
    const containerFacts = container?.facts;
    return { pid, startNs, observation, container, containerFacts, tags: this.#tags, identity };
  }

  #identify(observation: Observation, container: KnownContainer | undefined): Identity {
    const { environment } = observation;
    const tags = findTags(this.#tags, environment, container?.facts).map((tag) => ({
      ...tag,
      value: this.#cut(tag.value),
    }));
    const given = this.#givenAttributes(environment);
    const name = environment.get(SERVICE_NAME) || given.get('service.name');
    const [host, version] = [this.#host, this.#options.version];
    const serviceName = this.#cut(name ?? '');
    const sources = { observation, host, given, serviceName, container, tags, version };
    return {
      resource: { attributes: attributesOf(sources) },
      facts: fieldsOf(observation, host, container, tags),
      process: summaryOf(observation, container),
      tags: tagTexts(tags),
    };
  }

  #gone(pid: number, comm: string): Identity {
    const name = comm || 'unknown_service';
    const shared = agentAttributes(this.#host, this.#options.version);
    return {
      resource: { attributes: { 'service.name': name, 'process.pid': pid, ...shared } },
      facts: {
        ...(comm === '' ? {} : { 'src.process.binary': comm }),
        'src.process.pid': pid,
        'src.process.hostname': this.#host.name,
        tags: [],
      },
      process: { pid, exe: '', name, container: undefined, pod: undefined },
      tags: [],
    };
  }

  /** OTEL_RESOURCE_ATTRIBUTES, bounded; an undecodable variable is ignored whole and counted. */
  #givenAttributes(environment: Environment): Map<string, string> {
    const parsed = parseResourceAttributes(environment.get(RESOURCE_ATTRIBUTES) ?? '');
    if (parsed === undefined) this.#options.counters?.add('dropped.resource_attributes');
    const given = new Map<string, string>();
    for (const [key, value] of parsed ?? []) {
      if (RESERVED.test(key)) continue;
      if (given.size >= limits.resourceAttributesMax) {
        this.#options.counters?.add('dropped.resource_attributes');
        break;
      }
      given.set(key, this.#cut(value));
    }
    return given;
  }

  #cut(value: string): string {
    const bytes = Buffer.from(value, 'utf8');
    if (bytes.length <= limits.attributeBytesMax) return value;
    this.#options.counters?.add('truncated.resource_attributes');
    return bytes.toString('utf8', 0, limits.attributeBytesMax).replace(/\ufffd+$/, '');
  }
}

/** Start times are known to 10 ms. */
function keyOf(pid: number, startNs: number): string {
  return `${pid}:${Math.floor(startNs / 10_000_000)}`;
}
