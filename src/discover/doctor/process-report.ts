/** `doctor PID`: is this process captured, how are its requests linked, and if not, why not. */
import { AgentError } from '../../telemetry/agent-error.ts';
import type { SocketEntry } from '../proc/sockets.ts';
import type { Family, UprobeSite } from '../types.ts';
import { type HaproxySeen, haproxyLines } from './haproxy-lines.ts';
import type { ProcessFacts, RunningFacts } from './process-facts.ts';
import { errorLine, hasBad, type Line, type Report, type Section } from './report.ts';

/** What a short capture of this process alone saw. */
export interface SeenTraffic {
  /** HAProxy only. */
  readonly haproxy?: HaproxySeen;
  readonly seconds: number;
  readonly connections: number;
  readonly exchanges: number;
  /** Egress exchanges by link tier; 'none' for those without a parent. */
  readonly linksByTier: Readonly<Record<string, number>>;
  /** Connections whose first bytes are not HTTP/1, by what they look like ('TLS', 'HTTP/2', ...). */
  readonly otherProtocols: Readonly<Record<string, number>>;
  /** Probes that could not be attached, and why. */
  readonly unavailable: readonly string[];
}

/** Sockets listed by address; more are counted. */
const LISTED_MAX = 10;

const FAMILY_TEXT: Readonly<Record<Family, string>> = {
  nginx: 'nginx: requests are linked by its own request structures (exact.state), no probe needed',
  haproxy: 'HAProxy: requests are linked by its sessions and streams (exact.state)',
  go: 'a Go program: requests of net/http are linked by goroutine (exact.state)',
  apache: 'Apache: requests are linked by thread (exact.order)',
  other: 'no known proxy: requests are captured; links come from identifiers and order',
};

const SITE_TEXT: Readonly<Record<UprobeSite['program'], string>> = {
  haproxy_stream_new: 'return of stream_new, once a request',
  haproxy_back_try_conn_req: 'entry of back_try_conn_req, once an upstream attempt',
  go_round_trip: 'net/http.(*persistConn).roundTrip, once an upstream request',
  go_write_loop: 'net/http.(*persistConn).writeLoop, once an upstream connection',
};

/**
 * @param seen undefined when no capture was made, an error when it failed
 * @param configured what a configuration leaves out (configured.ts)
 */
export function buildProcessReport(
  facts: ProcessFacts,
  seen?: SeenTraffic | AgentError,
  configured?: Section,
): Report {
  if (facts.kind !== 'running') return absentReport(facts);
  const sections = [
    identitySection(facts),
    linkingSection(facts, seen),
    socketsSection(facts),
    limitsSection(facts),
    ...(configured === undefined ? [] : [configured]),
    ...seenSections(facts, seen),
  ].filter(({ lines }) => lines.length > 0);
  const isBad = hasBad(sections);
  return {
    sections,
    verdict: verdictOf(facts, seen, isBad, (configured?.lines.length ?? 0) > 0),
    exitCode: isBad ? 1 : 0,
  };
}

function absentReport(facts: Exclude<ProcessFacts, RunningFacts>): Report {
  return {
    sections: [{ title: `Process ${facts.pid}`, lines: [absentLine(facts)] }],
    verdict: `Process ${facts.pid} is not captured.`,
    exitCode: 1,
  };
}

function absentLine(facts: Exclude<ProcessFacts, RunningFacts>): Line {
  switch (facts.kind) {
    case 'missing': {
      const text = 'is not running, or runs in a pid namespace that this host cannot see';
      return facts.hostPid === undefined
        ? { mark: 'bad', text, todo: 'take the pid that ps shows on the host' }
        : { mark: 'bad', text, todo: `in a container? spantap doctor ${facts.hostPid}` };
    }
    case 'thread':
      return {
        mark: 'bad',
        text: `is a thread of process ${facts.threadOf}`,
        todo: `spantap doctor ${facts.threadOf}`,
      };
    case 'no-program':
      return {
        mark: 'bad',
        text: `${facts.name} runs no program: a kernel thread, or a process that has ended`,
      };
  }
}

function identitySection(facts: RunningFacts): Section {
  const { info, isAgent, isOtherNetworkNamespace, container, leftOutBy } = facts;
  const replaced = info.isExecutableDeleted ? ' (replaced on disk since it was started)' : '';
  const program = info.executablePath || `${info.commandLine[0]} (its executable may not be read)`;
  const lines: Line[] = [{ mark: 'note', text: `runs ${program}${replaced}` }];
  if (isOtherNetworkNamespace) {
    const text = `lives in network namespace ${info.netnsInode}, another than the agent's`;
    lines.push({ mark: 'good', text: `${text}: captured all the same` });
  }
  if (container !== undefined) lines.push({ mark: 'note', text: `is in container ${container}` });
  if (leftOutBy !== undefined) {
    const todo = 'take that filter out of the file';
    lines.push({ mark: 'bad', text: `is left out by ${leftOutBy}`, todo });
  }
  if (isAgent) {
    lines.push({ mark: 'bad', text: 'is the agent itself, which never captures its own traffic' });
  }
  return { title: `Process ${info.pid} (${info.executableName})`, lines };
}

function linkingSection(
  { plan, executable }: RunningFacts,
  seen: SeenTraffic | AgentError | undefined,
): Section {
  const version = executable?.goVersion === undefined ? '' : ` (${executable.goVersion})`;
  const lines: Line[] = [];
  if (executable === undefined) {
    lines.push({
      mark: 'limit',
      text: 'the executable cannot be read as a 64-bit program; calls of 32-bit programs are not seen',
    });
  } else {
    lines.push({ mark: 'note', text: `${FAMILY_TEXT[plan.family]}${version}` });
  }
  if (plan.family === 'go' && plan.uprobes.length === 0 && plan.reasons.length === 0) {
    lines.push({
      mark: 'note',
      text: 'it has no HTTP client of net/http: nothing to link that way',
    });
  }
  if (executable?.family === 'haproxy') {
    lines.push(...haproxyLines(executable, seen instanceof AgentError ? undefined : seen?.haproxy));
  }
  const reasons = executable === undefined ? [] : plan.reasons;
  return {
    title: 'Linking',
    lines: [
      ...lines,
      ...plan.uprobes.map(siteLine),
      ...reasons.map((text): Line => ({ mark: 'limit', text })),
    ],
  };
}

/** The price is decided by the instruction under the probe. */
function siteLine(site: UprobeSite): Line {
  const where = `${SITE_TEXT[site.program]}, at ${site.path}+0x${site.offset.toString(16)}`;
  return site.isCheap
    ? { mark: 'good', text: `probe: ${where}: emulated, below 1 us a hit` }
    : { mark: 'limit', text: `probe: ${where}: single-stepped, up to 5 us a hit` };
}

function socketsSection(facts: RunningFacts): Section {
  const { sockets, plan, usesIoUring } = facts;
  if (!facts.isReadable) {
    const text = 'its descriptors may not be read, so its sockets are unknown until they are used';
    return { title: 'Sockets', lines: [{ mark: 'limit', text }] };
  }
  const listening = sockets.filter(({ state }) => state === 'listening');
  const established = sockets.filter(({ state }) => state === 'established');
  const lines: Line[] = [];
  if (listening.length > 0) {
    lines.push({ mark: 'note', text: `listens on ${listOf(listening, endOf)}` });
  }
  if (established.length > 0) {
    lines.push({
      mark: 'note',
      text: `${counted(established.length, 'open connection')}: ${listOf(established, pairOf)}`,
    });
  }
  if (sockets.length === 0) {
    const text = 'has no TCP or Unix stream socket: there is nothing to capture now';
    const isMaster = plan.family === 'nginx' || plan.family === 'haproxy';
    lines.push(
      isMaster ? { mark: 'bad', text, todo: 'ask about a worker process' } : { mark: 'bad', text },
    );
  } else if (established.length === 0) {
    lines.push({ mark: 'note', text: 'no connection is open at this moment' });
  }
  if (usesIoUring) {
    // Node opens rings for files and polling; whether sockets go through them cannot be told.
    const text = 'has io_uring rings: what it sends and receives through them is not captured yet';
    lines.push({ mark: 'note', text: `${text} (many programs use them for files only)` });
  }
  return { title: 'Sockets', lines };
}

function counted(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}

function listOf(sockets: readonly SocketEntry[], text: (entry: SocketEntry) => string): string {
  const texts = [...new Set(sockets.map(text))];
  const more = texts.length - LISTED_MAX;
  const shown = texts.slice(0, LISTED_MAX).join(', ');
  return more > 0 ? `${shown}, and ${more} more` : shown;
}

function endOf({ family, localAddress, localPort }: SocketEntry): string {
  if (family === 'unix') return localAddress === '' ? 'an unnamed Unix socket' : localAddress;
  return family === 'ipv6' && localAddress.includes(':')
    ? `[${localAddress}]:${localPort}`
    : `${localAddress}:${localPort}`;
}

function pairOf(entry: SocketEntry): string {
  if (entry.family === 'unix') return endOf(entry);
  const remote = { ...entry, localAddress: entry.remoteAddress, localPort: entry.remotePort };
  return `${endOf(entry)} - ${endOf(remote)}`;
}

/** What it does that is not captured yet. */
function limitsSection({ tlsLibraries, executable, sockets, udpPorts }: RunningFacts): Section {
  const lines: Line[] = [];
  const tlsPorts = sockets
    .filter(({ state, localPort }) => state === 'listening' && [443, 8443].includes(localPort))
    .map(({ localPort }) => localPort);
  const isGo = executable?.family === 'go';
  if (tlsLibraries.length > 0 || (isGo && tlsPorts.length > 0)) {
    const by = tlsLibraries.length > 0 ? `maps ${tlsLibraries.join(', ')}` : 'has Go crypto/tls';
    const ports =
      tlsPorts.length === 0 ? '' : ` (it listens on ${[...new Set(tlsPorts)].join(', ')})`;
    lines.push({
      mark: 'limit',
      text: `${by}: what it sends over TLS is not captured yet, clear text is${ports}`,
    });
  }
  const quic = udpPorts.filter((port) =>
    sockets.some(({ state, localPort }) => state === 'listening' && localPort === port),
  );
  if (quic.length > 0) {
    const text = `UDP port ${quic.join(', ')} beside TCP: HTTP/3 arrives there and is not captured`;
    lines.push({ mark: 'limit', text });
  }
  return { title: 'Not captured yet', lines };
}

function seenSections(facts: RunningFacts, seen: SeenTraffic | AgentError | undefined): Section[] {
  if (seen === undefined) return [];
  if (seen instanceof AgentError) return [{ title: 'Seen', lines: [errorLine(seen)] }];
  return [seenSection(facts, seen)];
}

function seenSection({ sockets }: RunningFacts, seen: SeenTraffic): Section {
  const { connections, exchanges, seconds } = seen;
  const lines: Line[] = seen.unavailable.map((text) => ({
    mark: 'limit',
    text: `not attached: ${text}`,
  }));
  if (exchanges > 0) {
    const text = `${counted(exchanges, 'request')} on ${counted(connections, 'connection')}`;
    lines.push({ mark: 'good', text });
  }
  for (const [tier, count] of Object.entries(seen.linksByTier)) {
    const text =
      tier === 'none'
        ? `${counted(count, 'upstream request')} without a link`
        : `${count} linked by ${tier}`;
    lines.push({ mark: tier === 'none' ? 'limit' : 'good', text });
  }
  for (const [protocol, count] of Object.entries(seen.otherProtocols)) {
    const text = `${counted(count, 'connection')} with ${protocol}, which is not captured yet`;
    lines.push({ mark: 'limit', text });
  }
  if (exchanges === 0 && sockets.length > 0) lines.push(nothingSeenLine(seen));
  return { title: `Seen in ${seconds} s`, lines };
}

function nothingSeenLine({ otherProtocols }: SeenTraffic): Line {
  if (Object.keys(otherProtocols).length > 0) {
    return { mark: 'bad', text: 'no HTTP/1 request: all that it spoke is something else' };
  }
  return {
    mark: 'note',
    text: 'no whole HTTP/1 request in this time',
    todo: 'send it a request while doctor looks',
  };
}

function verdictOf(
  facts: RunningFacts,
  seen: SeenTraffic | AgentError | undefined,
  isBad: boolean,
  isLimited: boolean,
): string {
  const name = `Process ${facts.info.pid} (${facts.info.executableName})`;
  if (isBad) return `${name} is not captured: see NO above.`;
  const wasSeen = seen !== undefined && !(seen instanceof AgentError) && seen.exchanges > 0;
  const but = 'but for what the configuration leaves out: see limit above';
  if (wasSeen) return `${name} is captured${isLimited ? `, ${but}` : ''}.`;
  if (isLimited) return `${name} would be captured, ${but}.`;
  return `${name} would be captured: HTTP/1 in clear text on any of its sockets.`;
}
