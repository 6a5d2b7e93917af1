/**
 * The observed services, by what identifies one in the semantic conventions: service.namespace,
 * service.name and service.instance.id. Workers of one service have these in common, so that their
 * exchanges are counted together.
 */
import type { Counters } from '../../telemetry/counters.ts';
import type { ResourceInfo, ResourceOf } from '../types.ts';
import { type SeriesBudget, Service } from './service.ts';
import type { Attributes } from './types.ts';

export interface ServiceLimits {
  readonly servicesMax: number;
  /** Attribute sets of one service, and of all. */
  readonly seriesMax: number;
  readonly allSeriesMax: number;
}

/** True of one process, not of the service that it works for. */
const OF_ONE_PROCESS: ReadonlySet<string> = new Set([
  'process.pid',
  'process.parent_pid',
  'process.creation.time',
  'process.owner',
  'process.command',
  'process.command_args',
  'process.command_line',
]);

interface Slot {
  info: ResourceInfo;
  service: Service;
  /** Batch for which it was last looked up. */
  batch: number;
}

export class Services {
  readonly #resourceOf: ResourceOf;
  readonly #limits: ServiceLimits;
  readonly #counters: Counters;
  readonly #budget: SeriesBudget;
  readonly #byIdentity = new Map<string, Service>();
  /** By index of the process. */
  readonly #slots = new Map<number, Slot>();
  #batch = 0;

  constructor(resourceOf: ResourceOf, limits: ServiceLimits, counters: Counters) {
    this.#resourceOf = resourceOf;
    this.#limits = limits;
    this.#counters = counters;
    const { seriesMax, allSeriesMax } = limits;
    this.#budget = { seriesMax, allSeriesMax, allSeries: 0 };
  }

  /** What processes are called is asked once a batch. */
  beginBatch(): void {
    this.#batch++;
  }

  of(process: number): Service {
    const slot = this.#slots.get(process);
    const service = slot?.batch === this.#batch ? slot.service : this.#lookUp(process, slot);
    service.lastUse = this.#batch;
    return service;
  }

  all(): Iterable<Service> {
    return this.#byIdentity.values();
  }

  #lookUp(process: number, slot: Slot | undefined): Service {
    const info = this.#resourceOf(process);
    if (slot?.info === info) {
      slot.batch = this.#batch;
      return slot.service;
    }
    const service = this.#identify(info.attributes);
    // A look-up more for each; the services themselves stay.
    if (this.#slots.size >= 8 * this.#limits.servicesMax) this.#slots.clear();
    this.#slots.set(process, { info, service, batch: this.#batch });
    return service;
  }

  #identify(attributes: Attributes): Service {
    const identity = JSON.stringify([
      attributes['service.namespace'],
      attributes['service.name'],
      attributes['service.instance.id'],
    ]);
    const known = this.#byIdentity.get(identity);
    if (known !== undefined) return known;
    if (this.#byIdentity.size >= this.#limits.servicesMax) this.#forgetOne();
    const service = new Service(withoutProcess(attributes), this.#budget);
    this.#byIdentity.set(identity, service);
    return service;
  }

  /** The one that was longest without an exchange. */
  #forgetOne(): void {
    let oldest: [string, Service] | undefined;
    for (const entry of this.#byIdentity) {
      if (oldest === undefined || entry[1].lastUse < oldest[1].lastUse) oldest = entry;
    }
    if (oldest === undefined) return;
    const [identity, service] = oldest;
    this.#byIdentity.delete(identity);
    this.#budget.allSeries -= service.series;
    for (const [process, slot] of this.#slots) {
      if (slot.service === service) this.#slots.delete(process);
    }
    this.#counters.add('metrics.services_forgotten');
  }
}

function withoutProcess(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([key]) => !OF_ONE_PROCESS.has(key)));
}
