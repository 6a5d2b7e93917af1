/** What the kubelet asks of a container runtime (k8s.io/cri-api v1), for pods of one container. */
import { Client, credentials } from '@grpc/grpc-js';
import { encode, Message } from '../../../src/discover/runtime/message.ts';
import { withEntries, wrap } from '../../discover/runtime/fake-runtimes.ts';

const SERVICE = '/runtime.v1.RuntimeService';

export interface Pod {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export class CriClient {
  readonly #client: Client;
  readonly #pods: string[] = [];

  constructor(socket: string) {
    this.#client = new Client(`unix://${socket}`, credentials.createInsecure(), {
      'grpc.default_authority': 'localhost',
    });
  }

  /** Returns the container's id. */
  async runPod(pod: Pod, image: string, command: readonly string[]): Promise<string> {
    const sandbox = sandboxConfig(pod);
    const podId = (await this.#call('RunPodSandbox', wrap(1, sandbox))).text(1);
    this.#pods.push(podId);
    const container = containerConfig(pod, image, command);
    const parts = [encode({ 1: podId }), wrap(2, container), wrap(3, sandbox)];
    const id = (await this.#call('CreateContainer', Buffer.concat(parts))).text(1);
    await this.#call('StartContainer', encode({ 1: id }));
    return id;
  }

  /** Verbose status: `info` is JSON that names the process. */
  async pidOf(id: string): Promise<number> {
    const verbose = Buffer.from([0x10, 1]);
    const status = await this.#call('ContainerStatus', Buffer.concat([encode({ 1: id }), verbose]));
    const info = status.entries(2).find(([key]) => key === 'info')?.[1] ?? '{}';
    return JSON.parse(info).pid;
  }

  async close(): Promise<void> {
    for (const id of this.#pods) {
      await this.#call('StopPodSandbox', encode({ 1: id }));
      await this.#call('RemovePodSandbox', encode({ 1: id }));
    }
    this.#client.close();
  }

  #call(method: string, request: Uint8Array): Promise<Message> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        `${SERVICE}/${method}`,
        (bytes: Uint8Array) => Buffer.from(bytes),
        (bytes: Buffer) => new Message(bytes),
        request,
        (error, answer) => {
          if (answer === undefined) reject(error ?? new Error('no answer'));
          else resolve(answer);
        },
      );
    });
  }
}

/** PodSandboxConfig { metadata = 1; labels = 6; annotations = 7; linux = 8; }. */
function sandboxConfig({ name, namespace, labels, annotations }: Pod): Uint8Array {
  const metadata = encode({ 1: { 1: name, 2: uidOf(name), 3: namespace } });
  // LinuxPodSandboxConfig.security_context.namespace_options.network = NODE: the host's.
  const network = wrap(8, wrap(2, wrap(1, Buffer.from([0x08, 2]))));
  return withEntries(7, annotations, withEntries(6, labels, metadata), network);
}

/** ContainerConfig { metadata = 1; image = 2; command = 3; labels = 9; }; labels as the kubelet's. */
function containerConfig(
  { name, namespace }: Pod,
  image: string,
  command: readonly string[],
): Uint8Array {
  const kubelet = {
    'io.kubernetes.container.name': 'web',
    'io.kubernetes.pod.name': name,
    'io.kubernetes.pod.namespace': namespace,
    'io.kubernetes.pod.uid': uidOf(name),
  };
  const words = command.map((word) => encode({ 3: word }));
  return withEntries(9, kubelet, encode({ 1: { 1: 'web' }, 2: { 1: image } }), ...words);
}

export function uidOf(podName: string): string {
  return `uid-of-${podName}`;
}
