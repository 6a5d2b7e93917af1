/** A made-up /proc: processes with the files that discovery reads. */
import type { TestContext } from 'node:test';
import { filesBelow, TemporaryFolder } from './temporary.ts';

export interface FakeProcess {
  readonly pid: number;
  readonly parentPid?: number;
  readonly comm?: string;
  /** Target of `exe`; none: a kernel thread, or a process that may not be looked into. */
  readonly exe?: string;
  readonly commandLine?: readonly string[];
  readonly startTicks?: number;
  readonly netns?: number;
  /** Inode of its mount namespace; 1: that of the agent. */
  readonly mntns?: number;
  /** Address where its code begins. */
  readonly code?: number;
  /** Descriptor -> link target. */
  readonly fds?: Readonly<Record<number, string>>;
  readonly environment?: readonly string[];
  readonly cgroup?: string;
  readonly maps?: string;
  readonly mem?: Uint8Array;
  readonly status?: string;
  /** net/tcp, net/tcp6, net/unix, ... */
  readonly net?: Readonly<Record<string, string>>;
}

/** Writes the tree and returns its root. */
export function fakeProc(context: TestContext, processes: readonly FakeProcess[]): string {
  const folder = new TemporaryFolder(context);
  for (const each of processes) writeProcess(folder.path, each);
  folder.file('self/status', 'Name:\tnode\n');
  folder.link('self/ns/net', 'net:[4026531840]');
  folder.link('self/ns/mnt', 'mnt:[1]');
  return folder.path;
}

/** Adds a process, or gives one that is there other files. */
export function writeProcess(root: string, each: FakeProcess): void {
  const folder = filesBelow(root);
  const { pid, comm = 'program', parentPid = 1, startTicks = 100 } = each;
  const zeros = Array.from({ length: 17 }, () => '0').join(' ');
  folder.file(
    `${pid}/stat`,
    `${pid} (${comm}) S ${parentPid} ${zeros} ${startTicks} 0 0 0 ${each.code ?? 0}\n`,
  );
  const status = `Name:\t${comm}\nTgid:\t${pid}\nUid:\t0\t0\t0\t0\n`;
  folder.file(`${pid}/status`, each.status ?? status);
  if (each.exe !== undefined) folder.link(`${pid}/exe`, each.exe);
  const words = each.commandLine ?? (each.exe === undefined ? [] : [each.exe]);
  folder.file(`${pid}/cmdline`, words.map((word) => `${word}\0`).join(''));
  folder.link(`${pid}/ns/net`, `net:[${each.netns ?? 4_026_531_840}]`);
  folder.link(`${pid}/ns/mnt`, `mnt:[${each.mntns ?? 1}]`);
  folder.file(`${pid}/fd/.keep`, '');
  for (const [fd, target] of Object.entries(each.fds ?? {})) folder.link(`${pid}/fd/${fd}`, target);
  const environment = (each.environment ?? []).map((text) => `${text}\0`).join('');
  folder.file(`${pid}/environ`, environment);
  folder.file(`${pid}/cgroup`, each.cgroup ?? '0::/\n');
  folder.file(`${pid}/maps`, each.maps ?? '');
  if (each.mem !== undefined) folder.file(`${pid}/mem`, each.mem);
  for (const [name, text] of Object.entries(each.net ?? {}))
    folder.file(`${pid}/net/${name}`, text);
}

const TCP_HEAD =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';

/** One line of net/tcp: addresses as the kernel prints them. */
export function tcpLine(local: string, remote: string, state: string, inode: number): string {
  return `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0000000000000000 100 0 0 10 0`;
}

export function tcpTable(...lines: readonly string[]): string {
  return `${[TCP_HEAD, ...lines].join('\n')}\n`;
}

/** A listener on 127.0.0.1. */
export function listener(port: number, inode: number): string {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return tcpLine(`0100007F:${hex}`, '00000000:0000', '0A', inode);
}
