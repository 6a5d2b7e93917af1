/** What each hook that the addon tries is for (native/probe.c), in words for `spantap doctor`. */
import { getSystemErrorMap } from 'node:util';
import type { HookFeature } from './types.ts';

interface Description {
  readonly name: string;
  readonly isRequired: boolean;
  readonly use: string;
}

const DESCRIPTIONS: Readonly<Record<string, Description>> = {
  btf: { name: 'BTF', isRequired: true, use: 'kernel types for every program' },
  ringbuf: { name: 'ring buffer', isRequired: true, use: 'events from interrupts to user space' },
  socket: {
    name: 'tp_btf sock_send_length (6.5)',
    isRequired: false,
    use: 'bytes of sockets at half the price of sys_exit',
  },
  sys_exit: { name: 'tp_btf sys_exit', isRequired: true, use: 'bytes of sockets' },
  sys_enter_close: {
    name: 'tracepoint sys_enter_close',
    isRequired: true,
    use: 'end of connections',
  },
  sched: { name: 'tp_btf sched_process_*', isRequired: true, use: 'life of processes' },
  uprobe: { name: 'uprobe', isRequired: false, use: 'exact links of HAProxy and Go' },
  uretprobe: { name: 'uretprobe', isRequired: false, use: 'exact links of HAProxy' },
  uprobe_multi: { name: 'uprobe.multi', isRequired: false, use: 'not used yet: cheaper probes' },
};

/** @param errno of the failed attempt, 0 when it worked */
export function describeFeature(name: string, errno: number): HookFeature {
  const known = DESCRIPTIONS[name] ?? { name, isRequired: false, use: '' };
  const isAvailable = errno === 0;
  const why = isAvailable ? known.use : reason(errno);
  return { name: known.name, isAvailable, isRequired: known.isRequired, why };
}

function reason(errno: number): string {
  const [code, message] = getSystemErrorMap().get(-errno) ?? [`errno ${errno}`, 'unknown error'];
  return `${code}, ${message}`;
}
