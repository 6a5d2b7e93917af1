/** What stands in the file and can never be chosen: an earlier one takes all, or nothing names it. */
import type { Finding } from './finding.ts';
import type { Config } from './types.ts';

export function findNeverAsked(config: Config): Finding[] {
  return [
    ...findStores(config, 'eventStores', 'event_stores'),
    ...findStores(config, 'objectStores', 'object_stores'),
    ...findEndpoints(config),
    ...findFilters(config),
  ];
}

/** The first is the default, others are chosen by id. */
function findStores(
  { services }: Config,
  key: 'eventStores' | 'objectStores',
  name: string,
): Finding[] {
  return services[key].flatMap(({ id }, index): Finding[] => {
    if (index === 0 || id !== undefined) return [];
    const message = 'nothing can choose this store: it is not the first and has no id';
    return [{ severity: 'warning', path: `services.${name}[${index}]`, message }];
  });
}

function findEndpoints({ tap }: Config): Finding[] {
  const domains = tap.endpoints.map(({ domain }) => domain.toLowerCase());
  return domains.flatMap((domain, index): Finding[] => {
    const earlier = domains.indexOf(domain);
    if (earlier === index) return [];
    const message = `this endpoint has no effect: tap.endpoints[${earlier}] has the same domain`;
    return [{ severity: 'warning', path: `tap.endpoints[${index}].domain`, message }];
  });
}

/** The first filter that matches decides. */
function findFilters({ tap }: Config): Finding[] {
  const subjects = tap.filters.custom.map(({ exe, strategy }) =>
    strategy === 'regex' ? `regex ${exe}` : `${strategy} ${exe.toLowerCase()}`,
  );
  return subjects.flatMap((subject, index): Finding[] => {
    const earlier = subjects.indexOf(subject);
    if (earlier === index) return [];
    const message = `this filter has no effect: tap.filters.custom[${earlier}] matches the same processes`;
    return [{ severity: 'warning', path: `tap.filters.custom[${index}].exe`, message }];
  });
}
