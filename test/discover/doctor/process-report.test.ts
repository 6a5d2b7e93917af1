import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProcessFacts, RunningFacts } from '../../../src/discover/doctor/process-facts.ts';
import {
  buildProcessReport,
  type SeenTraffic,
} from '../../../src/discover/doctor/process-report.ts';
import { formatReport, type Mark } from '../../../src/discover/doctor/report.ts';
import type { SocketEntry } from '../../../src/discover/proc/sockets.ts';
import { AgentError } from '../../../src/telemetry/agent-error.ts';

function socket(change: Partial<SocketEntry>): SocketEntry {
  return {
    inode: 1,
    family: 'ipv4',
    state: 'listening',
    localAddress: '127.0.0.1',
    localPort: 8080,
    remoteAddress: '0.0.0.0',
    remotePort: 0,
    ...change,
  };
}

const NGINX: RunningFacts = {
  kind: 'running',
  info: {
    pid: 11,
    parentPid: 10,
    startNs: 1,
    comm: 'nginx',
    executablePath: '/usr/sbin/nginx',
    executableName: 'nginx',
    isExecutableDeleted: false,
    commandLine: ['nginx: worker process'],
    netnsInode: 1,
  },
  plan: {
    tgid: 11,
    executableKey: '1:2',
    family: 'nginx',
    uprobes: [],
    reasons: [],
  },
  executable: {
    fileKey: '1:2',
    versionKey: '',
    haproxyVariables: undefined,
    family: 'nginx',
    sites: [],
    goVersion: undefined,
    nginxArguments: undefined,
    reasons: [],
  },
  isAgent: false,
  leftOutBy: undefined,
  container: undefined,
  isReadable: true,
  sockets: [socket({}), socket({ state: 'established', localPort: 8080, remotePort: 5000 })],
  udpPorts: [],
  tlsLibraries: [],
  usesIoUring: false,
  isOtherNetworkNamespace: false,
};

const SEEN: SeenTraffic = {
  seconds: 3,
  connections: 4,
  exchanges: 12,
  linksByTier: { 'exact.state': 6 },
  otherProtocols: {},
  unavailable: [],
};

/** Texts of the report's lines by mark. */
function texts(facts: ProcessFacts, mark: Mark, seen?: SeenTraffic): string[] {
  return buildProcessReport(facts, seen)
    .sections.flatMap(({ lines }) => lines)
    .filter((line) => line.mark === mark)
    .map(({ text }) => text);
}

test('a worker that is as it should be has nothing against it', () => {
  const report = buildProcessReport(NGINX);
  assert.equal(report.exitCode, 0);
  assert.match(report.verdict, /11 \(nginx\) would be captured/);
  assert.deepEqual(texts(NGINX, 'bad'), []);
  assert.deepEqual(texts(NGINX, 'limit'), []);
  assert.deepEqual(texts(NGINX, 'good'), []);
});

test('what was seen ends the question', () => {
  const report = buildProcessReport(NGINX, SEEN);
  assert.equal(report.verdict, 'Process 11 (nginx) is captured.');
  const good = texts(NGINX, 'good', SEEN);
  assert.ok(good.includes('12 requests on 4 connections'));
  assert.ok(good.includes('6 linked by exact.state'));
});

test('the price of a probe is told by its first instruction', () => {
  const site = { path: '/usr/sbin/haproxy', isReturn: true } as const;
  const facts: RunningFacts = {
    ...NGINX,
    plan: {
      ...NGINX.plan,
      family: 'haproxy',
      uprobes: [
        { ...site, program: 'haproxy_stream_new', offset: 0xf9790, isCheap: true },
        { ...site, program: 'haproxy_back_try_conn_req', offset: 0x16a0d0, isCheap: false },
      ],
    },
  };
  assert.match(texts(facts, 'good')[0] ?? '', /stream_new.*haproxy\+0xf9790: emulated/);
  assert.match(texts(facts, 'limit')[0] ?? '', /back_try_conn_req.*\+0x16a0d0: single-stepped/);
  assert.equal(buildProcessReport(facts).exitCode, 0);
});

/** Facts, and the line that must explain why nothing (or not all) is captured. */
const OBSTACLES: readonly (readonly [
  title: string,
  facts: ProcessFacts,
  mark: Mark,
  line: RegExp,
])[] = [
  ['not running', { kind: 'missing', pid: 9, hostPid: undefined }, 'bad', /not running/],
  ['a thread', { kind: 'thread', pid: 9, threadOf: 8 }, 'bad', /thread of process 8/],
  [
    'a kernel thread',
    { kind: 'no-program', pid: 2, name: 'kthreadd' },
    'bad',
    /kthreadd runs no program/,
  ],
  ['the agent itself', { ...NGINX, isAgent: true }, 'bad', /never captures its own traffic/],
  [
    'left out',
    { ...NGINX, leftOutBy: 'tap.filters.custom[0]' },
    'bad',
    /is left out by tap\.filters\.custom\[0\]/,
  ],
  ['a container', { ...NGINX, container: 'web' }, 'note', /is in container web/],
  ['no socket', { ...NGINX, sockets: [] }, 'bad', /no TCP or Unix stream socket/],
  ['io_uring', { ...NGINX, usesIoUring: true }, 'note', /io_uring/],
  [
    'TLS',
    { ...NGINX, tlsLibraries: ['libssl.so.3'] },
    'limit',
    /libssl\.so\.3.*TLS is not captured yet/,
  ],
  ['HTTP/3', { ...NGINX, udpPorts: [8080, 53] }, 'limit', /^UDP port 8080 beside TCP: HTTP\/3/],
  [
    'a Go server on 443',
    {
      ...NGINX,
      sockets: [socket({ localPort: 443 })],
      executable: {
        fileKey: '',
        versionKey: '',
        haproxyVariables: undefined,
        family: 'go',
        sites: [],
        goVersion: 'go1.26',
        nginxArguments: undefined,
        reasons: [],
      },
    },
    'limit',
    /Go crypto\/tls.*listens on 443/,
  ],
  ['a 32-bit program', { ...NGINX, executable: undefined }, 'limit', /32-bit/],
  [
    'unreadable descriptors',
    { ...NGINX, isReadable: false, sockets: [] },
    'limit',
    /may not be read/,
  ],
  [
    'a tier that is missing',
    { ...NGINX, plan: { ...NGINX.plan, reasons: ['exact.state is not available: no symbol x'] } },
    'limit',
    /exact\.state is not available: no symbol x/,
  ],
  [
    'another network namespace',
    { ...NGINX, isOtherNetworkNamespace: true },
    'good',
    /captured all the same/,
  ],
];

for (const [title, facts, mark, line] of OBSTACLES) {
  test(`doctor explains: ${title}`, () => {
    assert.ok(
      texts(facts, mark).some((text) => line.test(text)),
      texts(facts, mark).join('\n'),
    );
    assert.equal(buildProcessReport(facts).exitCode, mark === 'bad' ? 1 : 0);
  });
}

test('a pid of a container leads to the pid of the host', () => {
  const report = buildProcessReport({ kind: 'missing', pid: 7, hostPid: 4711 });
  assert.match(formatReport(report), /what to do: in a container\? spantap doctor 4711/);
});

test('traffic that is something else is named', () => {
  const seen = { ...SEEN, exchanges: 0, linksByTier: {}, otherProtocols: { TLS: 3, 'HTTP/2': 1 } };
  assert.deepEqual(texts(NGINX, 'limit', seen), [
    '3 connections with TLS, which is not captured yet',
    '1 connection with HTTP/2, which is not captured yet',
  ]);
  assert.match(texts(NGINX, 'bad', seen)[0] ?? '', /no HTTP\/1 request/);
  assert.equal(buildProcessReport(NGINX, seen).exitCode, 1);
});

test('a probe that could not be attached is named', () => {
  const seen = { ...SEEN, unavailable: ['haproxy_stream_new: EPERM'] };
  assert.deepEqual(texts(NGINX, 'limit', seen), ['not attached: haproxy_stream_new: EPERM']);
});

test('a look that failed is said', () => {
  const error = new AgentError('bpf_load', { what: 'the kernel refused', why: 'EPERM' });
  const report = buildProcessReport(NGINX, error);
  assert.equal(report.exitCode, 1);
  assert.match(formatReport(report), /NO {5}the kernel refused: EPERM/);
});

test('silence is not taken for a failure', () => {
  const seen = { ...SEEN, connections: 0, exchanges: 0, linksByTier: {} };
  assert.equal(buildProcessReport(NGINX, seen).exitCode, 0);
  assert.ok(
    texts(NGINX, 'note', seen).some((text) => /no whole HTTP\/1 request in this time/.test(text)),
  );
});

test('long lists of sockets are cut', () => {
  const sockets = Array.from({ length: 14 }, (_, index) => socket({ localPort: 9000 + index }));
  assert.match(texts({ ...NGINX, sockets }, 'note').join('\n'), /127\.0\.0\.1:9009, and 4 more/);
});

test('Unix and IPv6 sockets are written as people write them', () => {
  const sockets = [
    socket({ family: 'unix', localAddress: '/run/app.sock', localPort: 0 }),
    socket({ family: 'ipv6', localAddress: '::' }),
    socket({ family: 'ipv6', localAddress: '10.0.0.1' }),
  ];
  const line = texts({ ...NGINX, sockets }, 'note').find((text) => text.startsWith('listens'));
  assert.equal(line, 'listens on /run/app.sock, [::]:8080, 10.0.0.1:8080');
});
