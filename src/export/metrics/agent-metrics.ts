/** The agent's own counters as metrics of a service of its own. */
import { randomUUID } from 'node:crypto';
import { detectResources, envDetector } from '@opentelemetry/resources';
import type { Environment } from '../../config/environment.ts';
import { COUNTER_NAMES, type Counters, DEFINITIONS } from '../../telemetry/counters.ts';
import type { AttributeValue } from '../types.ts';
import { withVariables } from '../variables.ts';
import type { Attributes, MetricData, MetricSource, ResourceMetrics } from './types.ts';

const SERVICE_NAME = 'spantap';

export class AgentMetrics implements MetricSource {
  readonly #resource: Attributes;
  readonly #counters: () => Counters;
  readonly #startUnixNs: bigint;

  /** Everything is counted from 0 at `startUnixNs` on. */
  constructor(resource: Attributes, counters: () => Counters, startUnixNs: bigint) {
    this.#resource = resource;
    this.#counters = counters;
    this.#startUnixNs = startUnixNs;
  }

  collect(): readonly ResourceMetrics[] {
    const counters = this.#counters();
    const startUnixNs = this.#startUnixNs;
    const metrics = COUNTER_NAMES.map(
      (name): MetricData => ({
        kind: 'counter',
        name: `${SERVICE_NAME}.${name}`,
        description: DEFINITIONS[name].help,
        unit: name.endsWith('bytes') ? 'By' : '',
        points: [{ attributes: {}, startUnixNs, value: counters.get(name) }],
      }),
    );
    return [{ resource: this.#resource, metrics }];
  }
}

/** With what OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say about the agent. */
export function agentResource(env: Environment, version: string): Attributes {
  const given = withVariables(env, () => detectResources({ detectors: [envDetector] })).attributes;
  const attributes = Object.entries(given).filter(([, value]) => value !== undefined);
  return {
    'service.name': SERVICE_NAME,
    'service.version': version,
    'service.instance.id': randomUUID(),
    ...(Object.fromEntries(attributes) as Record<string, AttributeValue>),
  };
}
