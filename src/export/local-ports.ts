/** Ports of this host that spans and metrics go to, as far as the variables tell before a connect. */
import { networkInterfaces } from 'node:os';
import { type Environment, textOf } from '../config/environment.ts';
import type { ExporterChoice } from './choose.ts';
import { GRPC_PORT, HTTP_PORT } from './transport/signal.ts';
import { otlpVariable } from './variables.ts';

const ENDPOINTS = [
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
  'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT',
] as const;
const SCHEME_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

/** Without duplicates; none for a collector elsewhere, or under a name that DNS must tell. */
export function localPorts(
  env: Environment,
  { kinds, protocol }: Pick<ExporterChoice, 'kinds' | 'protocol'>,
  ownAddresses = addressesOfHost(),
): number[] {
  const ports = ENDPOINTS.map((name) => localPort(textOf(env, name), ownAddresses));
  if (kinds.includes('otlp') && otlpVariable(env, 'TRACES', 'ENDPOINT') === '') {
    ports.push(protocol === 'grpc' ? GRPC_PORT : HTTP_PORT);
  }
  return [...new Set(ports.filter((port) => port !== undefined))];
}

/** gRPC endpoints may come without a scheme. */
function localPort(endpoint: string, ownAddresses: ReadonlySet<string>): number | undefined {
  const url = URL.parse(endpoint.includes('://') ? endpoint : `http://${endpoint}`);
  if (endpoint === '' || url === null) return undefined;
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (host !== 'localhost' && !host.startsWith('127.') && !ownAddresses.has(host)) return undefined;
  return url.port === '' ? SCHEME_PORTS[url.protocol] : Number(url.port);
}

function addressesOfHost(): Set<string> {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return new Set(all.map(({ address }) => address));
}
