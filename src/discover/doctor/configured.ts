/** What a configuration file leaves out of the traffic of one process. */
import { keepsAnything } from '../../config/file/stack-parts.ts';
import type { Config } from '../../config/file/types.ts';
import type { SocketEntry } from '../proc/sockets.ts';
import type { Line, Section } from './report.ts';

export interface ConfiguredFacts {
  readonly config: Pick<Config, 'tap' | 'capture' | 'stacks'>;
  /** capture.processes and capture.ports do not leave it out. */
  readonly isTarget: boolean;
  readonly sockets: readonly SocketEntry[];
}

const DIRECTIONS: Readonly<Record<Config['tap']['direction'], string | undefined>> = {
  all: undefined,
  ingress: 'what it asks for',
  egress: 'what it serves',
  'egress-internal': 'what it serves, and what it asks public addresses for,',
  'egress-external': 'what it serves, and what it asks private addresses for,',
};

export function configuredSection(facts: ConfiguredFacts): Section {
  const lines = [
    ...targetLines(facts),
    ...directionLines(facts),
    ...loopbackLines(facts),
    ...stackLines(facts),
  ];
  return { title: 'Configuration', lines };
}

function targetLines({ isTarget }: ConfiguredFacts): Line[] {
  if (isTarget) return [];
  const text = 'is not among capture.processes and capture.ports';
  return [{ mark: 'bad', text, todo: 'add its name, or take them out of the file' }];
}

function directionLines({ config: { tap } }: ConfiguredFacts): Line[] {
  const what = DIRECTIONS[tap.direction];
  if (what === undefined) return [];
  const text = `${what} is left out by tap.direction: ${tap.direction}`;
  return [{ mark: 'limit', text, todo: 'set it to all' }];
}

function loopbackLines({ config: { tap }, sockets }: ConfiguredFacts): Line[] {
  if (!tap.ignoreLoopback) return [];
  const listening = sockets.filter(({ state }) => state === 'listening');
  const isLocalOnly = listening.length > 0 && listening.every(isLoopback);
  const only = isLocalOnly ? '; it listens on loopback only' : '';
  const text = `what comes and goes over loopback is left out by tap.ignore_loopback${only}`;
  return [{ mark: 'limit', text, todo: 'set it to false' }];
}

function isLoopback({ family, localAddress }: SocketEntry): boolean {
  return family === 'unix' || localAddress === '::1' || localAddress.startsWith('127.');
}

function stackLines({ config: { tap, stacks } }: ConfiguredFacts): Line[] {
  const { stack } = tap.http;
  if (stack === undefined) return [];
  const others = tap.endpoints.length > 0 ? ' (tap.endpoints choose others)' : '';
  const mark = tap.endpoints.length > 0 ? 'limit' : 'bad';
  if (stack === '' || stack === 'none') {
    const text = `no exchange is kept: tap.http.stack is none${others}`;
    return [{ mark, text, todo: 'name a stack, or leave the key out' }];
  }
  const capture = stacks[stack]?.plugins.find(({ type }) => type === 'http_capture');
  if (capture?.type !== 'http_capture' || keepsAnything(capture.config)) return [];
  const text = `no exchange is kept: the stack ${stack} has level none and no rule that raises it${others}`;
  return [{ mark, text, todo: 'give its http_capture a level' }];
}
