/** What the s3 store sends, and what it makes of answers. Signatures: test/e2e/store. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import type { S3StoreOptions } from '../../src/store/options.ts';
import { readFailure } from '../../src/store/s3-failure.ts';
import { openS3Store, type S3Store, usesPathStyle } from '../../src/store/s3-store.ts';
import { objectOf } from './fake-store.ts';
import { type Answer, type NotingServer, s3Error, startNotingServer } from './http-server.ts';
import { s3Options } from './options.ts';
import { temporaryFolder } from './temporary.ts';

const LIMITS = { requestsMax: 2, requestTimeoutMs: 5_000 };
const KEYS = { accessKey: { value: 'static' }, secretKey: { value: 'secret' } };
const BODY = { ...objectOf('2026/11/21/sha256/ff', 'body'), isContentAddressed: true };
const signal = new AbortController().signal;

async function storeOf(t: TestContext, port: number, more: Partial<S3StoreOptions> = KEYS) {
  const options = s3Options(temporaryFolder(t), { endpoint: `127.0.0.1:${port}`, ...more });
  const store = await openS3Store(options, LIMITS);
  t.after(() => store.close());
  return store;
}

async function answered(t: TestContext, ...answers: Answer[]) {
  const last = answers.at(-1) ?? { status: 200 };
  const server = await startNotingServer(t, () => answers.shift() ?? last);
  return { server, store: await storeOf(t, server.port) };
}

const put = (store: S3Store, object = BODY) => store.put(object, signal);

/** Sets variables of this process for the time of a test. */
function setEnvironment(t: TestContext, values: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(values)) {
    const before = process.env[name];
    process.env[name] = value;
    t.after(() => {
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    });
  }
}

/** Whose key signed the last request. */
const signer = ({ requests }: NotingServer) =>
  /Credential=([^/]+)/.exec(String(requests.at(-1)?.headers.authorization))?.[1];

describe('a request of the s3 store', () => {
  test('asks for encryption, storage class and tags as configured', async (t) => {
    const server = await startNotingServer(t, () => ({ status: 200 }));
    const store = await storeOf(t, server.port, {
      ...KEYS,
      sse: { type: 'aws:kms', kmsKeyId: 'key-7', bucketKey: true },
      storageClass: 'STANDARD_IA',
      tags: { a: 'b c' },
    });
    assert.deepEqual(await put(store), { kind: 'stored' });
    const [request] = server.requests;
    const sent = (name: string) => request?.headers[`x-amz-${name}`];
    assert.equal(request?.url?.split('?')[0], '/bodies/2026/11/21/sha256/ff');
    assert.equal(sent('server-side-encryption'), 'aws:kms');
    assert.equal(sent('server-side-encryption-aws-kms-key-id'), 'key-7');
    assert.equal(sent('server-side-encryption-bucket-key-enabled'), 'true');
    assert.equal(sent('storage-class'), 'STANDARD_IA');
    assert.equal(sent('tagging'), 'a=b+c');
    assert.equal(request?.headers['if-none-match'], '*');
    assert.equal(request?.body, 'body');
  });

  test('has the content type that the message had, and none that cannot be sent', async (t) => {
    const { server, store } = await answered(t, { status: 200 });
    for (const contentType of ['text/html; charset=utf-8', 'text/plain;\ta=b', 'caf\xe9\x01']) {
      assert.deepEqual(await put(store, { ...BODY, contentType }), { kind: 'stored' });
    }
    const types = server.requests.map(({ headers }) => headers['content-type']);
    const unknown = 'application/octet-stream';
    assert.deepEqual(types, ['text/html; charset=utf-8', 'text/plain', unknown]);
  });

  test('names the bucket in the host at AWS, also at a region, and in the path elsewhere', () => {
    const isPath = (endpoint: string, addressing: 'auto' | 'path' | 'virtual' = 'auto') =>
      usesPathStyle({ endpoint, addressing });
    const aws = [
      's3.amazonaws.com',
      's3.eu-central-1.amazonaws.com',
      's3.cn-north-1.amazonaws.com.cn',
    ];
    assert.deepEqual(
      aws.map((endpoint) => isPath(endpoint)),
      [false, false, false],
    );
    const others = [
      '127.0.0.1:9000',
      'storage.internal',
      'amazonaws.com.example',
      'notamazonaws.com',
    ];
    assert.deepEqual(
      others.map((endpoint) => isPath(endpoint)),
      [true, true, true, true],
    );
    assert.ok(isPath('s3.amazonaws.com', 'path') && !isPath('storage.internal', 'virtual'));
  });

  test('has no condition for a record, and none where that is not wanted', async (t) => {
    const server = await startNotingServer(t, () => ({ status: 200 }));
    await put(await storeOf(t, server.port), objectOf('record'));
    await put(await storeOf(t, server.port, { ...KEYS, ifNoneMatch: 'never' }));
    assert.deepEqual(
      server.requests.map(({ headers }) => headers['if-none-match']),
      [undefined, undefined],
    );
  });

  test("is sent once: repeating is the writer's business", async (t) => {
    const { server, store } = await answered(t, s3Error(503, 'SlowDown'));
    assert.equal((await put(store)).kind, 'retry');
    assert.equal(server.requests.length, 1);
  });

  test('names objects by s3 URIs, and for people by the template', async (t) => {
    const accessUrl = '{{SCHEME}}://{{ENDPOINT}}/{{BUCKET}}/{{DIGEST}}';
    const store = await storeOf(t, 9000, { ...KEYS, accessUrl });
    assert.equal(store.uriOf('a/b'), 's3://bodies/a/b');
    assert.equal(store.urlOf('a/b', 'ff'), 'http://127.0.0.1:9000/bodies/a/b');
  });
});

describe('an answer to the s3 store', () => {
  const outcome = async (t: TestContext, answer: Answer) => {
    const { store } = await answered(t, answer);
    const result = await put(store);
    return result.kind === 'retry' && result.isDenied ? 'denied' : result.kind;
  };

  test('412 means that the body is there', async (t) => {
    assert.equal(await outcome(t, s3Error(412, 'PreconditionFailed')), 'existed');
  });

  test('501 to the condition: the server cannot, and is not asked again', async (t) => {
    const { server, store } = await answered(t, s3Error(501, 'NotImplemented'), { status: 200 });
    assert.equal((await put(store)).kind, 'stored');
    assert.equal((await put(store)).kind, 'stored');
    assert.deepEqual(
      server.requests.map(({ headers }) => headers['if-none-match']),
      ['*', undefined, undefined],
    );
  });

  test('5xx, 409 and 429 are worth another try', async (t) => {
    for (const [status, code] of [
      [500, 'InternalError'],
      [503, 'SlowDown'],
      [409, 'ConditionalRequestConflict'],
      [429, 'TooManyRequests'],
    ] as const) {
      assert.equal(await outcome(t, s3Error(status, code)), 'retry', code);
    }
  });

  test('what a person has to mend waits: rights, keys, bucket, region', async (t) => {
    for (const [status, code] of [
      [403, 'AccessDenied'],
      [403, 'RequestTimeTooSkewed'],
      [404, 'NoSuchBucket'],
      [400, 'AuthorizationHeaderMalformed'],
      [400, 'ExpiredToken'],
      [400, 'InvalidStorageClass'],
    ] as const) {
      assert.equal(await outcome(t, s3Error(status, code)), 'denied', code);
    }
  });

  test('what no server will ever take is refused', async (t) => {
    assert.equal(await outcome(t, s3Error(400, 'EntityTooLarge')), 'refused');
    assert.equal(await outcome(t, s3Error(413, 'Whatever')), 'refused');
    assert.equal(await outcome(t, s3Error(400, 'KeyTooLongError')), 'refused');
    const unsendable = Object.assign(new TypeError('Invalid'), { code: 'ERR_INVALID_CHAR' });
    assert.equal(readFailure(unsendable).verdict, 'refused');
  });

  test('an unknown 4xx is believed the third time', async (t) => {
    const { store } = await answered(t, s3Error(418, 'Teapot'));
    const kinds = [await put(store), await put(store), await put(store)].map(({ kind }) => kind);
    assert.deepEqual(kinds, ['retry', 'retry', 'refused']);
  });

  test('Retry-After is honoured, up to a minute', async (t) => {
    const slow = s3Error(503, 'SlowDown');
    const { store } = await answered(t, { ...slow, headers: { 'retry-after': '7' } });
    const result = await put(store);
    assert.ok(result.kind === 'retry');
    assert.equal(result.afterMs, 7_000);
  });
});

describe('keys of the s3 store', () => {
  /** Nothing of this machine, and no way to AWS. */
  function isolate(t: TestContext, values: Readonly<Record<string, string>>): void {
    const none = join(temporaryFolder(t), 'none');
    setEnvironment(t, {
      AWS_CONFIG_FILE: none,
      AWS_SHARED_CREDENTIALS_FILE: none,
      AWS_REGION: 'us-east-1',
      ...values,
    });
  }

  const NO_KEYS = { accessKey: undefined, secretKey: undefined };
  const EXPIRES = new Date(Date.now() + 3_600_000).toISOString();

  test('come from a web identity (IRSA), through STS', async (t) => {
    const sts = await startNotingServer(t, () => ({
      status: 200,
      body:
        '<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>' +
        '<AccessKeyId>by-web-identity</AccessKeyId><SecretAccessKey>s</SecretAccessKey>' +
        `<SessionToken>token</SessionToken><Expiration>${EXPIRES}</Expiration></Credentials>` +
        '</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>',
    }));
    const token = join(temporaryFolder(t), 'token');
    writeFileSync(token, 'the-identity');
    isolate(t, {
      AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/spantap',
      AWS_WEB_IDENTITY_TOKEN_FILE: token,
      AWS_ENDPOINT_URL_STS: `http://127.0.0.1:${sts.port}`,
    });
    const server = await startNotingServer(t, () => ({ status: 200 }));
    const store = await storeOf(t, server.port, NO_KEYS);
    assert.deepEqual(await put(store), { kind: 'stored' });
    assert.equal(signer(server), 'by-web-identity');
    assert.equal(server.requests[0]?.headers['x-amz-security-token'], 'token');
    assert.match(sts.requests[0]?.body ?? '', /WebIdentityToken=the-identity/);
  });

  test('come from the instance (IMDSv2)', async (t) => {
    const credentials = {
      Code: 'Success',
      Type: 'AWS-HMAC',
      AccessKeyId: 'by-instance',
      SecretAccessKey: 's',
      Token: 'token',
      Expiration: EXPIRES,
      LastUpdated: EXPIRES,
    };
    const imds = await startNotingServer(t, ({ method, url }) => {
      if (method === 'PUT') return { status: 200, body: 'session' };
      if (url.endsWith('/security-credentials/')) return { status: 200, body: 'role' };
      return { status: 200, body: JSON.stringify(credentials) };
    });
    isolate(t, { AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${imds.port}` });
    const server = await startNotingServer(t, () => ({ status: 200 }));
    const store = await storeOf(t, server.port, NO_KEYS);
    assert.deepEqual(await put(store), { kind: 'stored' });
    assert.equal(signer(server), 'by-instance');
    assert.equal(imds.requests[0]?.method, 'PUT');
  });

  test('come from a profile', async (t) => {
    const file = join(temporaryFolder(t), 'credentials');
    writeFileSync(file, '[tap]\naws_access_key_id = by-profile\naws_secret_access_key = s\n');
    isolate(t, { AWS_SHARED_CREDENTIALS_FILE: file, AWS_PROFILE: 'tap' });
    const server = await startNotingServer(t, () => ({ status: 200 }));
    assert.deepEqual(await put(await storeOf(t, server.port, NO_KEYS)), { kind: 'stored' });
    assert.equal(signer(server), 'by-profile');
  });

  test('are those of the configuration where it has any', async (t) => {
    isolate(t, { AWS_ACCESS_KEY_ID: 'by-environment', AWS_SECRET_ACCESS_KEY: 's' });
    const server = await startNotingServer(t, () => ({ status: 200 }));
    const sessionToken = { value: 'temporary' };
    await put(await storeOf(t, server.port, { ...KEYS, sessionToken }));
    assert.equal(signer(server), 'static');
    assert.equal(server.requests[0]?.headers['x-amz-security-token'], 'temporary');
  });
});
