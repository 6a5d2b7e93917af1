/** What only HAProxy has: structures that take over from probes, retries, health checks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, askMany } from '../harness/http-client.ts';
import { pathOf } from '../harness/otlp-span.ts';
import type { Scene } from '../harness/scene.ts';
import { shape, treesOf } from '../harness/span-tree.ts';
import type { HaproxyScene } from './scene.ts';

const IN_PROGRESS = 8;

/** Asks until the agent links by HAProxy's structures; returns how many requests that took. */
export async function askUntilWalked(scene: Scene, port: number, path: string): Promise<number> {
  const line = scene.agent.program
    .line(/linked by its structures from now on/)
    .then(() => 'walked');
  for (let count = 0; ; count += IN_PROGRESS) {
    const round = askMany(port, IN_PROGRESS, (n) => `${path}?delay=30&n=${count + n}`);
    const first = await Promise.race([line, round]);
    await round;
    if (first === 'walked') return count + IN_PROGRESS;
  }
}

export function testRetry(open: () => HaproxyScene): void {
  test('a retry on another server is a second CLIENT span with a resend count', async () => {
    const { scene, port } = open();
    // Round robin starts with either server; of two requests one starts with the failing one.
    await ask(port, '/retry/1');
    await ask(port, '/retry/2');
    const both = ['/retry/1', '/retry/2'];
    const trees = await scene.collector.await('a retry', (spans) => {
      const found = both.map((path) => treesOf(scene.tracesOf(path, spans)));
      const isRetry = ([tree]: (typeof found)[number]) => tree?.children.length === 2;
      return found.find(isRetry);
    });
    const path = trees[0] ? pathOf(trees[0].span) : '';
    await scene.expectTrace(
      path,
      shape`
        SERVER haproxy GET ${path} 200
          CLIENT haproxy GET ${path} 503
            SERVER failing GET ${path} 503
          CLIENT haproxy GET ${path} 200 resend 1
            SERVER api GET ${path} 200
      `,
    );
  });
}

/** `sinceNs`: only those that began later. */
export function testHealthChecks(open: () => HaproxyScene, sinceNs: () => bigint = () => 0n): void {
  test('health checks are CLIENT spans without parent', async () => {
    const { scene } = open();
    const check = await scene.collector.await('a health check', (spans) =>
      spans.find(
        (span) => span.kind === 'CLIENT' && pathOf(span) === '/health' && span.startNs > sinceNs(),
      ),
    );
    assert.equal(check.parentSpanId, '');
    assert.equal(check.attributes['spantap.link.tier'], undefined, 'it should have none');
  });
}
