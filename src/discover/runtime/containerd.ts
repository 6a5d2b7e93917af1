/**
 * containerd's own API (containerd.services.containers.v1), for containers of `ctr` and nerdctl:
 * they are neither Docker's nor a pod's.
 */
import type { Counters } from '../../telemetry/counters.ts';
import { loadCalls, withCalls } from './calls.ts';
import { boundLabels } from './labels.ts';
import type { Message } from './message.ts';
import type { ContainerFacts, Runtime } from './types.ts';

const GET = '/containerd.services.containers.v1.Containers/Get';
/** nerdctl gives names; the id serves for `ctr`. */
const NAME_LABEL = 'nerdctl/name';

export function containerdRuntime(sockets: readonly string[], counters?: Counters): Runtime {
  return {
    sockets,
    load: loadCalls,
    mayRun: ({ runtime }) => runtime === 'containerd',
    find: async ({ id, namespace }, socketPath) => {
      const headers = { 'containerd-namespace': namespace };
      const answer = await withCalls(socketPath, headers, (call) => call(GET, { 1: id }));
      return answer === undefined ? undefined : describe(id, answer, counters);
    },
  };
}

/** GetContainerResponse { container = 1 }, Container { id = 1; labels = 2; image = 3; }. */
function describe(id: string, answer: Message, counters: Counters | undefined): ContainerFacts {
  const container = answer.message(1);
  const labels = boundLabels(container.entries(2), counters);
  const name = labels.get(NAME_LABEL) ?? id;
  return { id, runtime: 'containerd', name, image: container.text(3), labels, pod: undefined };
}
