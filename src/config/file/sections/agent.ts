/** `capture`, `link`, `limits` and `telemetry`: the agent itself. */
import { limits as bounds } from '../../limits.ts';
import {
  boolean,
  bytes,
  duration,
  integer,
  list,
  object,
  section,
  text,
  withDefault,
  word,
} from '../schema.ts';
import { GIB, KIB, MIB, TIB } from '../units.ts';
import { absolutePath, headerName, listenAddress } from './text.ts';

export const capture = object({
  processes: withDefault(
    list(text('a name, a pid or the path of an executable', { pattern: /./ })),
    [],
    'Watch these processes only; empty, with `ports` empty: all of this host.',
  ),
  ports: withDefault(
    list(integer(1, 65_535)),
    [],
    'Watch the processes that listen on these ports only.',
  ),
  level: withDefault(
    word(
      { summary: 'metadata', details: 'and headers', full: 'and bodies' },
      { aliases: { headers: 'details' } },
    ),
    'summary',
    'Level of exchanges that no plugin http_capture decides.',
  ),
});

export const link = object({
  tiers: withDefault(
    list(
      word({
        'exact.state': 'state of the proxy',
        'exact.order': 'order of system calls',
        identifier: 'a header value that exists once on either side',
        local: 'both ends of a connection are on this host',
      }),
    ),
    ['exact.state', 'exact.order', 'identifier', 'local'],
    'Signals that may link an upstream request to its cause. No tier ever guesses.',
  ),
  identifierHeaders: withDefault(
    list(headerName()),
    [],
    'More headers whose values are unique per request.',
  ),
  traceparent: withDefault(boolean(), true, 'Continue traces of callers (W3C traceparent).'),
  hopWaitMs: withDefault(
    duration(10, 60_000),
    bounds.hopWaitMs,
    'How long a finished ingress waits for its egress.',
  ),
  egressWaitMs: withDefault(
    duration(10, 600_000),
    bounds.egressWaitMs,
    'How long a finished egress waits for the end of its ingress.',
  ),
});

export const limits = object({
  headBytes: withDefault(
    bytes(1024, bounds.headBytesMax),
    bounds.headBytesMax,
    'Of a request or response head that are copied.',
  ),
  bodyBytes: withDefault(
    bytes(0, bounds.bodyBytesCeiling),
    bounds.bodyBytesMax,
    'Of each body that are kept at level full; the rest is counted.',
  ),
  decodedBodyBytes: withDefault(
    bytes(1024, 256 * MIB),
    bounds.decodedBodyBytesMax,
    'Of a decoded body (gzip, deflate, br, zstd) at most.',
  ),
  bodyMemoryBytes: withDefault(
    bytes(MIB, 16 * GIB),
    bounds.pendingBodyMemoryBytesMax,
    'Of all bodies that wait in memory for the end of their exchange; more go to the spool.',
  ),
  bodySpool: section(
    object({
      enabled: withDefault(
        boolean(),
        true,
        'Keep on disk what does not fit into memory; else it is cut.',
      ),
      directory: withDefault(
        absolutePath(),
        '/var/lib/spantap/spool/bodies',
        'Created with mode 0700 when it is missing. Of one agent: emptied when it starts.',
      ),
      maxBytes: withDefault(
        bytes(MIB, TIB),
        bounds.pendingBodyDiskBytesMax,
        'Beyond it bodies are cut, and counted.',
      ),
    }),
    'Bodies that wait on disk for the end of their exchange, at level full. Mode 0600.',
  ),
  ringBytes: withDefault(
    bytes(256 * KIB, 512 * MIB),
    bounds.ringBytes,
    'Between kernel and agent, of all CPUs together.',
  ),
  kernelConnections: withDefault(
    integer(1024, 2 ** 22),
    bounds.kernelConnectionsMax,
    'Sockets that are known at a time.',
  ),
  attributeValueLengthLimit: withDefault(
    integer(1, 65_536),
    bounds.attributeBytesMax,
    'Bytes of one attribute.',
  ),
  attributeCountLimit: withDefault(
    integer(1, 1_024),
    bounds.attributesMax,
    'Attributes of one span; headers beyond it are left out.',
  ),
});

export const telemetry = object({
  endpoint: withDefault(
    listenAddress(),
    '127.0.0.1:10001',
    'Where /metrics, /healthz and /readyz are served.',
  ),
  enabled: withDefault(boolean(), true, 'Whether they are.'),
  logs: section(
    object({
      level: withDefault(
        word(
          {
            trace: 'everything',
            debug: 'much',
            info: 'what happens',
            warn: 'what goes wrong',
            error: 'what fails',
            silent: 'nothing',
          },
          { unsupported: { dpanic: 'use error', panic: 'use error', fatal: 'use error' } },
        ),
        'info',
        'From which level on the agent logs.',
      ),
      encoding: withDefault(
        word({ console: 'for people', json: 'a JSON object each' }),
        'console',
        'How lines are written.',
      ),
    }),
    'The log of the agent (standard error).',
  ),
});
