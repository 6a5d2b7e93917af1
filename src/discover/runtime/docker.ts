/**
 * The Docker Engine API (GET /containers/ID/json, all versions). Under Kubernetes (cri-dockerd) the
 * kubelet's labels name the pod, and the pod's own labels are those of its sandbox container.
 */
import { request } from 'node:http';
import { limits } from '../../config/limits.ts';
import type { Counters } from '../../telemetry/counters.ts';
import { boundLabels } from './labels.ts';
import { podOf } from './pod.ts';
import type { ContainerFacts, Runtime } from './types.ts';

/** cri-dockerd stores annotations as labels of this prefix. */
const ANNOTATION = 'annotation.';
const SANDBOX = 'io.kubernetes.sandbox.id';

export function dockerRuntime(sockets: readonly string[], counters?: Counters): Runtime {
  return {
    sockets,
    mayRun: ({ runtime }) => runtime === 'docker' || runtime === undefined,
    find: async ({ id }, socketPath) => {
      const found = await inspect(socketPath, id);
      return found === undefined ? undefined : describe(id, found, socketPath, counters);
    },
  };
}

async function describe(
  id: string,
  container: Json,
  socketPath: string,
  counters: Counters | undefined,
): Promise<ContainerFacts> {
  const labels = labelsOf(container);
  const sandboxId = labels.find(([key]) => key === SANDBOX)?.[1];
  const sandbox = sandboxId === undefined ? undefined : await inspect(socketPath, sandboxId);
  return {
    id,
    runtime: 'docker',
    name: textOf(container.Name).replace(/^\//, ''),
    image: textOf(objectOf(container.Config).Image),
    labels: boundLabels(labels, counters),
    pod: podOf(new Map(labels), ...podLabels(sandbox), counters),
  };
}

type Json = Readonly<Record<string, unknown>>;

/** Undefined for 404; rejects for everything else that is no JSON object. */
function inspect(socketPath: string, id: string): Promise<Json | undefined> {
  const path = `/containers/${encodeURIComponent(id)}/json`;
  const signal = AbortSignal.timeout(limits.containerLookupTimeoutMs);
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path, headers: { host: 'docker' }, signal });
    sent.on('error', reject);
    sent.on('response', async (response) => {
      try {
        const text = await readBounded(response);
        if (response.statusCode === 404) resolve(undefined);
        else if (response.statusCode === 200) resolve(objectOf(JSON.parse(text)));
        else reject(new Error(`${path}: status ${response.statusCode}`));
      } catch (error) {
        reject(error);
      }
    });
    sent.end();
  });
}

async function readBounded(response: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = [];
  let lenBytes = 0;
  for await (const piece of response) {
    lenBytes += piece.length;
    if (lenBytes > limits.containerAnswerBytesMax) throw new Error('the answer is too large');
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

function objectOf(value: unknown): Json {
  return typeof value === 'object' && value !== null
    ? Object.fromEntries(Object.entries(value))
    : {};
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function labelsOf(container: Json): [string, string][] {
  const labels = objectOf(objectOf(container.Config).Labels);
  return Object.entries(labels).map(([key, value]) => [key, textOf(value)]);
}

/** Labels and annotations of a pod from its sandbox container. */
function podLabels(
  sandbox: Json | undefined,
): [labels: [string, string][], annotations: [string, string][]] {
  const all = sandbox === undefined ? [] : labelsOf(sandbox);
  const isAnnotation = ([key]: [string, string]) => key.startsWith(ANNOTATION);
  return [
    all.filter((entry) => !isAnnotation(entry)),
    all
      .filter(isAnnotation)
      .map(([key, value]): [string, string] => [key.slice(ANNOTATION.length), value]),
  ];
}
