/**
 * A report of the capture worker as an event, with Qtap's keys. The local end is the source of
 * egress and the destination of ingress.
 */
import { endpointText } from '../../handoff/endpoint.ts';
import type { ConnectionReport } from '../../handoff/messages.ts';
import { type Direction, directionOf } from './direction.ts';
import { type EventProcess, processAttributes, processItem } from './event-process.ts';
import { filled } from './filled.ts';
import type { EventAttribute, StoreEvent } from './types.ts';

export interface ConnectionFacts {
  readonly process: EventProcess;
  /** By name; of the configuration (section `tags`). */
  readonly tags: Readonly<Record<string, readonly string[]>>;
}

/** The same for all events of this agent. */
export interface EventOrigin {
  readonly hostname: string;
  /** Another one each time the agent starts: ids of connections are its own. */
  readonly agentInstance: string;
  /** Unix milliseconds of CLOCK_MONOTONIC nanoseconds. */
  readonly toUnixMs: (monotonicNs: number) => number;
  /** Whether an address is not on the Internet. */
  readonly isInternal: (address: string) => boolean;
}

const L7 = { http1: 'http1', http2: 'http2', tls: 'other', other: 'other' } as const;

/** Times and byte counts that are not known are left out. */
export function connectionEvent(
  report: ConnectionReport,
  { process, tags }: ConnectionFacts,
  origin: EventOrigin,
): StoreEvent {
  const direction = directionOf(report, origin.isInternal);
  const timeMs = origin.toUnixMs(report.timeNs);
  return {
    type: 'connection',
    timeMs,
    item: {
      meta: { connectionId: String(report.connectionId), ...endpointOf(report, direction) },
      ...(Object.keys(tags).length === 0 ? {} : { tags }),
      finalized: report.isFinal,
      ...filled<unknown>({ direction }),
      part: report.part,
      socketProtocol: report.family === 'unix' ? 'unix' : 'tcp',
      l7Protocol: L7[report.speaks],
      ...tlsOf(report),
      system: {
        hostname: origin.hostname,
        agent: 'spantap',
        agentInstance: origin.agentInstance,
      },
      ...endsOf(report, direction, { hostname: origin.hostname, ...processItem(process) }),
      ...bytesOf(report),
      ...timesOf(report, origin),
    },
    title: titleOf(report, direction),
    attributes: attributesOf(report, direction, process),
    traceId: '',
    spanId: '',
  };
}

/** The host that the connection leads to. */
function endpointOf(
  { localAddress, remoteAddress }: ConnectionReport,
  direction: Direction | undefined,
): Record<string, unknown> {
  return filled({ endpointId: direction === 'ingress' ? localAddress : remoteAddress });
}

/** Of other protocols nobody knows: TLS may begin later (STARTTLS), or have begun before. */
function tlsOf({ speaks }: ConnectionReport): Record<string, unknown> {
  return speaks === 'other' ? {} : { tls: speaks === 'tls' };
}

function endsOf(
  report: ConnectionReport,
  direction: Direction | undefined,
  local: Record<string, unknown>,
): Record<string, unknown> {
  const { family, localAddress, localPort, remoteAddress, remotePort } = report;
  const here = { address: addressOf(family, localAddress, localPort), ...local };
  const there = { address: addressOf(family, remoteAddress, remotePort) };
  return direction === 'ingress'
    ? { source: there, destination: here }
    : { source: here, destination: there };
}

/** Qtap knows no Unix sockets: these have a path instead of address and port. */
function addressOf(family: ConnectionReport['family'], address: string, port: number) {
  return family === 'unix' ? filled({ family, path: address }) : { family, ip: address, port };
}

function bytesOf({ bytesReceived, bytesSent }: ConnectionReport): Record<string, unknown> {
  return bytesReceived < 0 || bytesSent < 0 ? {} : { bytesReceived, bytesSent };
}

/** `startSeen: false`: it was open before the agent looked; `createdAt` is when that was. */
function timesOf(report: ConnectionReport, { toUnixMs }: EventOrigin): Record<string, unknown> {
  const { openedNs, timeNs, isStartSeen, isFinal, isEndLate } = report;
  const createdAt = new Date(toUnixMs(openedNs)).toISOString();
  return {
    timestamp: createdAt,
    createdAt,
    ...(isStartSeen ? {} : { startSeen: false }),
    // When the end was found out is not when it was.
    ...(isFinal && !isEndLate ? { closedAt: new Date(toUnixMs(timeNs)).toISOString() } : {}),
  };
}

function titleOf(report: ConnectionReport, direction: Direction | undefined): string {
  const { family, localAddress, localPort, remoteAddress, remotePort } = report;
  const local = family === 'unix' ? localAddress || 'unix' : endpointText(localAddress, localPort);
  const remote =
    family === 'unix' ? remoteAddress || 'unix' : endpointText(remoteAddress, remotePort);
  const [from, to] = direction === 'ingress' ? [remote, local] : [local, remote];
  const kind = family === 'unix' ? 'unix' : 'tcp';
  return `Connection: [${direction ?? 'unknown'} via ${kind}] ${from} → ${to}`;
}

function attributesOf(
  report: ConnectionReport,
  direction: Direction | undefined,
  process: EventProcess,
): Record<string, EventAttribute> {
  return {
    ...filled<EventAttribute>({ 'spantap.direction': direction }),
    ...networkAttributes(report),
    ...(direction === undefined ? {} : peerAttributes(report, direction)),
    ...processAttributes(process),
  };
}

/** HTTP/1 does not say which minor version before its messages are read. */
function networkAttributes(report: ConnectionReport): Record<string, EventAttribute> {
  const { family, speaks, localAddress, localPort, remoteAddress, remotePort } = report;
  const isUnix = family === 'unix';
  const isHttp = speaks === 'http1' || speaks === 'http2';
  return filled<EventAttribute>({
    'network.transport': isUnix ? 'unix' : 'tcp',
    'network.type': isUnix ? undefined : family,
    'network.protocol.name': isHttp ? 'http' : undefined,
    'network.protocol.version': speaks === 'http2' ? '2' : undefined,
    'network.local.address': localAddress,
    'network.local.port': isUnix ? undefined : localPort,
    'network.peer.address': remoteAddress,
    'network.peer.port': isUnix ? undefined : remotePort,
  });
}

function peerAttributes(
  { family, localAddress, localPort, remoteAddress, remotePort }: ConnectionReport,
  direction: Direction,
): Record<string, EventAttribute> {
  const local = { address: localAddress, port: localPort };
  const remote = { address: remoteAddress, port: remotePort };
  const [server, client] = direction === 'ingress' ? [local, remote] : [remote, local];
  const isUnix = family === 'unix';
  return filled<EventAttribute>({
    'server.address': server.address,
    'server.port': isUnix ? undefined : server.port,
    'client.address': isUnix ? undefined : client.address,
    'client.port': isUnix ? undefined : client.port,
  });
}
