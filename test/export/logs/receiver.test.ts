/** Where logs of an event store go: its own keys, and OTEL_EXPORTER_OTLP_* for the rest. */
import assert from 'node:assert/strict';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import grpc from '@grpc/grpc-js';
import type { OtelEventStoreConfig } from '../../../src/config/file/types.ts';
import type { Protocol } from '../../../src/export/choose.ts';
import { createLogTransport, logProtocol, receiverOf } from '../../../src/export/logs/receiver.ts';
import { LOGS } from '../../../src/export/transport/signal.ts';
import type { SendResult } from '../../../src/export/types.ts';
import { AgentError } from '../../../src/telemetry/agent-error.ts';
import { temporaryFolder } from '../../store/temporary.ts';
import { createCertificates, read } from '../certificates.ts';
import { withEnvironment } from '../environment.ts';
import { GrpcReceiver, HttpReceiver, type Received } from '../receiver.ts';

const BODY = Buffer.from([]);
const open = new AbortController().signal;

function storeOf(more: Partial<OtelEventStoreConfig> = {}): OtelEventStoreConfig {
  return {
    type: 'otel',
    id: undefined,
    endpoint: undefined,
    protocol: undefined,
    headers: undefined,
    serviceName: 'spantap',
    environment: undefined,
    tls: undefined,
    ...more,
  };
}

const textOf = (value: string) => ({ type: 'text', name: '', value }) as const;

async function send(
  t: TestContext,
  store: OtelEventStoreConfig,
  protocol: Protocol,
  env: Record<string, string> = {},
): Promise<SendResult> {
  return withEnvironment({}, async () => {
    const transport = createLogTransport(store, protocol, env);
    t.after(() => transport.close());
    return transport.send(BODY, open);
  });
}

async function httpReceiver(
  t: TestContext,
  server?: ConstructorParameters<typeof HttpReceiver>[0],
) {
  const receiver = new HttpReceiver(server);
  const port = await receiver.listen();
  t.after(() => receiver.close());
  return { receiver, port };
}

function only(received: readonly Received[]): Received {
  assert.equal(received.length, 1);
  const [request] = received;
  assert(request);
  return request;
}

async function grpcReceiver(t: TestContext, credentials?: grpc.ServerCredentials) {
  const receiver = new GrpcReceiver(LOGS.grpcPath);
  const port = await receiver.listen(credentials);
  t.after(() => receiver.close());
  return { receiver, port };
}

describe('over HTTP', () => {
  test('logs go to v1/logs of the endpoint, with the headers of the store and no others', async (t) => {
    const { receiver, port } = await httpReceiver(t);
    const endpoint = `http://127.0.0.1:${port}`;
    const headers = { 'x-tenant': textOf('edge') };
    const env = { OTEL_EXPORTER_OTLP_HEADERS: 'authorization=not-yours' };
    const result = await send(t, storeOf({ endpoint, headers }), 'http/protobuf', env);
    assert.equal(result.kind, 'accepted');
    const { path, headers: seen } = only(receiver.received);
    assert.equal(path, '/v1/logs');
    assert.equal(seen['x-tenant'], 'edge');
    assert.equal(seen.authorization, undefined);
    assert.equal(seen['content-type'], 'application/x-protobuf');
  });

  test('a path of the endpoint is kept, and v1/logs not added twice', () => {
    const urlOf = (endpoint: string) => receiverOf(storeOf({ endpoint }), 'http/json').url;
    assert.equal(urlOf('http://a:4318/otlp/'), 'http://a:4318/otlp/v1/logs');
    assert.equal(urlOf('http://a:4318/v1/logs'), 'http://a:4318/v1/logs');
    assert.equal(urlOf('a:4318'), 'http://a:4318/v1/logs');
  });

  test('what the store leaves out is as the environment says', async (t) => {
    const { receiver, port } = await httpReceiver(t);
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=a',
      OTEL_EXPORTER_OTLP_LOGS_HEADERS: 'x-kind=logs',
    };
    assert.equal((await send(t, storeOf(), 'http/json', env)).kind, 'accepted');
    const { path, headers } = only(receiver.received);
    assert.equal(path, '/v1/logs');
    assert.deepEqual([headers['x-tenant'], headers['x-kind']], ['a', 'logs']);
    assert.equal(headers['content-type'], 'application/json');
  });

  test('OTEL_EXPORTER_OTLP_LOGS_ENDPOINT is the whole URL', async (t) => {
    const { receiver, port } = await httpReceiver(t);
    const env = { OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: `http://127.0.0.1:${port}/mine` };
    await send(t, storeOf(), 'http/protobuf', env);
    assert.equal(receiver.received[0]?.path, '/mine');
  });

  test('a collector that rejects some says how many', async (t) => {
    const { receiver, port } = await httpReceiver(t);
    const partial = { partialSuccess: { rejectedLogRecords: '2', errorMessage: 'too old' } };
    receiver.answers = [{ body: JSON.stringify(partial) }];
    const endpoint = `http://127.0.0.1:${port}`;
    assert.deepEqual(await send(t, storeOf({ endpoint }), 'http/json'), {
      kind: 'accepted',
      rejected: 2,
      message: 'too old',
    });
  });
});

describe('over gRPC', () => {
  test('logs go to the log service, with the headers of the store and no others', async (t) => {
    const { receiver, port } = await grpcReceiver(t);
    const store = storeOf({ endpoint: `127.0.0.1:${port}`, headers: { 'x-tenant': textOf('b') } });
    const env = { OTEL_EXPORTER_OTLP_HEADERS: 'authorization=not-yours' };
    assert.equal((await send(t, store, 'grpc', env)).kind, 'accepted');
    const [{ metadata } = { metadata: new grpc.Metadata() }] = receiver.received;
    assert.deepEqual(metadata.get('x-tenant'), ['b']);
    assert.deepEqual(metadata.get('authorization'), []);
  });

  test('or where the environment says', async (t) => {
    const { receiver, port } = await grpcReceiver(t);
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` };
    assert.equal((await send(t, storeOf(), 'grpc', env)).kind, 'accepted');
    assert.equal(receiver.received.length, 1);
  });
});

test('gRPC over a Unix socket is plain', async (t) => {
  const path = join(temporaryFolder(t), 'otlp.sock');
  const receiver = new GrpcReceiver(LOGS.grpcPath);
  await receiver.listenAt(`unix:${path}`);
  t.after(() => receiver.close());
  for (const endpoint of [`unix:${path}`, `unix://${path}`]) {
    assert.equal((await send(t, storeOf({ endpoint }), 'grpc')).kind, 'accepted', endpoint);
  }
});

describe('TLS', () => {
  const tlsOf = (more: object) =>
    ({ enabled: true, insecureSkipVerify: false, caFile: undefined, ...more }) as const;

  test('trusts the authorities of the store, or any certificate when it says so', async (t) => {
    const certificates = createCertificates();
    t.after(() => certificates.remove());
    const key = read(certificates.serverKey);
    const cert = read(certificates.serverCertificate);
    const { port: https } = await httpReceiver(t, createServer({ key, cert }));
    const pairs = [{ private_key: key, cert_chain: cert }];
    const { port: grpcs } = await grpcReceiver(t, grpc.ServerCredentials.createSsl(null, pairs));
    for (const [protocol, port] of [
      ['http/protobuf', https],
      ['grpc', grpcs],
    ] as const) {
      const endpoint = `127.0.0.1:${port}`;
      const env = { OTEL_EXPORTER_OTLP_TIMEOUT: '3000' };
      const kindWith = async (tls: object) =>
        (await send(t, storeOf({ endpoint, tls: tlsOf(tls) }), protocol, env)).kind;
      assert.equal(await kindWith({ caFile: certificates.authority }), 'accepted', protocol);
      assert.equal(await kindWith({ insecureSkipVerify: true }), 'accepted', protocol);
      assert.equal(await kindWith({}), 'retry', protocol);
    }
  });

  test('with a file of authorities that is not there ends the start', (t) => {
    const caFile = join(temporaryFolder(t), 'none.pem');
    const store = storeOf({ endpoint: 'a:4318', tls: tlsOf({ caFile }) });
    assert.throws(
      () => createLogTransport(store, 'grpc', {}),
      (error) => error instanceof AgentError && error.text.what.includes('none.pem'),
    );
  });
});

describe('the protocol', () => {
  const chosen = (store: Partial<OtelEventStoreConfig>, env: Record<string, string> = {}) =>
    logProtocol(storeOf(store), env, 'http/json');

  test('is that of the store, then of the environment', () => {
    const env = { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' };
    assert.equal(chosen({ protocol: 'grpc', endpoint: 'http://a:4318' }, env), 'grpc');
    assert.equal(chosen({ endpoint: 'a:4317' }, env), 'http/protobuf');
    assert.equal(chosen({}, { ...env, OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: 'grpc' }), 'grpc');
  });

  test('left out is gRPC for host:port and port 4317, HTTP for other URLs', () => {
    assert.equal(chosen({ endpoint: 'a:9999' }), 'grpc');
    assert.equal(chosen({ endpoint: 'http://a:4317' }), 'grpc');
    assert.equal(chosen({ endpoint: 'https://logs.example.com' }), 'http/protobuf');
  });

  test('is that of spans when the store does not say where either', () => {
    assert.equal(chosen({}), 'http/json');
  });
});
