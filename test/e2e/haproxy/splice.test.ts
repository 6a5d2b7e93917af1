/** HAProxy that moves bodies from socket to socket by splice(), where no buffer ever holds them. */
import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { assertHop, assertNoLoss } from '../harness/facts.ts';
import { ask } from '../harness/http-client.ts';
import { freePorts } from '../harness/ports.ts';
import type { Program } from '../harness/program.ts';
import { Scene } from '../harness/scene.ts';
import { proxied } from '../harness/span-tree.ts';
import { haproxyHead } from './scene.ts';

const BODY_BYTES = 2_000_000;

const config = (front: number, api: number) => `${haproxyHead()}  option splice-response
  option splice-request
frontend front
  bind 127.0.0.1:${front}
  default_backend api
backend api
  http-reuse always
  server api 127.0.0.1:${api}
`;

describe('HAProxy that splices', () => {
  const scene = new Scene();
  let haproxy: Program;
  let port: number;
  before(async () => {
    const ports = await freePorts('front', 'api');
    port = ports.front;
    await scene.backend('api', ports.api);
    haproxy = await scene.haproxy(port, config(port, ports.api));
    await scene.watch({ transport: 'grpc' });
  });
  after(() => scene.close());

  const pipes = () => {
    const fds = `/proc/${haproxy.pid}/fd`;
    return readdirSync(fds).filter((fd) => readlinkSync(`${fds}/${fd}`).startsWith('pipe:')).length;
  };

  test('bodies have their size and end on either side, from the first request on', async () => {
    const pipesBefore = pipes();
    for (const n of [1, 2, 3]) {
      const path = `/large/${n}`;
      await ask(port, `${path}?bytes=${BODY_BYTES}`);
      const spans = await scene.expectTrace(path, proxied('haproxy', 'api', `GET ${path}`));
      assertHop(spans);
      for (const { attributes } of spans) {
        assert.equal(attributes['http.response.body.size'], BODY_BYTES);
      }
    }
    assert(pipes() > pipesBefore, 'HAProxy did splice');
  });

  test('nothing is lost', async () => assertNoLoss(await scene.stopAgent()));
});
