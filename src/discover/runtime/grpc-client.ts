/**
 * Unary calls over a Unix socket, of which runtimes answer some in milliseconds. The connection is
 * opened for a few calls and closed again: containers are few, and nothing is to be kept alive.
 * Loaded when a runtime is first asked (calls.ts): gRPC and protobuf take some 20 MB.
 */
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import { limits } from '../../config/limits.ts';
import type { Calls } from './calls.ts';
import { encode, type Fields, Message } from './message.ts';

export function openCalls(socketPath: string, headers: Readonly<Record<string, string>>): Calls {
  const client = new Client(`unix://${socketPath}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': limits.containerAnswerBytesMax,
    'grpc.default_authority': 'localhost',
  });
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
  return {
    call: (method, request) => callOnce(client, metadata, method, request),
    close: () => client.close(),
  };
}

function callOnce(
  client: Client,
  metadata: Metadata,
  method: string,
  request: Fields,
): Promise<Message | undefined> {
  const deadline = Date.now() + limits.containerLookupTimeoutMs;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      method,
      (fields: Fields) => Buffer.from(encode(fields)),
      (bytes: Buffer) => new Message(bytes),
      request,
      metadata,
      { deadline },
      (error, answer) => {
        if (error?.code === status.NOT_FOUND) resolve(undefined);
        else if (error !== null) reject(error);
        else resolve(answer);
      },
    );
  });
}
