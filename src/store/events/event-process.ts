/** The process, container and pod of an event, under Qtap's keys and the conventions' names. */
import { basename } from 'node:path';
import type { RecordInput } from '../record-input.ts';
import { filled } from './filled.ts';
import type { EventAttribute } from './types.ts';

/** What is not known is ''. */
export interface EventProcess {
  readonly pid: number;
  /** Path of the executable. */
  readonly exe: string;
  /** What people call it: nginx. */
  readonly name: string;
  readonly user: string;
  readonly userId: number | undefined;
  readonly container: EventContainer | undefined;
  readonly pod: { readonly name: string; readonly namespace: string } | undefined;
}

export interface EventContainer {
  readonly id: string;
  readonly name: string;
  readonly image: string;
}

/** Qtap shortens ids of containers so. */
const CONTAINER_ID_CHARACTERS = 12;

/** That of an exchange, of which less is known. */
export function processOf({
  pid,
  exe,
  name,
  container,
  pod,
}: RecordInput['process']): EventProcess {
  const inContainer = container && { id: '', ...container };
  return { pid, exe, name, user: '', userId: undefined, container: inContainer, pod };
}

/** Keys of the local end of a connection, beside its address. */
export function processItem(process: EventProcess): Record<string, unknown> {
  const { pid, exe, name, user, userId, container, pod } = process;
  return filled<unknown>({
    exe: exe || name,
    user,
    userId,
    pid,
    container:
      container === undefined && pod === undefined
        ? undefined
        : filled<unknown>({
            id: container?.id.slice(0, CONTAINER_ID_CHARACTERS),
            name: container?.name,
            image: container?.image,
            pod: pod && filled<unknown>({ name: pod.name, namespace: pod.namespace }),
          }),
  });
}

/** process.*, container.*, k8s.* of the semantic conventions. */
export function processAttributes(process: EventProcess): Record<string, EventAttribute> {
  const { pid, exe, name, user, container, pod } = process;
  return filled<EventAttribute>({
    'process.pid': pid,
    'process.executable.path': exe,
    'process.executable.name': basename(exe) || name,
    'process.owner': user,
    'container.id': container?.id,
    'container.name': container?.name,
    'container.image.name': container?.image,
    'k8s.pod.name': pod?.name,
    'k8s.namespace.name': pod?.namespace,
  });
}
