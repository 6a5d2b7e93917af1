/** Makes an identity of what was observed, what a runtime told, and the tags of the file. */
import type { TagConfig } from '../../config/file/types.ts';
import { limits } from '../../config/limits.ts';
import type { Counters } from '../../telemetry/counters.ts';
import { type Environment, parseResourceAttributes } from '../proc/environment.ts';
import type { HostFacts } from '../proc/host.ts';
import type { KnownContainer } from '../runtime/containers.ts';
import { agentAttributes, attributesOf } from './attributes.ts';
import { fieldsOf, summaryOf, tagTexts } from './fields.ts';
import type { Observation } from './observation.ts';
import { findTags, type Tag, taggedVariables } from './tags.ts';
import type { Identity } from './types.ts';

const SERVICE_NAME = 'OTEL_SERVICE_NAME';
const RESOURCE_ATTRIBUTES = 'OTEL_RESOURCE_ATTRIBUTES';

/** Attributes that say who observes; the observed process cannot set them. */
const RESERVED = /^(telemetry|spantap)\./;

/** The environment variables that describe a process. */
export function wantedVariables(tags: readonly TagConfig[]): ReadonlySet<string> {
  return new Set([SERVICE_NAME, RESOURCE_ATTRIBUTES, ...taggedVariables(tags)]);
}

/** What a process says of itself. */
interface Claims {
  /** '' none. */
  readonly serviceName: string;
  readonly attributes: ReadonlyMap<string, string>;
}

export class Describer {
  readonly #host: HostFacts;
  readonly #version: string;
  readonly #counters: Counters | undefined;
  /** An environment is read once, and what is wrong with it counted once. */
  readonly #claims = new WeakMap<Environment, Claims>();

  /** @param version of the agent */
  constructor(host: HostFacts, version: string, counters: Counters | undefined) {
    this.#host = host;
    this.#version = version;
    this.#counters = counters;
  }

  describe(
    observation: Observation,
    container: KnownContainer | undefined,
    configured: readonly TagConfig[],
  ): Identity {
    const tags = this.#tags(observation, container, configured);
    const { serviceName, attributes: given } = this.#claimsIn(observation.environment);
    const [host, version] = [this.#host, this.#version];
    const sources = { observation, host, given, serviceName, container, tags, version };
    return {
      resource: { attributes: attributesOf(sources) },
      facts: fieldsOf(observation, host, container, tags),
      process: summaryOf(observation, container),
      tags: tagTexts(tags),
    };
  }

  /** Of a process that ended before it was read; `comm` is what the kernel calls it. */
  describeGone(pid: number, comm: string): Identity {
    const name = comm || 'unknown_service';
    const shared = agentAttributes(this.#host, this.#version);
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

  #tags(
    { environment }: Observation,
    container: KnownContainer | undefined,
    configured: readonly TagConfig[],
  ): Tag[] {
    const found = findTags(configured, environment, container?.facts);
    return found.map((tag) => ({ ...tag, value: this.#cut(tag.value) }));
  }

  #claimsIn(environment: Environment): Claims {
    const known = this.#claims.get(environment);
    if (known !== undefined) return known;
    const attributes = this.#givenAttributes(environment);
    const name = environment.get(SERVICE_NAME) || attributes.get('service.name');
    const claims = { serviceName: this.#cut(name ?? ''), attributes };
    this.#claims.set(environment, claims);
    return claims;
  }

  /** OTEL_RESOURCE_ATTRIBUTES, bounded; an undecodable variable is ignored whole and counted. */
  #givenAttributes(environment: Environment): Map<string, string> {
    const parsed = parseResourceAttributes(environment.get(RESOURCE_ATTRIBUTES) ?? '');
    if (parsed === undefined) this.#counters?.add('dropped.resource_attributes');
    const given = new Map<string, string>();
    for (const [key, value] of parsed ?? []) {
      if (RESERVED.test(key)) continue;
      if (given.size >= limits.resourceAttributesMax) {
        this.#counters?.add('dropped.resource_attributes');
        break;
      }
      given.set(key, this.#cut(value));
    }
    return given;
  }

  #cut(value: string): string {
    const bytes = Buffer.from(value, 'utf8');
    if (bytes.length <= limits.attributeBytesMax) return value;
    this.#counters?.add('truncated.resource_attributes');
    return bytes.toString('utf8', 0, limits.attributeBytesMax).replace(/\ufffd+$/, '');
  }
}
