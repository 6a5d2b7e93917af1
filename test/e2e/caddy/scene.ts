/** The Caddy of these suites: clear text on both sides, kept and new upstream connections. */
import { freePorts } from '../harness/ports.ts';
import type { Program } from '../harness/program.ts';
import { Scene } from '../harness/scene.ts';

export interface CaddyScene {
  readonly scene: Scene;
  readonly caddy: Program;
  readonly port: number;
  readonly ports: Readonly<Record<'front' | 'api', number>>;
}

function sites(ports: CaddyScene['ports'], folder: string): string {
  return `
http://:${ports.front} {
  bind 127.0.0.1 ::1
  handle /kept/* {
    reverse_proxy 127.0.0.1:${ports.api}
  }
  handle /fresh/* {
    reverse_proxy 127.0.0.1:${ports.api} {
      transport http {
        keepalive off
      }
    }
  }
  handle /socket/* {
    reverse_proxy unix/${folder}/api.sock
  }
  handle /itself/* {
    respond here
  }
}
`;
}

export async function openCaddyScene(): Promise<CaddyScene> {
  const scene = new Scene();
  try {
    const ports = await freePorts('front', 'api');
    await scene.backend('api', ports.api);
    await scene.backend('socket-api', `${scene.folder}/api.sock`);
    const caddy = await scene.caddy(ports.front, sites(ports, scene.folder));
    return { scene, caddy, port: ports.front, ports };
  } catch (error) {
    await scene.close();
    throw error;
  }
}
