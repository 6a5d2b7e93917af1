/** versitygw: an S3 server over a folder that verifies every signature. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import type { S3StoreOptions } from '../../../src/store/options.ts';
import { s3ServerProgram } from '../../../tools/setup/s3-server.ts';
import { s3Options } from '../../store/options.ts';
import { temporaryFolder } from '../../store/temporary.ts';
import { freePorts } from '../harness/ports.ts';
import { Program } from '../harness/program.ts';

const ACCESS = 'spantap-access';
const SECRET = 'spantap-secret';
export const BUCKET = 'bodies';

export interface ServerFlags {
  /** PEM files. */
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly virtualDomain?: string;
}

export class S3Server {
  readonly folder: string;
  readonly port: number;
  readonly client: S3Client;
  readonly #flags: readonly string[];
  #program: Program | undefined;

  constructor(folder: string, port: number, flags: ServerFlags) {
    this.folder = folder;
    this.port = port;
    const { tls, virtualDomain } = flags;
    this.#flags = [
      ...(tls === undefined ? [] : ['--cert', tls.cert, '--key', tls.key]),
      ...(virtualDomain === undefined ? [] : ['--virtual-domain', virtualDomain]),
    ];
    this.client = new S3Client({
      endpoint: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: ACCESS, secretAccessKey: SECRET },
      requestHandler: { httpsAgent: { rejectUnauthorized: false } },
    });
  }

  async start(): Promise<void> {
    mkdirSync(join(this.folder, 'data'), { recursive: true });
    const port = `127.0.0.1:${this.port}`;
    const flags = ['--port', port, '--quiet', '--keep-alive', ...this.#flags];
    const env = { ROOT_ACCESS_KEY: ACCESS, ROOT_SECRET_KEY: SECRET };
    const args = [...flags, 'posix', join(this.folder, 'data')];
    this.#program = new Program('versitygw', s3ServerProgram(), args, { env });
    await this.#program.accepts(this.port);
  }

  async stop(): Promise<void> {
    await this.#program?.stop();
    this.#program = undefined;
  }

  async createBucket(): Promise<void> {
    await this.client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  }

  /** Options of a store in this server, with the right keys. */
  options(more: Partial<S3StoreOptions> = {}): S3StoreOptions {
    return s3Options(this.folder, {
      endpoint: `127.0.0.1:${this.port}`,
      bucket: BUCKET,
      accessKey: { value: ACCESS },
      secretKey: { value: SECRET },
      ...more,
    });
  }
}

/** A server that is not started yet; it ends with the test. */
export async function prepareServer(t: TestContext, flags: ServerFlags = {}): Promise<S3Server> {
  const { s3 } = await freePorts('s3');
  const server = new S3Server(temporaryFolder(t), s3, flags);
  t.after(async () => {
    server.client.destroy();
    await server.stop();
  });
  return server;
}

/** A server with its bucket. */
export async function startServer(t: TestContext, flags: ServerFlags = {}): Promise<S3Server> {
  const server = await prepareServer(t, flags);
  await server.start();
  await server.createBucket();
  return server;
}
