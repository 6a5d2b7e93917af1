/**
 * Which processes `tap.filters` leaves out, by the path of their executable: custom filters in their
 * order, then groups; the first match decides. A filter that is only about TLS or DNS decides that
 * nothing of the HTTP captured here is left out.
 */
import type { TapConfig } from '../config/file/types.ts';

type Filters = TapConfig['filters'];
type CustomFilter = Filters['custom'][number];
type Group = Filters['groups'][number];

/** Compiles RE2 syntax, unanchored; undefined for what is no pattern (the file was checked for it). */
export type CompilePattern = (source: string) => ((text: string) => boolean) | undefined;

/** Whole paths, as Qtap lists them. The agent itself is left out by its pid, named or not. */
const GROUPS: Readonly<Record<Group, readonly string[]>> = {
  'container-runtimes': ['/usr/bin/containerd', '/usr/bin/dockerd', '/usr/bin/runc'],
  eks: [
    '/app/aws-k8s-agent',
    '/usr/bin/amazon-ssm-agent',
    '/usr/bin/ssm-agent-worker',
    '/usr/bin/ssm-document-worker',
  ],
  gke: [
    '/home/kubernetes/bin/gcfsd',
    '/event-exporter',
    '/fluent-bit-gke-exporter',
    '/home/kubernetes/bin/node-problem-detector',
  ],
  kubernetes: [
    '/home/kubernetes/bin/kubelet',
    '/home/kubernetes/bin/kube-proxy',
    '/proxy-agent',
    '/cluster-proportional-autoscaler',
    '/csi-node-driver-registrar',
  ],
  qpoint: [],
  spantap: [],
};

interface Filter {
  /** As a person finds it in the file. */
  readonly name: string;
  readonly matches: (path: string, lowerCased: string) => boolean;
  readonly excludes: boolean;
}

export class Exclusions {
  readonly #filters: readonly Filter[];

  constructor({ groups, custom }: Filters, compile: CompilePattern) {
    this.#filters = [
      ...custom.map((filter, index) => fromCustom(filter, index, compile)),
      ...groups.filter((group) => GROUPS[group].length > 0).map(fromGroup),
    ];
  }

  /** Nothing needs to be looked up. */
  get isEmpty(): boolean {
    return this.#filters.length === 0;
  }

  /** Whether a process that runs this executable is left out. '' (unknown) never is. */
  excludes(path: string): boolean {
    return this.filterFor(path) !== undefined;
  }

  /** The filter that leaves it out, as it is found in the file: `tap.filters.custom[0]`. */
  filterFor(path: string): string | undefined {
    if (path === '' || this.isEmpty) return undefined;
    const lowerCased = path.toLowerCase();
    const first = this.#filters.find(({ matches }) => matches(path, lowerCased));
    return first?.excludes ? first.name : undefined;
  }
}

/** No filters. */
export const NO_EXCLUSIONS = new Exclusions({ groups: [], custom: [] }, () => undefined);

function fromCustom(filter: CustomFilter, index: number, compile: CompilePattern): Filter {
  const { only } = filter;
  // Without payload there is no HTTP: `data` leaves out as much as `http` does.
  const excludes = only.length === 0 || only.includes('http') || only.includes('data');
  return { name: `tap.filters.custom[${index}]`, matches: matcherOf(filter, compile), excludes };
}

/** Letter case counts for patterns only. */
function matcherOf({ exe, strategy }: CustomFilter, compile: CompilePattern): Filter['matches'] {
  const wanted = exe.toLowerCase();
  switch (strategy) {
    case 'exact':
      return (_, path) => path === wanted;
    case 'prefix':
      return (_, path) => path.startsWith(wanted);
    case 'suffix':
      return (_, path) => path.endsWith(wanted);
    case 'contains':
      return (_, path) => path.includes(wanted);
    case 'regex':
      return compile(exe) ?? (() => false);
  }
}

function fromGroup(group: Group): Filter {
  const paths = new Set(GROUPS[group]);
  return {
    name: `group ${group} of tap.filters`,
    matches: (_, path) => paths.has(path),
    excludes: true,
  };
}
