/**
 * Records the corpus of this folder anew: `node test/replay/record.ts [nginx|haproxy|caddy]...`,
 * as root. Real proxies of the end-to-end scenes, synthetic requests, `spantap record`, and the
 * trees that a replay gives, to be read before they are committed.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCaddyScene } from '../e2e/caddy/scene.ts';
import { openHaproxyScene } from '../e2e/haproxy/scene.ts';
import { ask, askMany, tunnel } from '../e2e/harness/http-client.ts';
import { Program } from '../e2e/harness/program.ts';
import type { Scene } from '../e2e/harness/scene.ts';
import { openNginxScene } from '../e2e/nginx/scene.ts';
import { replayFile } from './trees.ts';

const AT_ONCE = 16;
const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts');

type Requests = (port: number) => Promise<void>;

const SCENES: Readonly<Record<string, () => Promise<void>>> = {
  nginx: async () => {
    const { scene, port } = await openNginxScene(1);
    await record('nginx', scene, port, nginxRequests);
  },
  haproxy: async () => {
    const { scene, port } = await openHaproxyScene();
    await record('haproxy', scene, port, haproxyRequests);
  },
  caddy: async () => {
    const { scene, port } = await openCaddyScene();
    await record('caddy', scene, port, caddyRequests);
  },
};

/** `n` tells requests apart in the expected trees: a wrong link would be visible. */
async function concurrent(port: number, path: string): Promise<void> {
  await askMany(port, AT_ONCE, (n) => `${path}?n=${n}&delay=${n % 5}`);
}

async function nginxRequests(port: number): Promise<void> {
  await ask(port, '/kept/plain');
  await ask(port, '/kept/body', { method: 'POST', body: 'x'.repeat(40_000) });
  await ask(port, '/kept/head', { method: 'HEAD' });
  await ask(port, '/kept/chunked?chunked=1');
  await ask(port, '/retry/once');
  await ask(port, '/guarded/door');
  await ask(port, '/socket/path');
  await ask(port, '/old/version');
  await ask(port, '/refused/port');
  await ask(port, '/itself');
  await tunnel(port, '/tunnel/chat', 'GET /not/http HTTP/1.1\r\n\r\n');
  await concurrent(port, '/kept/many');
  await concurrent(port, '/fresh/many');
}

async function haproxyRequests(port: number): Promise<void> {
  await ask(port, '/kept/plain');
  await ask(port, '/kept/body', { method: 'POST', body: 'x'.repeat(40_000) });
  await ask(port, '/retry/once');
  await ask(port, '/socket/path');
  await ask(port, '/itself');
  for (const path of ['/kept/many', '/fresh/many', '/queue/many']) await concurrent(port, path);
}

async function caddyRequests(port: number): Promise<void> {
  await ask(port, '/kept/plain');
  await ask(port, '/kept/body', { method: 'POST', body: 'x'.repeat(40_000) });
  await ask(port, '/socket/path');
  await ask(port, '/itself/');
  for (const path of ['/kept/many', '/fresh/many']) await concurrent(port, path);
}

async function record(name: string, scene: Scene, port: number, send: Requests): Promise<void> {
  const file = join(import.meta.dirname, `${name}.events`);
  try {
    rmSync(file, { force: true });
    const args = [MAIN, 'record', file, ...scene.processFlags];
    const recorder = new Program('spantap', process.execPath, args, {});
    await recorder.line(/watching/);
    await send(port);
    await recorder.stop();
  } finally {
    await scene.close();
  }
  writeFileSync(join(import.meta.dirname, `${name}.trees`), replayFile(file).trees);
  console.log(`recorded ${file}`);
}

const asked = process.argv.slice(2);
for (const name of asked.length > 0 ? asked : Object.keys(SCENES)) await SCENES[name]?.();
