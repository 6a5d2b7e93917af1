/** Packaged proxies in front of one backend, in the ways that differ for linking. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findProgram } from '../../src/discover/programs.ts';
import { Program } from '../e2e/harness/program.ts';

export type ProxyKind = 'nginx' | 'haproxy' | 'caddy';

export interface ProxyOptions {
  readonly kind: ProxyKind;
  readonly folder: string;
  readonly port: number;
  readonly backendPort: number;
  /** new: a connection per upstream request; reuse: the proxy's pool. */
  readonly upstream: 'new' | 'reuse';
  /** HAProxy: requests that the backend gets at once; others wait in the proxy. */
  readonly serverMax?: number;
  /** HAProxy: 1 brings everything into one thread. */
  readonly threads?: number;
  /** HAProxy: a second place to listen on. */
  readonly bind?: string;
}

export interface RunningProxy {
  readonly program: Program;
  /** The processes that carry requests. */
  readonly workers: readonly number[];
}

const WORKERS = 2;

export async function startProxy(options: ProxyOptions): Promise<RunningProxy> {
  mkdirSync(options.folder, { recursive: true });
  const program = { nginx, haproxy, caddy }[options.kind](options);
  await program.accepts(options.port);
  if (options.kind !== 'nginx') return { program, workers: [program.pid] };
  while (childrenOf(program.pid).length < WORKERS) await sleep(5);
  return { program, workers: childrenOf(program.pid) };
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
}

function write(folder: string, name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/**
 * Paths: /t/ plain; /auth/ with a subrequest to /check; /retry/ first to a port nobody listens
 * on, which nginx gives up and tries the backend; /slow/ delayed by a timer.
 */
function nginx({ folder, port, backendPort, upstream }: ProxyOptions): Program {
  const isReuse = upstream === 'reuse';
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join(' ');
  const config = `
daemon off; worker_processes ${WORKERS}; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 4096; }
http {
  access_log off; ${temporary}
  limit_req_zone all zone=all:1m rate=500r/s;
  upstream app { server 127.0.0.1:${backendPort}; ${isReuse ? 'keepalive 64;' : ''} }
  upstream flaky {
    server 127.0.0.1:1 max_fails=0; server 127.0.0.1:${backendPort} backup;
    ${isReuse ? 'keepalive 64;' : ''}
  }
  server {
    listen 127.0.0.1:${port};
    proxy_http_version 1.1;
    proxy_set_header Connection ${isReuse ? '""' : 'close'};
    location / { proxy_pass http://app; }
    location /auth/ { auth_request /check; proxy_pass http://app; }
    location = /check { internal; proxy_pass http://app/check$request_uri; }
    location /retry/ { proxy_pass http://flaky; }
    location /slow/ { limit_req zone=all burst=10000; proxy_pass http://app; }
  }
}`;
  const file = write(folder, 'nginx.conf', config);
  return new Program('nginx', findProgram('nginx'), ['-c', file, '-e', `${folder}/error.log`]);
}

function haproxy(options: ProxyOptions): Program {
  const { folder, port, backendPort, upstream, serverMax = 24, threads = WORKERS, bind } = options;
  const isReuse = upstream === 'reuse';
  const config = `
global
  nbthread ${threads}
defaults
  mode http
  timeout connect 5s
  timeout client 1m
  timeout server 1m
  timeout check 5s
  option ${isReuse ? 'http-keep-alive' : 'http-server-close'}
  http-reuse ${isReuse ? 'always' : 'never'}
frontend in
  bind 127.0.0.1:${port}
  ${bind === undefined ? '' : `bind ${bind}`}
  default_backend app
backend app
  option httpchk GET /health
  server s0 127.0.0.1:${backendPort} check inter 20ms fall 100000 maxconn ${serverMax}
`;
  return new Program('haproxy', findProgram('haproxy'), [
    '-db',
    '-f',
    write(folder, 'haproxy.cfg', config),
  ]);
}

function caddy({ folder, port, backendPort, upstream }: ProxyOptions): Program {
  const config = `
{
	admin off
	auto_https off
}
http://:${port} {
	bind 127.0.0.1
	reverse_proxy 127.0.0.1:${backendPort} {
		health_uri /health
		health_interval 20ms
		transport http {
			keepalive ${upstream === 'reuse' ? '1m' : 'off'}
		}
	}
}
`;
  const file = write(folder, 'Caddyfile', config);
  const env = { GOMAXPROCS: String(WORKERS), HOME: folder, XDG_CONFIG_HOME: folder };
  const args = ['run', '--config', file, '--adapter', 'caddyfile'];
  return new Program('caddy', findProgram('caddy'), args, { env });
}
