/** The nginx of these suites: one location per behaviour, two backends, one that always fails. */
import { freePorts } from '../harness/ports.ts';
import type { Program } from '../harness/program.ts';
import { Scene } from '../harness/scene.ts';

export interface NginxScene {
  readonly scene: Scene;
  readonly nginx: Program;
  readonly port: number;
  readonly ports: Readonly<Record<'front' | 'api' | 'failing' | 'closed', number>>;
}

function locations(ports: NginxScene['ports'], folder: string): string {
  return `
upstream kept { server 127.0.0.1:${ports.api}; keepalive 16; }
upstream fresh { server 127.0.0.1:${ports.api}; }
upstream over_socket { server unix:${folder}/api.sock; keepalive 4; }
upstream flaky {
  server 127.0.0.1:${ports.failing} max_fails=0;
  server 127.0.0.1:${ports.api} backup;
  keepalive 4;
}
server {
  listen 127.0.0.1:${ports.front};
  listen [::1]:${ports.front};
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  add_header X-Worker $pid;
  large_client_header_buffers 4 64k;
  location /kept { proxy_pass http://kept; }
  location /fresh { proxy_pass http://fresh; proxy_set_header Connection close; }
  location /old { proxy_pass http://fresh; proxy_http_version 1.0; proxy_set_header Connection close; }
  location /unbuffered { proxy_pass http://kept; proxy_buffering off; proxy_request_buffering off; }
  location /socket { proxy_pass http://over_socket; }
  location /retry { proxy_pass http://flaky; proxy_next_upstream error http_503 non_idempotent; }
  location /guarded { auth_request /auth; proxy_pass http://kept; }
  location = /auth {
    internal;
    proxy_pass http://kept;
    proxy_pass_request_body off;
    proxy_set_header Content-Length "";
  }
  location /tunnel {
    proxy_pass http://kept;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection Upgrade;
  }
  location /refused { proxy_pass http://127.0.0.1:${ports.closed}; }
  location /itself { return 200 "here"; }
}`;
}

/** Everything but collector and agent: `scene.watch()` starts those. */
export async function openNginxScene(workers = 2): Promise<NginxScene> {
  const scene = new Scene();
  try {
    const ports = await freePorts('front', 'api', 'failing', 'closed');
    await scene.backend('api', ports.api);
    await scene.backend('failing', ports.failing, 503);
    await scene.backend('socket-api', `${scene.folder}/api.sock`);
    const nginx = await scene.nginx(ports.front, locations(ports, scene.folder), workers);
    return { scene, nginx, port: ports.front, ports };
  } catch (error) {
    await scene.close();
    throw error;
  }
}
