/**
 * Objects in any server that speaks S3, through the AWS SDK, which is loaded when the first such
 * store is opened (39 MB, 0.1 s). The SDK signs and knows where credentials come from; it does not
 * retry: the writer does.
 */
import { readFileSync } from 'node:fs';
import type { PutObjectCommandInput, S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import { AgentError, messageOf } from '../telemetry/agent-error.ts';
import { expandUrl } from './keys.ts';
import { storableMediaType } from './media-type.ts';
import type { S3StoreOptions } from './options.ts';
import { readFailure } from './s3-failure.ts';
import type { ObjectStore, PutResult, StoredObject } from './types.ts';

export interface S3Limits {
  readonly requestsMax: number;
  readonly requestTimeoutMs: number;
}

const CONNECT_TIMEOUT_MS = 5_000;
const DOUBTED_TIMES_MAX = 3;
const DOUBTS_MAX = 1_000;
const AWS_ENDPOINT = 's3.amazonaws.com';

type Sdk = typeof import('@aws-sdk/client-s3');

/** @throws AgentError when the certificates cannot be read */
export async function openS3Store(options: S3StoreOptions, limits: S3Limits): Promise<S3Store> {
  const config = clientConfig(options, limits);
  const sdk = await import('@aws-sdk/client-s3');
  return new S3Store(sdk, new sdk.S3Client(config), options);
}

export class S3Store implements ObjectStore {
  readonly target: string;
  readonly #sdk: Sdk;
  readonly #client: S3Client;
  readonly #options: S3StoreOptions;
  readonly #fixed: Omit<PutObjectCommandInput, 'Key'>;
  #asksIfNoneMatch: boolean;
  /** Uncertain answers, by key; forgotten altogether when there are too many. */
  readonly #doubts = new Map<string, number>();

  constructor(sdk: Sdk, client: S3Client, options: S3StoreOptions) {
    this.target = `s3://${options.bucket} at ${options.endpoint}`;
    this.#sdk = sdk;
    this.#client = client;
    this.#options = options;
    this.#fixed = fixedInput(options);
    this.#asksIfNoneMatch = options.ifNoneMatch === 'auto';
  }

  async put(object: StoredObject, signal: AbortSignal): Promise<PutResult> {
    const isConditional = object.isContentAddressed && this.#asksIfNoneMatch;
    try {
      const command = new this.#sdk.PutObjectCommand({
        ...this.#fixed,
        Key: object.key,
        Body: object.bytes,
        ContentType: storableMediaType(object.contentType),
        ...(isConditional ? { IfNoneMatch: '*' } : {}),
      });
      await this.#client.send(command, { abortSignal: signal });
      this.#doubts.delete(object.key);
      return { kind: 'stored' };
    } catch (error) {
      return this.#judge(object, isConditional, error, signal);
    }
  }

  uriOf(key: string): string {
    return `s3://${this.#options.bucket}/${key}`;
  }

  urlOf(key: string, sha256: string): string | undefined {
    const { accessUrl, insecure, endpoint, bucket } = this.#options;
    if (accessUrl === undefined) return undefined;
    return expandUrl(accessUrl, {
      SCHEME: insecure ? 'http' : 'https',
      ENDPOINT: endpoint,
      BUCKET: bucket,
      DIGEST: key,
      SHA256: sha256,
    });
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }

  async #judge(
    object: StoredObject,
    isConditional: boolean,
    error: unknown,
    signal: AbortSignal,
  ): Promise<PutResult> {
    const failure = readFailure(error);
    if (isConditional && failure.status === 412) return { kind: 'existed' };
    if (isConditional && failure.isUnsupported && !signal.aborted) {
      this.#asksIfNoneMatch = false;
      return this.put(object, signal);
    }
    if (failure.verdict === 'refused' || this.#isDoubtfulAgain(object.key, failure.verdict)) {
      this.#doubts.delete(object.key);
      return { kind: 'refused', reason: failure.reason, isFull: false };
    }
    const { reason, verdict, afterMs } = failure;
    return { kind: 'retry', reason, isDenied: verdict === 'denied', afterMs };
  }

  /** An answer of which nobody knows what it means is believed the third time. */
  #isDoubtfulAgain(key: string, verdict: string): boolean {
    if (verdict !== 'doubtful') return false;
    const count = (this.#doubts.get(key) ?? 0) + 1;
    if (this.#doubts.size >= DOUBTS_MAX) this.#doubts.clear();
    this.#doubts.set(key, count);
    return count >= DOUBTED_TIMES_MAX;
  }
}

function clientConfig(options: S3StoreOptions, limits: S3Limits): S3ClientConfig {
  const isAws = options.endpoint === AWS_ENDPOINT;
  const scheme = options.insecure ? 'http' : 'https';
  return {
    region: options.region,
    // Without an endpoint the SDK takes the one of the region.
    ...(isAws && !options.insecure ? {} : { endpoint: `${scheme}://${options.endpoint}` }),
    forcePathStyle: usesPathStyle(options),
    ...credentialsOf(options),
    maxAttempts: 1,
    // Servers other than AWS's do not all know its newer checksums; the signature covers the body.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: limits.requestTimeoutMs,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true, maxSockets: limits.requestsMax },
      httpsAgent: { keepAlive: true, maxSockets: limits.requestsMax, ...tlsOf(options) },
    },
  };
}

/** AWS has the bucket in the host, also at the endpoints of its regions; most others in the path. */
export function usesPathStyle({
  addressing,
  endpoint,
}: Pick<S3StoreOptions, 'addressing' | 'endpoint'>): boolean {
  if (addressing !== 'auto') return addressing === 'path';
  return !/(^|\.)amazonaws\.com(\.cn)?(:\d+)?$/i.test(endpoint);
}

/** Without keys of our own the SDK's chain is asked: environment, profile, web identity, IMDS. */
function credentialsOf({ accessKey, secretKey, sessionToken }: S3StoreOptions): S3ClientConfig {
  if (accessKey === undefined || secretKey === undefined) return {};
  return {
    credentials: {
      accessKeyId: accessKey.value,
      secretAccessKey: secretKey.value,
      ...(sessionToken === undefined ? {} : { sessionToken: sessionToken.value }),
    },
  };
}

function tlsOf({ tls }: S3StoreOptions): { ca?: Buffer; rejectUnauthorized?: boolean } {
  return {
    ...(tls.caFile === undefined ? {} : { ca: readCa(tls.caFile) }),
    ...(tls.insecureSkipVerify ? { rejectUnauthorized: false } : {}),
  };
}

function readCa(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const why = messageOf(cause);
    const what = `ca_file ${path} cannot be read`;
    throw new AgentError('store_ca_file', { what, why }, { cause });
  }
}

function fixedInput(options: S3StoreOptions): Omit<PutObjectCommandInput, 'Key'> {
  const { sse, storageClass } = options;
  const tags = new URLSearchParams(options.tags).toString();
  return {
    Bucket: options.bucket,
    ...(tags === '' ? {} : { Tagging: tags }),
    ...(storageClass === undefined ? {} : { StorageClass: storageClass as 'STANDARD' }),
    ...(sse === undefined ? {} : { ServerSideEncryption: sse.type }),
    ...(sse?.kmsKeyId === undefined ? {} : { SSEKMSKeyId: sse.kmsKeyId }),
    ...(sse?.bucketKey ? { BucketKeyEnabled: true } : {}),
  };
}
