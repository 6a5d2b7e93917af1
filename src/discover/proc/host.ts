/** Attributes of this host, the same for every process (semantic conventions: host, os). */
import { arch, hostname } from 'node:os';
import { PROC_ROOT, readProcText } from './files.ts';

export interface HostFacts {
  /** machine-id; else the DMI product id; else the boot id, which lives until the next boot. */
  readonly id: string;
  readonly name: string;
  /** Values of `host.arch`. */
  readonly arch: string;
  readonly bootId: string;
  /** Wall clock at boot: adds up with a boot time to a date. */
  readonly bootEpochMs: number;
}

/** Files that may hold the id, best first; the host's own before the agent's container's. */
const ID_FILES = [
  `${PROC_ROOT}/1/root/etc/machine-id`,
  '/etc/machine-id',
  '/var/lib/dbus/machine-id',
  '/sys/class/dmi/id/product_uuid',
];

export function readHost(idFiles: readonly string[] = ID_FILES): HostFacts {
  const bootId = (readProcText(`${PROC_ROOT}/sys/kernel/random/boot_id`) ?? '').trim();
  const uptimeMs = Number((readProcText(`${PROC_ROOT}/uptime`) ?? '0').split(' ')[0]) * 1000;
  return {
    id: idFiles.map(readId).find((id) => id !== undefined) ?? bootId,
    name: hostname(),
    arch: arch() === 'x64' ? 'amd64' : arch(),
    bootId,
    bootEpochMs: Date.now() - uptimeMs,
  };
}

/** machine-id(5): 32 hex digits; `uninitialized` on first boot. DMI: a UUID. */
function readId(path: string): string | undefined {
  const text = (readProcText(path) ?? '').trim();
  return /^[0-9a-fA-F-]{32,36}$/.test(text) ? text.toLowerCase() : undefined;
}
