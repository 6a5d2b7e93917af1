/** A collector's receiving side over HTTP and gRPC, which answers as a test tells it to. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { gunzipSync } from 'node:zlib';
import grpc from '@grpc/grpc-js';
import { type DecodedRequest, decodeRequest, Response } from './decoder.ts';

const TRACES_PATH = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

export interface Received {
  readonly body: Buffer;
  readonly headers: IncomingHttpHeaders;
  readonly path: string;
  readonly atMs: number;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array | string;
  /** Never answers. */
  readonly isSilent?: boolean;
  /** Cuts the connection instead. */
  readonly isCut?: boolean;
}

export class HttpReceiver {
  readonly received: Received[] = [];
  /** Answers in order; the last one stays. */
  answers: Answer[] = [{}];
  readonly #server: Server;

  constructor(server: Server = createServer()) {
    this.#server = server;
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk) => chunks.push(chunk));
      request.on('end', () => {
        const raw = Buffer.concat(chunks);
        const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw;
        const { headers, url: path = '' } = request;
        const answer = this.answers.length > 1 ? this.answers.shift() : this.answers[0];
        this.received.push({ body, headers, path, atMs: performance.now() });
        if (answer?.isCut === true) return request.socket.destroy();
        if (answer?.isSilent === true) return;
        response.writeHead(answer?.status ?? 200, answer?.headers);
        response.end(answer?.body);
      });
    });
  }

  async listen(port = 0): Promise<number> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  get requests(): DecodedRequest[] {
    return this.received.map(({ body }) => decodeRequest(body));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

export interface GrpcAnswer {
  readonly code?: number;
  readonly details?: string;
  readonly metadata?: grpc.Metadata;
  readonly body?: Uint8Array;
}

export class GrpcReceiver {
  readonly received: { body: Buffer; metadata: grpc.Metadata }[] = [];
  answers: GrpcAnswer[] = [{}];
  readonly #server = new grpc.Server();
  readonly #path: string;

  constructor(path = TRACES_PATH) {
    this.#path = path;
  }

  listen(credentials = grpc.ServerCredentials.createInsecure(), port = 0): Promise<number> {
    return this.listenAt(`127.0.0.1:${port}`, credentials);
  }

  /** Resolves with the port. */
  async listenAt(
    address: string,
    credentials = grpc.ServerCredentials.createInsecure(),
  ): Promise<number> {
    const identity = (bytes: Buffer) => bytes;
    const definition = {
      Export: {
        path: this.#path,
        requestStream: false,
        responseStream: false,
        requestSerialize: identity,
        requestDeserialize: identity,
        responseSerialize: identity,
        responseDeserialize: identity,
      },
    };
    this.#server.addService(definition, {
      Export: (call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) =>
        this.#answer(call, callback),
    });
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, credentials, (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
  }

  get requests(): DecodedRequest[] {
    return this.received.map(({ body }) => decodeRequest(body));
  }

  close(): void {
    this.#server.forceShutdown();
  }

  #answer(call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>): void {
    this.received.push({ body: call.request, metadata: call.metadata });
    const answer = this.answers.length > 1 ? this.answers.shift() : this.answers[0];
    const code = answer?.code ?? 0;
    if (code === 0) return callback(null, Buffer.from(answer?.body ?? new Uint8Array(0)));
    const metadata = answer?.metadata ?? new grpc.Metadata();
    callback({ code, details: answer?.details ?? 'told to', metadata });
  }
}

/** An ExportTraceServiceResponse with a partial success. */
export function partialSuccess(rejectedSpans: number, errorMessage: string): Uint8Array {
  const message = Response.fromObject({ partialSuccess: { rejectedSpans, errorMessage } });
  return Response.encode(message).finish();
}
