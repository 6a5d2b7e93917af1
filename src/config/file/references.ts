/** What refers to something else in the file: stores by id, stacks by name. */
import { nearest } from '../nearest.ts';
import { checkDirectories, checkEndpoints } from './destinations.ts';
import type { Finding } from './finding.ts';
import { join } from './path.ts';
import type { Config } from './types.ts';

export function checkReferences(config: Config): Finding[] {
  return [
    ...checkIds(config),
    ...checkEventStores(config),
    ...checkObjectStores(config),
    ...checkStacks(config),
    ...checkEndpoints(config),
    ...checkDirectories(config),
  ];
}

function checkIds({ services }: Config): Finding[] {
  return (['eventStores', 'objectStores'] as const).flatMap((key) => {
    const ids = services[key].map(({ id }) => id);
    return ids.flatMap((id, index): Finding[] => {
      if (id === undefined || ids.indexOf(id) === index) return [];
      const path = `services.${key === 'eventStores' ? 'event_stores' : 'object_stores'}[${index}].id`;
      return [{ severity: 'error', path, message: `the id "${id}" is there twice` }];
    });
  });
}

function checkEventStores({ services }: Config): Finding[] {
  const ids = services.eventStores.flatMap(({ id }) => id ?? []);
  return services.objectStores.flatMap(({ eventStore }, index) =>
    missing(eventStore.id, ids, `services.object_stores[${index}].event_store.id`, 'event store'),
  );
}

function checkObjectStores({ services, stacks }: Config): Finding[] {
  const ids = services.objectStores.flatMap(({ id }) => id ?? []);
  return Object.entries(stacks).flatMap(([name, { plugins }]) =>
    plugins.flatMap((plugin, index) => {
      if (plugin.type !== 'http_capture') return [];
      const path = `${join('stacks', name)}.plugins[${index}].config.object_store.id`;
      return missing(plugin.config.objectStore.id, ids, path, 'object store');
    }),
  );
}

function checkStacks({ tap, stacks }: Config): Finding[] {
  const names = Object.keys(stacks);
  const used = [tap.http.stack, ...tap.endpoints.map(({ http }) => http.stack)];
  const isNone = (name: string | undefined) => name === 'none' || name === '';
  const unknown = used.flatMap((name, index) => {
    if (isNone(name)) return [];
    const path = index === 0 ? 'tap.http.stack' : `tap.endpoints[${index - 1}].http.stack`;
    return missing(name, names, path, 'stack');
  });
  const unused = names.filter((name) => !used.includes(name));
  return [
    ...unknown,
    ...unused.map((name): Finding => {
      const message = 'neither tap.http.stack nor an endpoint names this stack';
      const hint = 'only pods with the label tap.qpoint.io/stack can ask for it';
      return { severity: 'warning', path: join('stacks', name), message, hint };
    }),
  ];
}

function missing(
  name: string | undefined,
  names: readonly string[],
  path: string,
  what: string,
): Finding[] {
  if (name === undefined || names.includes(name)) return [];
  const near = nearest(name, names);
  const known =
    names.length === 0 ? `there is no ${what} with a name` : `known: ${names.join(', ')}`;
  const hint = near === undefined ? known : `did you mean ${near}? ${known}`;
  return [{ severity: 'error', path, message: `no ${what} "${name}"`, hint }];
}
