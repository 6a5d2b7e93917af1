/**
 * Where spans go when the agent starts: OTEL_TRACES_EXPORTER decides; unset, a configured endpoint
 * or a collector that listens on this host's standard ports gets them, else trees are printed.
 */
import { connect } from 'node:net';
import { type Environment, textOf } from '../config/environment.ts';
import { withoutUsers } from '../config/secrets.ts';
import { AgentError } from '../telemetry/agent-error.ts';
import { GRPC_PORT, HTTP_PORT } from './transport/signal.ts';
import { otlpVariable } from './variables.ts';

export type ExporterKind = 'otlp' | 'console';
export type Protocol = 'grpc' | 'http/protobuf' | 'http/json';

export interface ExporterChoice {
  /** Empty: spans are counted and go nowhere. */
  readonly kinds: readonly ExporterKind[];
  readonly protocol: Protocol;
  /** For the log. */
  readonly reason: string;
}

export type IsListening = (host: string, port: number) => Promise<boolean>;
const PROTOCOLS: readonly string[] = ['grpc', 'http/protobuf', 'http/json'];
const LOOPBACK = ['127.0.0.1', '::1'];
const CONNECT_TIMEOUT_MS = 500;

/** @throws AgentError for exporters and protocols that there are not */
export async function chooseExporter(
  env: Environment,
  isListening: IsListening = canConnect,
): Promise<ExporterChoice> {
  const asked = textOf(env, 'OTEL_TRACES_EXPORTER');
  const protocol = readProtocol(env);
  const endpoint = otlpVariable(env, 'TRACES', 'ENDPOINT');
  const kinds = asked === '' ? undefined : readKinds(asked);
  if (kinds !== undefined && !kinds.includes('otlp')) {
    return {
      kinds,
      protocol: protocol ?? 'http/protobuf',
      reason: `OTEL_TRACES_EXPORTER=${asked}`,
    };
  }
  if (endpoint !== '') {
    const reason = `the endpoint is ${withoutUsers(endpoint, '')}`;
    return { kinds: kinds ?? ['otlp'], protocol: protocol ?? 'http/protobuf', reason };
  }
  const found = await findCollector(protocol, isListening);
  if (found !== undefined) return { ...found, kinds: kinds ?? ['otlp'] };
  if (kinds !== undefined) {
    const reason = `OTEL_TRACES_EXPORTER=${asked}, to the standard port`;
    return { kinds, protocol: protocol ?? 'http/protobuf', reason };
  }
  const ports = `${GRPC_PORT} or ${HTTP_PORT}`;
  const reason = `no endpoint is configured and no collector listens on ${ports}`;
  return { kinds: ['console'], protocol: protocol ?? 'http/protobuf', reason };
}

/** Which of the standard ports speaks decides the protocol, unless that is configured. */
async function findCollector(
  protocol: Protocol | undefined,
  isListening: IsListening,
): Promise<Pick<ExporterChoice, 'protocol' | 'reason'> | undefined> {
  const candidates: readonly [number, Protocol][] =
    protocol === undefined
      ? [
          [HTTP_PORT, 'http/protobuf'],
          [GRPC_PORT, 'grpc'],
        ]
      : [[protocol === 'grpc' ? GRPC_PORT : HTTP_PORT, protocol]];
  for (const [port, spoken] of candidates) {
    for (const host of LOOPBACK) {
      if (!(await isListening(host, port))) continue;
      return { protocol: spoken, reason: `a collector listens on port ${port}` };
    }
  }
  return undefined;
}

function readKinds(asked: string): ExporterKind[] {
  const kinds: ExporterKind[] = [];
  for (const name of asked.split(',').map((part) => part.trim())) {
    if (name === 'otlp' || name === 'console') kinds.push(name);
    else if (name !== 'none') {
      throw new AgentError('config', {
        what: `OTEL_TRACES_EXPORTER=${asked} is not understood`,
        todo: 'use console, otlp or none',
      });
    }
  }
  return kinds;
}

function readProtocol(env: Environment): Protocol | undefined {
  const asked = otlpVariable(env, 'TRACES', 'PROTOCOL');
  if (asked === '') return undefined;
  if (PROTOCOLS.includes(asked)) return asked as Protocol;
  throw new AgentError('config', {
    what: `OTEL_EXPORTER_OTLP_PROTOCOL=${asked} is not understood`,
    todo: `use one of ${PROTOCOLS.join(', ')}`,
  });
}

/** Whether somebody listens there and accepts within half a second. */
export async function canConnect(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port, timeout: CONNECT_TIMEOUT_MS });
  return new Promise((resolve) => {
    const finish = (isOpen: boolean) => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once('connect', () => finish(true));
    socket.once('error', () => finish(false));
    socket.once('timeout', () => finish(false));
  });
}
