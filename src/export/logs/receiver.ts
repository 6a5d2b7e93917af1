/**
 * Where the logs of one event store go: what the store says, and for the rest OTEL_EXPORTER_OTLP_*,
 * as which the section `otel` of the file is handed on.
 */
import { readFileSync } from 'node:fs';
import type { Environment } from '../../config/environment.ts';
import type { OtelEventStoreConfig } from '../../config/file/types.ts';
import { AgentError, messageOf } from '../../telemetry/agent-error.ts';
import type { Protocol } from '../choose.ts';
import { createTransport } from '../transport/create.ts';
import { GRPC_PORT, LOGS, type Receiver } from '../transport/signal.ts';
import type { Transport } from '../types.ts';
import { otlpVariable } from '../variables.ts';

type LogReceiver = Pick<OtelEventStoreConfig, 'endpoint' | 'protocol' | 'headers' | 'tls'>;

/**
 * The store's own; else that of the environment; else by an endpoint of the store's own: gRPC for
 * host:port, as in Qtap, and for the port of OTLP/gRPC; else what spans are sent by.
 */
export function logProtocol(store: LogReceiver, env: Environment, spans: Protocol): Protocol {
  const { protocol, endpoint } = store;
  if (protocol !== undefined) return protocol;
  const said = otlpVariable(env, 'LOGS', 'PROTOCOL');
  if (said === 'grpc' || said === 'http/protobuf' || said === 'http/json') return said;
  if (endpoint === undefined) return spans;
  const isUrl = /^https?:\/\//i.test(endpoint);
  return isUrl && new URL(endpoint).port !== String(GRPC_PORT) ? 'http/protobuf' : 'grpc';
}

/** @throws AgentError when the certificates cannot be read */
export function createLogTransport(
  store: LogReceiver,
  protocol: Protocol,
  env: Environment,
): Transport {
  return createTransport(protocol, LOGS, receiverOf(store, protocol), env);
}

/** @throws AgentError when the certificates cannot be read */
export function receiverOf(store: LogReceiver, protocol: Protocol): Receiver {
  const { endpoint, headers, tls } = store;
  return {
    url: endpoint === undefined ? undefined : urlOf(endpoint, protocol, tls?.enabled ?? false),
    headers: headers && textsOf(headers),
    ca: tls?.caFile === undefined ? undefined : readCertificates(tls.caFile),
    isAnyCertificateTrusted: tls?.insecureSkipVerify ?? false,
  };
}

/** A scheme decides on TLS; for HTTP the path of logs is added, as to OTEL_EXPORTER_OTLP_ENDPOINT. */
function urlOf(endpoint: string, protocol: Protocol, isTls: boolean): string {
  // As a URL: what the official package takes for an address of gRPC else.
  if (/^unix:/i.test(endpoint)) return endpoint.replace(/^unix:(?:\/\/)?/i, 'unix://');
  const hasScheme = /^https?:\/\//i.test(endpoint);
  const url = hasScheme ? endpoint : `${isTls ? 'https' : 'http'}://${endpoint}`;
  if (protocol === 'grpc' || new URL(url).pathname.endsWith(`/${LOGS.httpPath}`)) return url;
  return `${url.replace(/\/$/, '')}/${LOGS.httpPath}`;
}

function textsOf(headers: NonNullable<LogReceiver['headers']>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, { value }]) => [name, value]));
}

function readCertificates(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const why = messageOf(cause);
    const what = `the certificates ${path} of an event store cannot be read`;
    throw new AgentError('store_ca_file', { what, why }, { cause });
  }
}
