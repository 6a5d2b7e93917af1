/**
 * The OpenTelemetry Resource of each observed process (semantic conventions: service, process,
 * host, os, container). One object per process, because encoders group spans by its identity.
 */
import { limits } from '../config/limits.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { Inspector } from './plan.ts';
import { readContainerId } from './proc/container.ts';
import {
  type OtelEnvironment,
  parseResourceAttributes,
  readEnvironment,
  readNginxEnvironment,
} from './proc/environment.ts';
import { PROC_ROOT } from './proc/files.ts';
import { type HostFacts, readHost } from './proc/host.ts';
import { readOwner } from './proc/owner.ts';
import { isSameStart, type ProcessInfo, readProcess, runSameExecutable } from './processes.ts';
import type { ProcessResource } from './types.ts';
import { uuidV5 } from './uuid.ts';

/** Namespace of service.instance.id, fixed by the semantic conventions. */
const INSTANCE_NAMESPACE = '4d63009a-8d0f-11ee-aad7-4c796ed8e320';

/** Attributes that say who observes; the observed process cannot set them. */
const RESERVED = /^telemetry\./;

export interface ResourceOptions {
  readonly inspector: Inspector;
  readonly version: string;
  readonly counters?: Counters;
  readonly host?: HostFacts;
  readonly root?: string;
}

export class Resources {
  readonly #byProcess = new Map<string, ProcessResource>();
  readonly #options: ResourceOptions;
  readonly #host: HostFacts;
  readonly #root: string;

  constructor(options: ResourceOptions) {
    this.#options = options;
    this.#host = options.host ?? readHost();
    this.#root = options.root ?? PROC_ROOT;
  }

  /**
   * The Resource of a process, read at first sight and kept after its end, so that late spans find
   * it. `startNs` is the kernel's start time; `comm` names processes that ended before they were
   * read (their Resource says no more than that).
   */
  get(pid: number, startNs: number, comm: string): ProcessResource {
    const key = keyOf(pid, startNs);
    const known = this.#byProcess.get(key);
    if (known !== undefined) return known;
    const info = readProcess(pid, this.#root);
    const isThere = info !== undefined && isSameStart(startNs, info.startNs);
    const resource = isThere ? this.#read(info) : this.#gone(pid, comm);
    this.#keep(key, resource);
    return resource;
  }

  /** After exec: the process is another program now, with the same pid and start time. */
  forget(pid: number, startNs: number): void {
    this.#byProcess.delete(keyOf(pid, startNs));
  }

  #keep(key: string, resource: ProcessResource): void {
    if (this.#byProcess.size >= limits.resourcesMax) {
      for (const oldest of this.#byProcess.keys()) {
        this.#byProcess.delete(oldest);
        this.#options.counters?.add('discover.resources_forgotten');
        break;
      }
    }
    this.#byProcess.set(key, resource);
  }

  #gone(pid: number, comm: string): ProcessResource {
    const attributes = {
      'service.name': comm || 'unknown_service',
      'process.pid': pid,
      ...this.#shared(),
    };
    return { attributes };
  }

  #read(info: ProcessInfo): ProcessResource {
    const environment = this.#environment(info);
    const given = this.#givenAttributes(environment);
    const name = environment.get('OTEL_SERVICE_NAME') || given.get('service.name');
    const attributes: Record<string, string | number> = {
      ...this.#processAttributes(info),
      ...this.#shared(),
      ...Object.fromEntries(given),
      'service.name': this.#cut(name || info.executableName),
    };
    return { attributes };
  }

  #environment(info: ProcessInfo): OtelEnvironment {
    const facts = this.#options.inspector.facts(info);
    if (facts?.nginxArguments !== undefined) {
      const saved = readNginxEnvironment(
        info,
        facts.nginxArguments,
        this.#options.counters,
        this.#root,
      );
      if (saved.size > 0) return saved;
    }
    return readEnvironment(info.pid, this.#options.counters, this.#root);
  }

  /** OTEL_RESOURCE_ATTRIBUTES, bounded; an undecodable variable is ignored whole and counted. */
  #givenAttributes(environment: OtelEnvironment): Map<string, string> {
    const text = environment.get('OTEL_RESOURCE_ATTRIBUTES') ?? '';
    const parsed = parseResourceAttributes(text);
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

  #processAttributes(info: ProcessInfo): Record<string, string | number> {
    const first = this.#firstOfService(info);
    const instance = `${this.#host.id}/${this.#host.bootId}/${first.pid}/${first.startNs}`;
    const command = info.commandLine[0] ?? '';
    const container = readContainerId(info.pid, this.#root);
    const owner = readOwner(info.pid, this.#root);
    return {
      'service.instance.id': uuidV5(INSTANCE_NAMESPACE, instance),
      'process.pid': info.pid,
      'process.creation.time': new Date(
        this.#host.bootEpochMs + info.startNs / 1_000_000,
      ).toISOString(),
      'process.executable.name': info.executableName,
      ...(info.executablePath === '' ? {} : { 'process.executable.path': info.executablePath }),
      // A title with arguments in it may hold secrets.
      ...(command === '' || /\s/.test(command) ? {} : { 'process.command': command }),
      ...(owner === undefined ? {} : { 'process.owner': owner }),
      ...(container === undefined ? {} : { 'container.id': container }),
    };
  }

  /**
   * Workers are one service instance with the process that forked them: the oldest ancestor that
   * runs the same executable.
   */
  #firstOfService(info: ProcessInfo): ProcessInfo {
    let first = info;
    for (let depth = 0; depth < 16; depth += 1) {
      const parent = readProcess(first.parentPid, this.#root);
      if (parent === undefined || !runSameExecutable(parent, first)) break;
      first = parent;
    }
    return first;
  }

  #shared(): Record<string, string> {
    return {
      'host.id': this.#host.id,
      'host.name': this.#host.name,
      'host.arch': this.#host.arch,
      'os.type': 'linux',
      'telemetry.distro.name': 'spantap',
      'telemetry.distro.version': this.#options.version,
    };
  }
}

/** Start times are known to 10 ms. */
function keyOf(pid: number, startNs: number): string {
  return `${pid}:${Math.floor(startNs / 10_000_000)}`;
}
