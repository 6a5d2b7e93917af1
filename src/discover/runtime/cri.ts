/**
 * The Container Runtime Interface (k8s.io/cri-api, runtime.v1) of containerd, CRI-O and cri-dockerd:
 * containers with the kubelet's labels, and pods with their own.
 */
import type { Counters } from '../../telemetry/counters.ts';
import { type Call, loadCalls, withCalls } from './calls.ts';
import { boundLabels } from './labels.ts';
import type { Message } from './message.ts';
import { podOf } from './pod.ts';
import type { ContainerFacts, Runtime } from './types.ts';

const SERVICE = '/runtime.v1.RuntimeService';

export function criRuntime(sockets: readonly string[], counters?: Counters): Runtime {
  return {
    sockets,
    load: loadCalls,
    mayRun: ({ runtime }) => runtime === 'cri' || runtime === undefined,
    find: ({ id }, socketPath) => withCalls(socketPath, {}, (call) => ask(call, id, counters)),
  };
}

async function ask(
  call: Call,
  id: string,
  counters: Counters | undefined,
): Promise<ContainerFacts | undefined> {
  const container = await findOne(call, 'ListContainers', id);
  if (container === undefined) return undefined;
  // Container { id = 1; pod_sandbox_id = 2; metadata = 3; image = 4; labels = 8; }
  const pod = await findOne(call, 'ListPodSandbox', container.text(2));
  const labels = container.entries(8);
  return {
    id,
    runtime: await runtimeName(call),
    name: container.message(3).text(1),
    image: await imageOf(call, id, container),
    labels: boundLabels(labels, counters),
    // PodSandbox { labels = 5; annotations = 6; }
    pod: podOf(new Map(labels), pod?.entries(5) ?? [], pod?.entries(6) ?? [], counters),
  };
}

/**
 * ImageSpec { image = 1; user_specified_image = 18; }. The kubelet asks for images by their id;
 * then the status of the container names one of its tags.
 */
async function imageOf(call: Call, id: string, container: Message): Promise<string> {
  const spec = container.message(4);
  const image = spec.text(18) || spec.text(1);
  if (!/^(sha256:)?[0-9a-f]{64}$/.test(image)) return image;
  const answer = await call(`${SERVICE}/ContainerStatus`, { 1: id });
  // ContainerStatusResponse { status = 1 }, ContainerStatus { image = 8 }
  return answer?.message(1).message(8).text(1) || image;
}

/** Both lists take a filter in field 1 with the id in its field 1, and answer in field 1. */
async function findOne(call: Call, method: string, id: string): Promise<Message | undefined> {
  const answer = await call(`${SERVICE}/${method}`, { 1: { 1: id } });
  // The id may be the beginning of one: only the whole one counts.
  return answer?.messages(1).find((each) => each.text(1) === id);
}

/** VersionResponse { runtime_name = 2 }: containerd, cri-o, docker. */
async function runtimeName(call: Call): Promise<string> {
  const answer = await call(`${SERVICE}/Version`, {});
  return answer?.text(2) ?? '';
}
