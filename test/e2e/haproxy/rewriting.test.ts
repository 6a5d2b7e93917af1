/** HAProxy that changes method, target and headers of what it sends on. */
import { describe } from 'node:test';
import { type Rewriting, testRewriting } from '../harness/rewriting.ts';
import { haproxyHead } from './scene.ts';

const KINDS: readonly Rewriting[] = [
  { method: 'GET', path: '/posted', upstream: 'POST /posted' },
  { method: 'PUT', path: '/swapped', upstream: 'PATCH /swapped' },
  { method: 'POST', path: '/moved/away', upstream: 'POST /direct/away' },
  { method: 'POST', path: '/direct/too', upstream: 'POST /direct/too' },
];

const config = (front: number, api: number) => `${haproxyHead()}frontend front
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
  testRewriting('haproxy', KINDS, config);
});
