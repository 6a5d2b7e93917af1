/** Sockets that answer as runtimes do: shapes of the Docker Engine API and of the gRPC services. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Server, ServerCredentials, type ServiceError, type status } from '@grpc/grpc-js';
import { encode, Message } from '../../../src/discover/runtime/message.ts';
import { TemporaryFolder } from '../temporary.ts';

export interface DockerAnswer {
  readonly status?: number;
  readonly body: string;
}

/** A Docker Engine; undefined leaves the question without an answer. Returns its socket. */
export async function fakeDocker(
  context: TestContext,
  answer: (path: string) => DockerAnswer | undefined,
): Promise<string> {
  const path = join(new TemporaryFolder(context).path, 'docker.sock');
  const server = createServer((request, response) => {
    const found = answer(request.url ?? '');
    if (found === undefined) return;
    response.writeHead(found.status ?? 200, { 'content-type': 'application/json' });
    response.end(found.body);
  });
  server.listen(path);
  await once(server, 'listening');
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return path;
}

/** The part of GET /containers/ID/json that matters; the API names containers with a slash. */
export function dockerContainer(
  name: string,
  image: string,
  labels: Readonly<Record<string, string>> = {},
): DockerAnswer {
  return { body: JSON.stringify({ Name: `/${name}`, Config: { Image: image, Labels: labels } }) };
}

/** Bytes of a message, or a status to fail with; undefined leaves it without an answer. */
export type GrpcAnswer = Uint8Array | { readonly code: status } | undefined;

export type GrpcMethods = Readonly<
  Record<string, (request: Message, headers: Readonly<Record<string, unknown>>) => GrpcAnswer>
>;

/** A gRPC server by full method names. Returns its socket. */
export async function fakeGrpc(context: TestContext, methods: GrpcMethods): Promise<string> {
  const path = join(new TemporaryFolder(context).path, 'grpc.sock');
  const server = new Server();
  for (const [name, answer] of Object.entries(methods)) {
    server.register(
      name,
      (
        call: { request: Message; metadata: { getMap(): Record<string, unknown> } },
        reply: (error: Partial<ServiceError> | null, value?: Uint8Array) => void,
      ) => {
        const found = answer(call.request, call.metadata.getMap());
        if (found === undefined) return;
        if (found instanceof Uint8Array) reply(null, found);
        else reply({ code: found.code, details: 'refused' });
      },
      (bytes: Uint8Array) => Buffer.from(bytes),
      (bytes: Buffer) => new Message(bytes),
      'unary',
    );
  }
  await new Promise<void>((resolve, reject) => {
    const bound = (error: Error | null) => (error === null ? resolve() : reject(error));
    server.bindAsync(`unix://${path}`, ServerCredentials.createInsecure(), bound);
  });
  context.after(() => server.forceShutdown());
  return path;
}

/** map<string, string> in field `number`, after other fields. */
export function withEntries(
  number: number,
  entries: Readonly<Record<string, string>>,
  ...before: readonly Uint8Array[]
): Uint8Array {
  const encoded = Object.entries(entries).map(([key, value]) =>
    encode({ [number]: { 1: key, 2: value } }),
  );
  return Buffer.concat([...before, ...encoded]);
}

/** Field `number` holding a message that is encoded already. */
export function wrap(number: number, content: Uint8Array): Uint8Array {
  const head = [(number << 3) | 2];
  for (let left = content.length; ; left = Math.floor(left / 128)) {
    head.push(left > 127 ? (left & 127) | 128 : left);
    if (left <= 127) break;
  }
  return Buffer.concat([Buffer.from(head), content]);
}
