/**
 * Where container runtimes listen: the places that they choose themselves, or those that Qtap's
 * variables name. Looked for at each question, as a runtime may be started after the agent.
 */
import { statSync } from 'node:fs';

export interface SocketPaths {
  /** Docker Engine API. */
  readonly docker: readonly string[];
  /** containerd's own API. */
  readonly containerd: readonly string[];
  /** Container Runtime Interface of Kubernetes. */
  readonly cri: readonly string[];
}

const CONTAINERD = ['/run/containerd/containerd.sock', '/run/k3s/containerd/containerd.sock'];

/** DOCKER_SOCKET, CONTAINERD_SOCKET and CRI_RUNTIME_SOCKET: a path, with or without `unix://`. */
export function socketPaths(env: NodeJS.ProcessEnv): SocketPaths {
  const containerd = given(env.CONTAINERD_SOCKET) ?? CONTAINERD;
  return {
    docker: given(env.DOCKER_SOCKET) ?? ['/var/run/docker.sock'],
    containerd,
    cri: given(env.CRI_RUNTIME_SOCKET) ?? [...containerd, '/var/run/crio/crio.sock'],
  };
}

/** Other schemes (tcp://) lead away from this host: whom they reach cannot be told. */
function given(value: string | undefined): string[] | undefined {
  const path = (value ?? '').trim().replace(/^unix:\/\//, '');
  return path.startsWith('/') ? [path] : undefined;
}

/** The first that is there. */
export function findSocket(paths: readonly string[]): string | undefined {
  return paths.find((path) => {
    try {
      return statSync(path).isSocket();
    } catch {
      return false;
    }
  });
}
