/** What `doctor` finds out about one process, before it is judged. */
import { readdirSync } from 'node:fs';
import { type Exclusions, NO_EXCLUSIONS } from '../exclusions.ts';
import type { ExecutableFacts } from '../families.ts';
import type { Inspector } from '../plan.ts';
import { readContainer } from '../proc/container.ts';
import {
  bracketNumber,
  PROC_ROOT,
  readProcFolder,
  readProcLink,
  readProcText,
} from '../proc/files.ts';
import { readSocketTable, readUdpPorts, type SocketEntry, socketsOf } from '../proc/sockets.ts';
import { listProcesses, type ProcessInfo, readProcess } from '../processes.ts';
import type { AttachPlan } from '../types.ts';

export type ProcessFacts =
  | { readonly kind: 'missing'; readonly pid: number; readonly hostPid: number | undefined }
  | { readonly kind: 'thread'; readonly pid: number; readonly threadOf: number }
  | { readonly kind: 'no-program'; readonly pid: number; readonly name: string }
  | RunningFacts;

export interface RunningFacts {
  readonly kind: 'running';
  readonly info: ProcessInfo;
  readonly plan: AttachPlan;
  readonly executable: ExecutableFacts | undefined;
  readonly isAgent: boolean;
  /** The filter of the configuration that leaves it out, as it is found in the file. */
  readonly leftOutBy: string | undefined;
  /** Id of its container. */
  readonly container: string | undefined;
  /** False when its descriptors may not be read: then the fields below tell nothing. */
  readonly isReadable: boolean;
  readonly sockets: readonly SocketEntry[];
  /** UDP ports that it is bound to: HTTP/3 would arrive there. */
  readonly udpPorts: readonly number[];
  /** File names of TLS libraries that it has mapped. */
  readonly tlsLibraries: readonly string[];
  readonly usesIoUring: boolean;
  readonly isOtherNetworkNamespace: boolean;
}

/** Shared objects that end TLS; Go and statically linked programs do it without one. */
const TLS_LIBRARY = /\/(lib(?:ssl|gnutls|boringssl|nss3|wolfssl|mbedtls)[^/]*\.so[^/]*)$/;

export interface ProcessReaders {
  readonly inspector: Inspector;
  readonly exclusions?: Exclusions;
}

export function readProcessFacts(
  pid: number,
  { inspector, exclusions = NO_EXCLUSIONS }: ProcessReaders,
  root = PROC_ROOT,
): ProcessFacts {
  const status = readProcText(`${root}/${pid}/status`);
  if (status === undefined) return { kind: 'missing', pid, hostPid: findHostPid(pid, root) };
  const group = Number(status.match(/^Tgid:\s+(\d+)/m)?.[1] ?? pid);
  if (group !== pid) return { kind: 'thread', pid, threadOf: group };
  const info = readProcess(pid, root);
  if (info === undefined) {
    return { kind: 'no-program', pid, name: status.match(/^Name:\s+(.*)$/m)?.[1] ?? '' };
  }
  const table = readSocketTable(pid, undefined, root);
  return {
    kind: 'running',
    info,
    plan: inspector.plan(info),
    executable: inspector.facts(info),
    isAgent: isAgent(info),
    leftOutBy: exclusions.filterFor(info.executablePath),
    container: readContainer(pid, root)?.id,
    isReadable: canRead(`${root}/${pid}/fd`),
    sockets: socketsOf(pid, table, root),
    udpPorts: readUdpPorts(pid, root),
    tlsLibraries: findTlsLibraries(readProcText(`${root}/${pid}/maps`) ?? ''),
    usesIoUring: hasDescriptor(pid, 'anon_inode:[io_uring]', root),
    isOtherNetworkNamespace: isOtherNamespace(info, root),
  };
}

/** Listing the descriptors may be allowed where following them is not. */
function canRead(folder: string): boolean {
  try {
    const [first] = readdirSync(folder);
    return first === undefined || readProcLink(`${folder}/${first}`) !== undefined;
  } catch {
    return false;
  }
}

function isOtherNamespace({ netnsInode }: ProcessInfo, root: string): boolean {
  const own = bracketNumber(readProcLink(`${root}/self/ns/net`));
  return netnsInode !== 0 && own !== 0 && netnsInode !== own;
}

/** A pid that somebody read inside a container: the process that has it there, if it is the only one. */
function findHostPid(pid: number, root: string): number | undefined {
  const found = listProcesses(root).filter((each) => {
    const status = readProcText(`${root}/${each.pid}/status`) ?? '';
    const pids = status.match(/^NSpid:\s+(.*)$/m)?.[1]?.split(/\s+/) ?? [];
    return pids.length > 1 && Number(pids.at(-1)) === pid;
  });
  return found.length === 1 ? found[0]?.pid : undefined;
}

/** The agent's own entry file on the command line of a Node process. */
function isAgent({ commandLine }: ProcessInfo): boolean {
  const entry = '/src/main.ts';
  return commandLine.some((word) => word.endsWith(entry)) && commandLine.includes('run');
}

export function findTlsLibraries(maps: string): string[] {
  const names = maps.split('\n').map((line) => line.match(TLS_LIBRARY)?.[1]);
  return [...new Set(names.filter((name) => name !== undefined))];
}

function hasDescriptor(pid: number, target: string, root: string): boolean {
  const folder = `${root}/${pid}/fd`;
  return readProcFolder(folder).some((name) => readProcLink(`${folder}/${name}`) === target);
}
