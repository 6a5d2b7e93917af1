/**
 * An OTLP/HTTP protobuf receiver as a process of its own: counts spans, and keeps the request
 * bodies in a file when asked (decoded after the run, so that receiving costs little during it).
 *
 *   node test/bench/receiver.ts [FILE] [MARKER]
 *
 * Prints {"event":"start","port":N}; answers every line on stdin with {"event":"report",...};
 * ends on SIGTERM with {"event":"end",...}. FILE: each body after its length (32 bits, little
 * endian). MARKER: a token marker; bodies in which it is not followed by zeros are counted as
 * `unmasked` (see src/capture/mask.ts). A request that comes again, because it was answered too
 * late, is answered and counted as `repeated`; its spans count once.
 */
import { hash } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { countSpans } from './otlp.ts';

export interface ReceiverReport {
  readonly requests: number;
  readonly spans: number;
  readonly bytes: number;
  readonly malformed: number;
  readonly unmasked: number;
  readonly repeated: number;
}

/** Far enough to hold the ids of the first spans, which no other request has. */
const NAME_BYTES = 4096;

const [file = '', marker = ''] = process.argv.slice(2);
const output = file === '' ? undefined : openSync(file, 'w');
const report = { requests: 0, spans: 0, bytes: 0, malformed: 0, unmasked: 0, repeated: 0 };
const known = new Set<string>();

function receive(body: Buffer): boolean {
  report.requests++;
  report.bytes += body.length;
  const name = `${body.length} ${hash('sha1', body.subarray(0, NAME_BYTES))}`;
  if (known.has(name)) {
    report.repeated++;
    return true;
  }
  try {
    report.spans += countSpans(body);
  } catch {
    report.malformed++;
    return false;
  }
  known.add(name);
  if (marker !== '' && hasUnmasked(body)) report.unmasked++;
  if (output !== undefined) {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(body.length);
    writeSync(output, length);
    writeSync(output, body);
  }
  return true;
}

function hasUnmasked(body: Buffer): boolean {
  for (let at = body.indexOf(marker); at !== -1; at = body.indexOf(marker, at + 1)) {
    const token = body.toString('latin1', at + marker.length, at + marker.length + 32);
    if (/[1-9a-f]/.test(token)) return true;
  }
  return false;
}

function handle(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const raw = Buffer.concat(chunks);
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw;
    // Only traces are counted: the agent sends its own metrics to the same address.
    const isGood = request.url?.startsWith('/v1/traces') ? receive(body) : true;
    response.writeHead(isGood ? 200 : 400, { 'content-type': 'application/x-protobuf' }).end();
  });
}

function say(event: string): void {
  process.stdout.write(`${JSON.stringify({ event, ...report })}\n`);
}

const server = createServer({ keepAliveTimeout: 60_000 }, handle);
server.listen({ host: '127.0.0.1', port: 0 }, () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ event: 'start', port })}\n`);
});
process.stdin.on('data', () => say('report'));
process.stdin.on('end', () => process.exit(0));
process.on('SIGTERM', () => {
  if (output !== undefined) closeSync(output);
  say('end');
  process.exit(0);
});
