/** The whole file. */
import { integer, object, section, withDefault } from '../schema.ts';
import { capture, limits, link, telemetry } from './agent.ts';
import { otel, sampling } from './otel.ts';
import { redaction } from './redaction.ts';
import { services } from './services.ts';
import { rulekit, stacks } from './stacks.ts';
import { tags, tap } from './tap.ts';

const UNDER_TAP = 'it belongs under tap';
const COLLECTOR = 'this is no configuration of a Collector; see the section otel';

export const root = object(
  {
    version: withDefault(integer(2, 2), 2, 'Of this format.'),
    services: section(services, 'Where connection events, records and bodies go.'),
    stacks: withDefault(stacks, {}, 'Plugins that look at HTTP, by name.'),
    rulekit: section(rulekit, 'Macros for rules.'),
    tap: section(tap, 'Which traffic is seen.'),
    tags: withDefault(tags, [], 'Tags of processes, for rules and events.'),
    otel: section(otel, 'Where spans and metrics go.'),
    sampling: section(sampling, 'Which share of the hops is kept.'),
    redaction: section(redaction, 'What never leaves the agent.'),
    capture: section(capture, 'Which processes are watched.'),
    link: section(link, 'How an upstream request finds its cause.'),
    limits: section(limits, 'Bounds of memory.'),
    telemetry: section(telemetry, 'What the agent says about itself.'),
  },
  {
    freePrefix: 'x-',
    unsupported: {
      control: 'Qtap had access control; spantap is passive and blocks nothing',
      filters: UNDER_TAP,
      direction: UNDER_TAP,
      ignore_loopback: UNDER_TAP,
      http: UNDER_TAP,
      endpoints: UNDER_TAP,
      macros: 'it belongs under rulekit',
      plugins: 'it belongs under a stack: stacks.<name>.plugins',
      rules: 'it belongs into the config of a plugin',
      event_stores: 'it belongs under services',
      object_stores: 'it belongs under services',
      receivers: COLLECTOR,
      processors: COLLECTOR,
      exporters: COLLECTOR,
      service: COLLECTOR,
      extensions: COLLECTOR,
    },
    ignored: {
      control: {
        why: 'spantap blocks nothing',
        values: ['{"default":"allow"}', '{"default":"allow","rules":[]}'],
      },
    },
  },
);
