/** kill -9 while the collector is away, refuses and takes spans; then the next process. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import grpc from '@grpc/grpc-js';
import type { Protocol } from '../../src/export/choose.ts';
import { freePorts } from '../e2e/harness/ports.ts';
import { temporaryFolder } from '../store/temporary.ts';
import { spansOf } from './decoder.ts';
import { type Answer, type GrpcAnswer, GrpcReceiver, HttpReceiver } from './receiver.ts';

const EXPORTER = join(import.meta.dirname, 'endless-exporter.ts');

interface Receiver {
  /** Numbers of all spans that came. */
  numbers(): number[];
  close(): Promise<void>;
}

type Start = (port: number, isMoody: boolean) => Promise<Receiver>;

const numberOf = (spanId: string) => Number(Buffer.from(spanId, 'base64').readBigUInt64BE()) - 1;

/** Takes one of three requests, or all. */
function answersOf<T>(isMoody: boolean, yes: T, no: T): T[] {
  return isMoody
    ? Array.from({ length: 3_000 }, (_, index) => (index % 3 === 0 ? yes : no))
    : [yes];
}

/** Spans of the requests that were answered with yes. */
function acceptedOf<T>(received: readonly { spanIds: readonly string[]; answer: T }[], yes: T) {
  return received.flatMap(({ spanIds, answer }) => (answer === yes ? spanIds.map(numberOf) : []));
}

const startHttp: Start = async (port, isMoody) => {
  const receiver = new HttpReceiver();
  const [yes, no]: Answer[] = [{}, { status: 503 }];
  const answers = answersOf<Answer>(isMoody, yes, no);
  receiver.answers = [...answers];
  await receiver.listen(port);
  const numbers = () => {
    const received = receiver.requests.map((request, index) => ({
      spanIds: spansOf(request).map(({ spanId }) => spanId),
      answer: answers[Math.min(index, answers.length - 1)],
    }));
    return acceptedOf(received, yes);
  };
  return { numbers, close: () => receiver.close() };
};

const startGrpc: Start = async (port, isMoody) => {
  const receiver = new GrpcReceiver();
  const [yes, no]: GrpcAnswer[] = [{}, { code: grpc.status.UNAVAILABLE }];
  const answers = answersOf<GrpcAnswer>(isMoody, yes, no);
  receiver.answers = [...answers];
  await receiver.listen(grpc.ServerCredentials.createInsecure(), port);
  const numbers = () => {
    const received = receiver.requests.map((request, index) => ({
      spanIds: spansOf(request).map(({ spanId }) => spanId),
      answer: answers[Math.min(index, answers.length - 1)],
    }));
    return acceptedOf(received, yes);
  };
  return { numbers, close: async () => receiver.close() };
};

function start(folder: string, protocol: Protocol, port: number, first: string) {
  const args = [EXPORTER, folder, protocol, String(port), first];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Kills the exporter when it has said so many lines; returns the hops that it said were safe. */
async function exportAndKill(
  folder: string,
  protocol: Protocol,
  port: number,
  first: number,
  lines: number,
): Promise<number> {
  const child = start(folder, protocol, port, String(first));
  const ended = once(child, 'exit');
  let said = first;
  let count = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    said = Number(line);
    if (++count === lines) child.kill('SIGKILL');
  }
  assert.deepEqual(await ended, [null, 'SIGKILL']);
  return said;
}

async function sendRest(folder: string, protocol: Protocol, port: number) {
  const child = start(folder, protocol, port, 'none');
  const ended = once(child, 'exit');
  let text = '';
  for await (const chunk of child.stdout) text += chunk;
  assert.deepEqual(await ended, [0, null]);
  const [found = 0, exported = 0, dropped = 0] = text.split(' ').map(Number);
  return { found, exported, dropped };
}

const SECOND = 1_000_000;
const THIRD = 2_000_000;

describe('what was on disk when the agent was killed arrives at least once', () => {
  for (const [protocol, startReceiver] of [
    ['http/protobuf', startHttp],
    ['grpc', startGrpc],
  ] as const) {
    test(`over ${protocol}`, async (t) => {
      const folder = temporaryFolder(t);
      const { port } = await freePorts('port');
      const safe = [[0, await exportAndKill(folder, protocol, port, 0, 8)]];
      const moody = await startReceiver(port, true);
      safe.push([SECOND, await exportAndKill(folder, protocol, port, SECOND, 8)]);
      await moody.close();
      safe.push([THIRD, await exportAndKill(folder, protocol, port, THIRD, 3)]);

      const willing = await startReceiver(port, false);
      const { found, exported, dropped } = await sendRest(folder, protocol, port);
      const arrived = new Set([...moody.numbers(), ...willing.numbers()]);
      await willing.close();
      assert.deepEqual([exported, dropped], [found, 0]);
      for (const [from = 0, to = 0] of safe) {
        assert.ok(to > from);
        const missing = [];
        for (let span = from * 2; span < to * 2; span++) if (!arrived.has(span)) missing.push(span);
        assert.deepEqual(missing, [], `of ${from * 2} to ${to * 2}`);
      }
    });
  }
});
