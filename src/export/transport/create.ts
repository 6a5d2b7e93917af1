/** The way to a receiver of OTLP, for each protocol. */
import type { Environment } from '../../config/environment.ts';
import { withoutUsers } from '../../config/secrets.ts';
import type { Protocol } from '../choose.ts';
import type { Transport } from '../types.ts';
import { otlpVariable, withVariables } from '../variables.ts';
import { LazyTransport } from './lazy.ts';
import { GRPC_PORT, HTTP_PORT, type Receiver, type Signal } from './signal.ts';

/** What `receiver` leaves open is as OTEL_EXPORTER_OTLP_* of `env` say. */
export function createTransport(
  protocol: Protocol,
  signal: Signal,
  receiver: Receiver,
  env: Environment,
): Transport {
  const endpoint = receiver.url ?? otlpVariable(env, signal.name, 'ENDPOINT');
  if (protocol === 'grpc') {
    return new LazyTransport(targetOf(endpoint, `localhost:${GRPC_PORT}`), async () => {
      const { GrpcTransport } = await import('./grpc.ts');
      return withVariables(env, () => new GrpcTransport(signal, receiver));
    });
  }
  const contentType = protocol === 'http/json' ? 'application/json' : 'application/x-protobuf';
  return new LazyTransport(targetOf(endpoint, `localhost:${HTTP_PORT}`), async () => {
    const { HttpTransport } = await import('./http.ts');
    return withVariables(env, () => new HttpTransport(contentType, signal, receiver));
  });
}

/** For the log, without credentials. */
function targetOf(endpoint: string, fallback: string): string {
  return withoutUsers(endpoint.trim() || fallback, '');
}
