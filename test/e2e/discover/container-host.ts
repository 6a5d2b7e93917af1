/**
 * containerd and Docker from Debian's packages, with their files in one temporary folder and the
 * host's network: no bridge, no iptables, no CNI. Needs root.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { containerRuntimes } from '../../../tools/setup/needs.ts';
import { unpackedFolder } from '../../../tools/setup/unpacked.ts';
import { Program } from '../harness/program.ts';
import { CriClient, type Pod } from './cri-client.ts';
import { IMAGE, writeImage } from './image-archive.ts';

const run = promisify(execFile);
const BACKEND = join(import.meta.dirname, '..', 'harness', 'backend-main.ts');
const COMMAND_TIMEOUT_MS = 60_000;

export interface Container {
  /** As its runtime names it. */
  readonly id: string;
  /** Of its first process, on the host. */
  readonly pid: number;
}

export class ContainerHost {
  readonly folder = mkdtempSync(join(tmpdir(), 'spantap-containers-'));
  readonly #unpacked = unpackedFolder(containerRuntimes);
  readonly #env: NodeJS.ProcessEnv;
  readonly #ends: (() => Promise<unknown>)[] = [];
  readonly #programs: Program[] = [];

  constructor() {
    const folders = ['usr/bin', 'usr/sbin'].map((name) => join(this.#unpacked, name));
    const triple = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
    const libraries = ['usr/lib', 'lib'].map((name) => join(this.#unpacked, name, triple));
    this.#env = {
      ...process.env,
      PATH: [...folders, process.env.PATH].join(':'),
      LD_LIBRARY_PATH: libraries.join(':'),
    };
  }

  get containerdSocket(): string {
    return join(this.folder, 'containerd.sock');
  }

  get dockerSocket(): string {
    return join(this.folder, 'docker.sock');
  }

  /** State of containers, which is that of the whole host otherwise. */
  get #runcRoot(): string {
    return join(this.folder, 'runc');
  }

  /** Where the agent is to ask. */
  get variables(): Record<string, string> {
    return { DOCKER_SOCKET: this.dockerSocket, CONTAINERD_SOCKET: this.containerdSocket };
  }

  async start(): Promise<void> {
    const config = join(this.folder, 'containerd.toml');
    writeFileSync(config, this.#containerdConfig());
    await this.#launch('containerd', ['--config', config], /containerd successfully booted/);
    await this.#launch('dockerd', this.#dockerFlags(), /API listen on/);
    const image = writeImage(this.folder, join(this.#unpacked, 'bin/busybox'));
    await this.#docker('load', '-i', image);
    for (const namespace of ['default', 'k8s.io']) await this.#import(namespace, image);
  }

  #containerdConfig(): string {
    const cri = 'plugins."io.containerd.grpc.v1.cri"';
    return `version = 2
root = "${this.folder}/containerd"
state = "${this.folder}/containerd-state"
[grpc]
address = "${this.containerdSocket}"
[ttrpc]
address = "${this.containerdSocket}.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
path = "${this.folder}/opt"
[${cri}]
sandbox_image = "${IMAGE}"
# Without CAP_SYS_RESOURCE no process gets a lower score than its parent.
restrict_oom_score_adj = true
[${cri}.containerd]
snapshotter = "native"
[${cri}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[${cri}.containerd.runtimes.runc.options]
Root = "${this.#runcRoot}"
`;
  }

  #dockerFlags(): string[] {
    const folders = ['data-root', 'exec-root'].map((name) => `--${name}=${this.folder}/${name}`);
    const network = ['--bridge=none', '--iptables=false', '--ip6tables=false'];
    const paths = [`--pidfile=${this.folder}/docker.pid`, `--containerd=${this.containerdSocket}`];
    const host = ['--host', `unix://${this.dockerSocket}`, '--group=root', '--storage-driver=vfs'];
    return [...folders, ...network, ...paths, ...host];
  }

  async #launch(name: string, args: readonly string[], isReady: RegExp): Promise<void> {
    const folder = name === 'dockerd' ? 'usr/sbin' : 'usr/bin';
    const program = new Program(name, join(this.#unpacked, folder, name), args, { env: this.#env });
    this.#programs.push(program);
    await program.line(isReady);
  }

  async #import(namespace: string, image: string): Promise<void> {
    const args = ['images', 'import', '--snapshotter', 'native', image];
    await this.#ctr('--namespace', namespace, ...args);
  }

  async #command(name: string, args: readonly string[]): Promise<string> {
    const path = join(this.#unpacked, 'usr/bin', name);
    const { stdout } = await run(path, args, { env: this.#env, timeout: COMMAND_TIMEOUT_MS });
    return stdout.trim();
  }

  #docker(...args: readonly string[]): Promise<string> {
    return this.#command('docker', ['--host', `unix://${this.dockerSocket}`, ...args]);
  }

  #ctr(...args: readonly string[]): Promise<string> {
    return this.#command('ctr', ['--address', this.containerdSocket, ...args]);
  }

  /** `docker run` with these flags. */
  async runDocker(flags: readonly string[], command: readonly string[]): Promise<Container> {
    const id = await this.#docker('run', '--detach', '--network=host', ...flags, IMAGE, ...command);
    this.#ends.push(() => this.#docker('rm', '--force', id));
    return { id, pid: Number(await this.#docker('inspect', '--format', '{{.State.Pid}}', id)) };
  }

  /** Flags and the command of a server on this port, which is the host's Node in the container. */
  server(port: number): { docker: string[]; plain: string[]; command: string[] } {
    return {
      docker: ['--volume', '/:/host:ro'],
      plain: ['--mount', 'type=bind,src=/,dst=/host,options=rbind:ro'],
      command: ['/bin/chroot', '/host', process.execPath, BACKEND, String(port)],
    };
  }

  /** `ctr run`: a container that neither Docker nor Kubernetes knows. */
  async runPlain(
    name: string,
    more: readonly string[],
    command: readonly string[],
  ): Promise<Container> {
    const flags = [
      '--detach',
      '--net-host',
      '--snapshotter=native',
      `--runc-root=${this.#runcRoot}`,
    ];
    await this.#ctr('run', ...flags, ...more, IMAGE, name, ...command);
    this.#ends.push(() => this.#removePlain(name));
    const lines = (await this.#ctr('tasks', 'list')).split('\n');
    const line = lines.find((each) => each.startsWith(`${name} `)) ?? '';
    return { id: name, pid: Number(line.split(/\s+/)[1]) };
  }

  async #removePlain(name: string): Promise<void> {
    await this.#ctr('tasks', 'delete', '--force', name);
    await this.#ctr('containers', 'delete', name);
  }

  /** A pod with one container, made as the kubelet does it. */
  async runPod(pod: Pod, command: readonly string[]): Promise<Container> {
    const cri = new CriClient(this.containerdSocket);
    this.#ends.push(() => cri.close());
    const id = await cri.runPod(pod, IMAGE, command);
    return { id, pid: await cri.pidOf(id) };
  }

  async stop(): Promise<void> {
    const ended = await Promise.allSettled(this.#ends.reverse().map((end) => end()));
    for (const program of this.#programs.reverse()) await program.stop();
    await this.#unmountAll();
    rmSync(this.folder, { recursive: true, force: true });
    const failed = ended.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }

  /** What the runtimes left mounted below the folder, which is not to be removed with it. */
  async #unmountAll(): Promise<void> {
    for (const path of this.#mounts().reverse()) await run('umount', ['--lazy', path]);
    assert.deepEqual(this.#mounts(), []);
  }

  #mounts(): string[] {
    const lines = readFileSync('/proc/self/mounts', 'utf8').split('\n');
    const paths = lines.map((line) => line.split(' ')[1] ?? '');
    return paths.filter((path) => path.startsWith(`${this.folder}/`));
  }
}
