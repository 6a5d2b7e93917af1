/** HAProxy that changes method, target and headers of what it sends on. */
import { after, describe, test } from 'node:test';
import { freePorts } from '../harness/ports.ts';
import { askRewritten, expectRewritten, type Rewriting } from '../harness/rewriting.ts';
import { Scene } from '../harness/scene.ts';

const KINDS: readonly Rewriting[] = [
  { method: 'GET', path: '/posted', upstream: 'POST /posted' },
  { method: 'PUT', path: '/swapped', upstream: 'PATCH /swapped' },
  { method: 'POST', path: '/moved/away', upstream: 'POST /direct/away' },
  { method: 'POST', path: '/direct/too', upstream: 'POST /direct/too' },
];

const config = (front: number, api: number) => `
global
  nbthread 2
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend front
  bind 127.0.0.1:${front}
  http-request set-method POST if { path_beg /posted }
  http-request set-method PATCH if { path_beg /swapped }
  http-request replace-path /moved/(.*) /direct/\\1
  http-request set-header X-Request-ID one
  default_backend api
backend api
  http-reuse always
  server api 127.0.0.1:${api}
`;

describe('HAProxy that rewrites requests', () => {
  const scene = new Scene();
  after(() => scene.close());

  test('is linked by its state, every request to its own', async () => {
    const { front, api } = await freePorts('front', 'api');
    await scene.backend('api', api);
    await scene.haproxy(front, config(front, api));
    await scene.watch();
    await askRewritten(front, KINDS);
    await expectRewritten(scene, 'haproxy', KINDS);
  });
});
