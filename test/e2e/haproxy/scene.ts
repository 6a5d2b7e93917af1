/** The HAProxy of these suites: two threads, one backend section per behaviour. */
import { freePorts } from '../harness/ports.ts';
import type { Program } from '../harness/program.ts';
import { Scene } from '../harness/scene.ts';

export interface HaproxyScene {
  readonly scene: Scene;
  readonly haproxy: Program;
  readonly port: number;
  readonly ports: Readonly<Record<'front' | 'checked' | 'api' | 'failing', number>>;
}

/** HTTP; `global`: more lines of that section. Ends inside of `defaults`. */
export const haproxyHead = (global = '', threads = 2) => `
global
  nbthread ${threads}
${global}defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
`;

function sections(ports: HaproxyScene['ports'], folder: string, threads: number): string {
  const routes = ['kept', 'fresh', 'queue', 'retry', 'socket', 'tunnel', 'checked'].map(
    (name) => `  use_backend ${name} if { path_beg /${name} }`,
  );
  return `${haproxyHead('', threads)}  timeout queue 30s
frontend front
  bind 127.0.0.1:${ports.front}
  bind ::1:${ports.front}
${routes.join('\n')}
  http-request return status 200 content-type text/plain string here if { path_beg /itself }
  default_backend kept
backend kept
  http-reuse always
  server api 127.0.0.1:${ports.api}
backend fresh
  option httpclose
  server api 127.0.0.1:${ports.api}
backend queue
  http-reuse always
  server api 127.0.0.1:${ports.api} maxconn 4
backend retry
  balance roundrobin
  option redispatch 1
  retries 2
  retry-on 503
  server failing 127.0.0.1:${ports.failing}
  server api 127.0.0.1:${ports.api}
backend socket
  server api unix@${folder}/api.sock
backend tunnel
  server api 127.0.0.1:${ports.api}
backend checked
  option httpchk GET /health
  server api 127.0.0.1:${ports.api} check inter 500ms
`;
}

export interface HaproxyOptions {
  readonly threads?: number;
  /** Of another Debian release, where that is unpacked. */
  readonly root?: string;
}

export async function openHaproxyScene(options: HaproxyOptions = {}): Promise<HaproxyScene> {
  const { threads = 2, root } = options;
  const scene = new Scene();
  try {
    const ports = await freePorts('front', 'checked', 'api', 'failing');
    await scene.backend('api', ports.api);
    await scene.backend('failing', ports.failing, 503);
    await scene.backend('socket-api', `${scene.folder}/api.sock`);
    const config = sections(ports, scene.folder, threads);
    const haproxy =
      root === undefined
        ? await scene.haproxy(ports.front, config)
        : await scene.haproxyOf(root, ports.front, config);
    return { scene, haproxy, port: ports.front, ports };
  } catch (error) {
    await scene.close();
    throw error;
  }
}
