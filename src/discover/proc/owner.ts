/** `process.owner`: the name of the effective user, as the process's own files tell it. */
import { PROC_ROOT, readProcText } from './files.ts';

/** Undefined when the process is gone; the number when no name is known. */
export function readOwner(pid: number, root = PROC_ROOT): string | undefined {
  const status = readProcText(`${root}/${pid}/status`) ?? '';
  const uid = status.match(/^Uid:\s+\d+\s+(\d+)/m)?.[1];
  if (uid === undefined) return undefined;
  const passwd = readProcText(`${root}/${pid}/root/etc/passwd`) ?? '';
  return findUser(passwd, uid) ?? uid;
}

/** passwd(5): name:password:uid:... */
function findUser(passwd: string, uid: string): string | undefined {
  for (const line of passwd.split('\n')) {
    const fields = line.split(':');
    if (fields[2] === uid && fields[0] !== '') return fields[0];
  }
  return undefined;
}
