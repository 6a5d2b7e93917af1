/** The effective user of a process; its name as the process's own files tell it. */
import { PROC_ROOT, readProcText } from './files.ts';

export interface Owner {
  readonly id: number;
  /** Undefined when its files name no such user. */
  readonly name: string | undefined;
}

/** Undefined when the process is gone. */
export function readOwner(pid: number, root = PROC_ROOT): Owner | undefined {
  const status = readProcText(`${root}/${pid}/status`) ?? '';
  const uid = status.match(/^Uid:\s+\d+\s+(\d+)/m)?.[1];
  if (uid === undefined) return undefined;
  const passwd = readProcText(`${root}/${pid}/root/etc/passwd`) ?? '';
  return { id: Number(uid), name: findUser(passwd, uid) };
}

/** passwd(5): name:password:uid:... */
function findUser(passwd: string, uid: string): string | undefined {
  for (const line of passwd.split('\n')) {
    const fields = line.split(':');
    if (fields[2] === uid && fields[0] !== '') return fields[0];
  }
  return undefined;
}
