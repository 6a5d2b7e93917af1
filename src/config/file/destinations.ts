/** Where things go: endpoints that cannot be meant, directories that two writers would share. */
import type { Finding } from './finding.ts';
import type { Config } from './types.ts';

/** Spans would go to a port that speaks something else. */
export function checkEndpoints({ otel, services }: Config): Finding[] {
  const endpoints: readonly [string, string | undefined, string | undefined][] = [
    ['otel.endpoint', otel.endpoint, otel.protocol ?? 'http/protobuf'],
    ['otel.traces_endpoint', otel.tracesEndpoint, otel.protocol ?? 'http/protobuf'],
    ['otel.metrics_endpoint', otel.metricsEndpoint, otel.protocol ?? 'http/protobuf'],
    ['otel.logs_endpoint', otel.logsEndpoint, otel.protocol ?? 'http/protobuf'],
    ...services.eventStores.flatMap((store, index): [string, string | undefined, string][] =>
      store.type === 'otel'
        ? [[`services.event_stores[${index}].endpoint`, store.endpoint, store.protocol ?? 'grpc']]
        : [],
    ),
  ];
  return endpoints.flatMap(([path, endpoint, protocol]): Finding[] => {
    if (endpoint === undefined || protocol === 'grpc' || /^https?:/i.test(endpoint)) return [];
    const message = `"${endpoint}" has no scheme, which ${protocol} needs`;
    return [
      { severity: 'error', path, message, hint: `such as http://${endpoint}, or protocol: grpc` },
    ];
  });
}

/** Two spools in one directory would send, or delete, each other's objects. */
export function checkDirectories(config: Config): Finding[] {
  const seen = new Map<string, string>();
  return directoriesOf(config).flatMap(([path, directory]): Finding[] => {
    const other = seen.get(directory);
    if (other === undefined) seen.set(directory, path);
    if (other === undefined) return [];
    const message = `${directory} is the directory of ${other} too`;
    return [{ severity: 'error', path, message, hint: 'give each its own directory' }];
  });
}

function directoriesOf({
  limits,
  otel,
  services,
}: Config): readonly (readonly [path: string, directory: string])[] {
  const stores = services.objectStores.flatMap((store, index) => {
    const path = `services.object_stores[${index}]`;
    if (store.type === 'file') return [[`${path}.directory`, store.directory] as const];
    const hasSpool = store.type === 's3' && store.spool.enabled;
    return hasSpool ? [[`${path}.spool.directory`, store.spool.directory] as const] : [];
  });
  const { bodySpool } = limits;
  return [
    ...(bodySpool.enabled ? [['limits.body_spool.directory', bodySpool.directory] as const] : []),
    ...(otel.spool.enabled ? [['otel.spool.directory', otel.spool.directory] as const] : []),
    ...stores,
  ];
}
