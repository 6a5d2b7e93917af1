/** nginx that changes method, target and body of what it sends on. */
import { describe } from 'node:test';
import { type Rewriting, testRewriting } from '../harness/rewriting.ts';

const KINDS: readonly Rewriting[] = [
  { method: 'GET', path: '/posted', upstream: 'POST /posted' },
  { method: 'PUT', path: '/swapped', upstream: 'PATCH /swapped' },
  { method: 'POST', path: '/short', upstream: 'POST /short' },
  { method: 'POST', path: '/moved/away', upstream: 'POST /direct/away' },
  { method: 'POST', path: '/direct/too', upstream: 'POST /direct/too' },
];

const config = (front: number, api: number) => `
upstream api { server 127.0.0.1:${api}; keepalive 16; }
server {
  listen 127.0.0.1:${front};
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  location /direct { proxy_pass http://api; }
  location /posted { proxy_method POST; proxy_set_body "made of $request_uri"; proxy_pass http://api; }
  location /swapped { proxy_method PATCH; proxy_pass http://api; }
  location /short { proxy_set_body "x"; proxy_set_header X-Request-ID one; proxy_pass http://api; }
  location /moved { rewrite ^/moved/(.*)$ /direct/$1 break; proxy_pass http://api; }
}`;

describe('nginx that rewrites requests', () => {
  testRewriting('nginx', KINDS, config);
});
