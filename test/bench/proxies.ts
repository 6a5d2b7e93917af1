/** The proxies under test: a configuration per run in the run's own folder, and the process. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { findProgram } from '../../src/discover/programs.ts';
import { Child, childPids, sleep, until } from './children.ts';
import { failure } from './failure.ts';

export const PROXIES = ['nginx', 'haproxy', 'caddy'] as const;
export type ProxyKind = (typeof PROXIES)[number];
export const SCENARIOS = ['plain', 'auth', 'retry', 'limit'] as const;
export type Scenario = (typeof SCENARIOS)[number];

/** Where the proxy sends requests; see backends.ts for what answers there. */
export interface UpstreamPorts {
  readonly main: readonly number[];
  /** Scenario retry: answers 502, always tried first. */
  readonly failing: number;
  /** Scenario auth: answers the auth subrequest. */
  readonly auth: number;
}

export interface ProxyPlan {
  readonly kind: ProxyKind;
  readonly folder: string;
  readonly port: number;
  readonly upstreams: UpstreamPorts;
  /** new: a connection per upstream request; reuse: the proxy's pool. */
  readonly upstream: 'new' | 'reuse';
  readonly scenario: Scenario;
  readonly threads: number;
  readonly inFlight: number;
  readonly cpus: string;
  /** Scenario limit: requests/s that pass without a delay. */
  readonly limitRate: number;
  /** nginx names each request to the backends and in its access log: a truth without tokens. */
  readonly namesRequests: boolean;
}

export interface RunningProxy {
  readonly child: Child;
  /** The processes that carry requests. */
  readonly workers: readonly number[];
}

const START_TIMEOUT_MS = 10_000;

/** Precedes the 32 hex digits of a token, as in load/load.h. */
export const TOKEN_MARKER = 'spantap-bench-';
/** In the proxy's folder; its format is read by truth.ts and link.ts. */
export const ACCESS_LOG = 'access.log';

export async function startProxy(plan: ProxyPlan): Promise<RunningProxy> {
  mkdirSync(plan.folder, { recursive: true });
  const child = { nginx: startNginx, haproxy: startHaproxy, caddy: startCaddy }[plan.kind](plan);
  await listening(plan.port, child);
  if (plan.kind !== 'nginx') return { child, workers: [child.pid] };
  const hasWorkers = () => childPids(child.pid).length === plan.threads;
  await until(hasWorkers, 'nginx workers', START_TIMEOUT_MS);
  return { child, workers: childPids(child.pid) };
}

/** Scenarios other than plain exist for nginx only. */
export function supports(kind: ProxyKind, scenario: Scenario): boolean {
  return scenario === 'plain' || kind === 'nginx';
}

async function listening(port: number, child: Child): Promise<void> {
  const deadlineMs = performance.now() + START_TIMEOUT_MS;
  while (!(await accepts(port))) {
    if (performance.now() > deadlineMs || child.process.exitCode !== null) {
      throw failure(`${child.name} does not listen on ${port}`, child.tail());
    }
    await sleep(20);
  }
}

function accepts(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
  return promise.finally(() => socket.destroy());
}

function startNginx(plan: ProxyPlan): Child {
  const file = join(plan.folder, 'nginx.conf');
  writeFileSync(file, nginxConfig(plan));
  return new Child({
    name: 'nginx',
    command: findProgram('nginx'),
    args: ['-p', plan.folder, '-c', file, '-e', join(plan.folder, 'error.log')],
    cpus: plan.cpus,
  });
}

export function nginxConfig(plan: ProxyPlan): string {
  const { folder, scenario, upstreams } = plan;
  const needsLog = scenario === 'limit' || plan.namesRequests;
  const naming = plan.namesRequests ? `proxy_set_header X-Bench ${TOKEN_MARKER}$request_id;` : '';
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `  ${name}_temp_path ${folder}/${name};`)
    .join('\n');
  return `
daemon off;
worker_processes ${plan.threads};
worker_rlimit_nofile 16384;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log warn;
events { worker_connections 8192; }
http {
${temporary}
  log_format truth '$request_id $remote_port $connection_requests $msec $request_time $limit_req_status';
  access_log ${needsLog ? `${folder}/${ACCESS_LOG} truth buffer=256k` : 'off'};
  keepalive_requests 1000000000;
  keepalive_timeout 3600s;
${scenario === 'limit' ? `  limit_req_zone all zone=all:1m rate=${plan.limitRate}r/s;` : ''}
${nginxUpstream('app', appServers(scenario, upstreams), plan)}
${scenario === 'auth' ? nginxUpstream('auth', [`127.0.0.1:${upstreams.auth}`], plan) : ''}
  server {
    listen 127.0.0.1:${plan.port} backlog=4096;
    proxy_http_version 1.1;
    proxy_set_header Connection ${plan.upstream === 'reuse' ? '""' : 'close'};
    ${naming}
    location / {
${nginxScenario(scenario)}
      proxy_pass http://app;
    }
    location = /auth {
      internal;
      proxy_pass_request_body off;
      proxy_set_header Connection ${plan.upstream === 'reuse' ? '""' : 'close'};
      proxy_set_header X-Original-URI $request_uri;
      ${naming}
      proxy_pass http://${scenario === 'auth' ? 'auth' : 'app'};
    }
  }
}
`;
}

/** Retry: the failing server is the only one that is not a backup, so it is always tried first. */
function appServers(scenario: Scenario, upstreams: UpstreamPorts): string[] {
  const main = upstreams.main.map((port) => `127.0.0.1:${port}`);
  if (scenario !== 'retry') return main;
  return [`127.0.0.1:${upstreams.failing}`, ...main.map((address) => `${address} backup`)];
}

function nginxUpstream(name: string, servers: readonly string[], plan: ProxyPlan): string {
  const pool = `    keepalive ${Math.max(plan.inFlight, 32)};
    keepalive_requests 1000000000;
    keepalive_timeout 3600s;`;
  return `  upstream ${name} {
${servers.map((server) => `    server ${server} max_fails=0;`).join('\n')}
${plan.upstream === 'reuse' ? pool : ''}
  }`;
}

function nginxScenario(scenario: Scenario): string {
  switch (scenario) {
    case 'plain':
      return '';
    case 'auth':
      return '      auth_request /auth;';
    case 'retry':
      return '      proxy_next_upstream http_502;';
    case 'limit':
      // Delayed by a timer, never rejected: the burst is far above what is in flight.
      return '      limit_req zone=all burst=100000;';
  }
}

function startHaproxy(plan: ProxyPlan): Child {
  const file = join(plan.folder, 'haproxy.cfg');
  writeFileSync(file, haproxyConfig(plan));
  const args = ['-db', '-f', file];
  return new Child({ name: 'haproxy', command: findProgram('haproxy'), args, cpus: plan.cpus });
}

export function haproxyConfig(plan: ProxyPlan): string {
  const isReuse = plan.upstream === 'reuse';
  return `
global
  nbthread ${plan.threads}
  maxconn ${Math.max(2000, 2 * plan.inFlight)}
defaults
  mode http
  timeout connect 10s
  timeout client 1h
  timeout server 1h
  timeout http-keep-alive 1h
  option ${isReuse ? 'http-keep-alive' : 'http-server-close'}
  http-reuse ${isReuse ? 'always' : 'never'}
frontend in
  bind 127.0.0.1:${plan.port} backlog 4096
  default_backend app
backend app
  balance roundrobin
${plan.upstreams.main.map((port, index) => `  server s${index} 127.0.0.1:${port}`).join('\n')}
`;
}

function startCaddy(plan: ProxyPlan): Child {
  const file = join(plan.folder, 'Caddyfile');
  writeFileSync(file, caddyConfig(plan));
  return new Child({
    name: 'caddy',
    command: findProgram('caddy'),
    args: ['run', '--config', file, '--adapter', 'caddyfile'],
    cpus: plan.cpus,
    env: {
      GOMAXPROCS: String(plan.threads),
      HOME: plan.folder,
      XDG_CONFIG_HOME: plan.folder,
      XDG_DATA_HOME: plan.folder,
    },
  });
}

export function caddyConfig(plan: ProxyPlan): string {
  const isReuse = plan.upstream === 'reuse';
  return `
{
	admin off
	auto_https off
	log {
		level WARN
	}
}
http://:${plan.port} {
	bind 127.0.0.1
	reverse_proxy ${plan.upstreams.main.map((port) => `127.0.0.1:${port}`).join(' ')} {
		lb_policy round_robin
		transport http {
			keepalive ${isReuse ? '1h' : 'off'}
		}
	}
}
`;
}
