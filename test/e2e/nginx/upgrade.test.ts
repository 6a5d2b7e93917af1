/** nginx whose binary is replaced while requests run through it, as its documentation says. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { findProgram } from '../../../src/discover/programs.ts';
import { freePorts } from '../harness/ports.ts';
import { Scene } from '../harness/scene.ts';
import { expectSteadyHops, SteadyLoad } from '../harness/steady-load.ts';

/** In the background: in the foreground nginx ignores the signal for an upgrade. */
const config = (front: number, api: number, folder: string) => `
worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 512; }
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join(' ')}
  upstream api { server 127.0.0.1:${api}; keepalive 8; }
  server {
    listen 127.0.0.1:${front};
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    location / { proxy_pass http://api; }
  }
}`;

/** 0 while the file is not there. */
function pidIn(file: string): number {
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
}

describe('nginx whose binary is upgraded', () => {
  const scene = new Scene();
  const pidFile = `${scene.folder}/pid`;
  const oldPidFile = `${pidFile}.oldbin`;
  after(async () => {
    for (const pid of [pidIn(pidFile), pidIn(oldPidFile)]) if (pid > 0) process.kill(pid);
    await scene.close();
  });

  test('no request before, during and after is missed or unlinked', async () => {
    const { front, api } = await freePorts('front', 'api');
    await scene.backend('api', api);
    const file = scene.writeFile('nginx.conf', config(front, api, scene.folder));
    execFileSync(findProgram('nginx'), ['-e', `${scene.folder}/error.log`, '-c', file]);
    const master = pidIn(pidFile);
    await scene.watch({ flags: ['--process', String(master)] });
    const load = new SteadyLoad(front, '/upgraded');
    await load.goOn('requests through the old binary');
    process.kill(master, 'SIGUSR2');
    await load.goOn('the new master is there', () => pidIn(oldPidFile) === master);
    process.kill(master, 'SIGQUIT');
    await load.goOn('the old master has gone', () => !existsSync(oldPidFile));
    const count = await load.stop();
    const expected = { proxy: 'nginx', backend: 'api', path: '/upgraded', count, processes: 2 };
    await expectSteadyHops(scene, expected);
  });
});
