/** Connections that were open before the agent, of a client to a proxy and of the proxy to `api`. */
import assert from 'node:assert/strict';
import type { Agent } from 'node:http';
import { after, before, test } from 'node:test';
import { assertLinked } from './facts.ts';
import { ask, oneConnection } from './http-client.ts';
import type { Scene } from './scene.ts';
import { proxiedOverOld } from './span-tree.ts';

interface OpenScene {
  readonly scene: Scene;
  readonly port: number;
}

export interface OldConnections<Opened extends OpenScene> {
  /** Once the tests run. */
  readonly open: () => Opened;
  /** The client's: one, and old. */
  readonly connections: Agent;
}

/** Two requests of a suite before its agent starts; the proxy keeps connections below `/kept`. */
export function useOldConnections<Opened extends OpenScene>(
  openScene: () => Promise<Opened>,
): OldConnections<Opened> {
  const connections = oneConnection();
  let opened: Opened | undefined;
  before(async () => {
    opened = await openScene();
    await ask(opened.port, '/kept/early/1', { connections });
    await ask(opened.port, '/kept/early/2', { connections });
    await opened.scene.watch();
  });
  after(async () => {
    connections.destroy();
    await opened?.scene.close();
  });
  return { open: () => opened ?? assert.fail('not open yet'), connections };
}

export function testOldConnections(proxy: string, openScene: () => Promise<OpenScene>): void {
  const { open, connections } = useOldConnections(openScene);

  test('they are captured and linked from their next request on', async () => {
    const { scene, port } = open();
    for (const n of [1, 2]) {
      const path = `/kept/late/${n}`;
      await ask(port, path, { connections });
      const lines = proxiedOverOld(proxy, 'api', `GET ${path}`);
      const [ingress, egress] = await scene.expectTrace(path, lines);
      assert(ingress && egress);
      assertLinked(ingress, egress);
    }
  });
}
