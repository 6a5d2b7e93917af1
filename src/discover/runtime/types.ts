/** What container runtimes tell of a container. */
import type { ContainerRef } from '../proc/container.ts';

/** Keys and values as the runtime says them; bounded in number and length. */
export type Labels = ReadonlyMap<string, string>;

export interface ContainerFacts {
  /** As in the ContainerRef. */
  readonly id: string;
  /** Name of the runtime: docker, containerd, cri-o. */
  readonly runtime: string;
  /** '' unknown. */
  readonly name: string;
  /** As it was asked for: repository with tag or digest. '' unknown. */
  readonly image: string;
  readonly labels: Labels;
  readonly pod: PodFacts | undefined;
}

export interface PodFacts {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  /** Name of the container in the pod's specification. */
  readonly containerName: string;
  readonly labels: Labels;
  readonly annotations: Labels;
}

/** One kind of runtime, asked through a socket of this host with requests that only read. */
export interface Runtime {
  /** Places of its socket; the first that is there counts. */
  readonly sockets: readonly string[];
  /** Loads what asking it takes. Without, that is done at the first question. */
  load?(): Promise<unknown>;
  /** Whether it may be the one that runs this container. */
  mayRun(ref: ContainerRef): boolean;
  /**
   * Undefined when it does not know the container. Rejects when it cannot be asked: no permission,
   * too late, an answer that is none.
   */
  find(ref: ContainerRef, socketPath: string): Promise<ContainerFacts | undefined>;
}
