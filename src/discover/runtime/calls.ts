/** gRPC calls to a runtime, without loading gRPC on hosts that have none. */
import type { Fields, Message } from './message.ts';

/**
 * Undefined when the runtime says NOT_FOUND. Rejects as gRPC does: UNAVAILABLE, DEADLINE_EXCEEDED,
 * PERMISSION_DENIED, or an answer that is no protobuf message.
 */
export type Call = (method: string, request: Fields) => Promise<Message | undefined>;

export interface Calls {
  readonly call: Call;
  close(): void;
}

/** Takes some 100 ms in which nothing else happens on this thread, and 20 MB. */
export function loadCalls() {
  return import('./grpc-client.ts');
}

/** What `ask` makes of its calls to the runtime behind a socket. */
export async function withCalls<T>(
  socketPath: string,
  headers: Readonly<Record<string, string>>,
  ask: (call: Call) => Promise<T>,
): Promise<T> {
  const { openCalls } = await loadCalls();
  const { call, close } = openCalls(socketPath, headers);
  try {
    return await ask(call);
  } finally {
    close();
  }
}
