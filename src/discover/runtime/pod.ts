/** The pod of a container, as the kubelet writes it into labels (pkg/kubelet/types/labels.go). */
import type { Counters } from '../../telemetry/counters.ts';
import { boundLabels } from './labels.ts';
import type { Labels, PodFacts } from './types.ts';

type Entries = Iterable<readonly [string, string]>;

/** Undefined when the container is in no pod. `labels` and `annotations` are those of the pod. */
export function podOf(
  container: Labels,
  labels: Entries,
  annotations: Entries,
  counters?: Counters,
): PodFacts | undefined {
  const name = container.get('io.kubernetes.pod.name');
  if (name === undefined) return undefined;
  return {
    name,
    namespace: container.get('io.kubernetes.pod.namespace') ?? '',
    uid: container.get('io.kubernetes.pod.uid') ?? '',
    containerName: container.get('io.kubernetes.container.name') ?? '',
    labels: boundLabels(labels, counters),
    annotations: boundLabels(annotations, counters),
  };
}
