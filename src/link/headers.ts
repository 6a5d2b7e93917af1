/** Header fields of a captured head, read from its bytes (RFC 9112 5; obs-fold lines are skipped). */

const LF = 0x0a;
const COLON = 0x3a;

/** Value of the first field named `name` (lower case) as latin1 without outer space; null absent. */
export function findHeader(head: Buffer, name: Uint8Array): string | null {
  for (let line = head.indexOf(LF) + 1; line > 0; line = head.indexOf(LF, line) + 1)
    if (isNamed(head, line, name)) return valueAt(head, line + name.length + 1);
  return null;
}

/** Calls `visit` with the name (lower case) and value of every field. */
export function eachHeader(head: Buffer, visit: (name: string, value: string) => void): void {
  for (let line = head.indexOf(LF) + 1; line > 0; line = head.indexOf(LF, line) + 1) {
    const colon = head.indexOf(COLON, line);
    const end = head.indexOf(LF, line);
    if (colon < 0 || end < 0 || colon > end) continue;
    visit(head.toString('latin1', line, colon).toLowerCase(), valueAt(head, colon + 1));
  }
}

/** The request line without its line end. */
export function requestLineBytes(head: Buffer): number {
  const end = head.indexOf(LF);
  return end > 0 && head[end - 1] === 0x0d ? end - 1 : end;
}

function isNamed(head: Uint8Array, line: number, name: Uint8Array): boolean {
  if (head[line + name.length] !== COLON) return false;
  for (let i = 0; i < name.length; i++) if ((head[line + i] | 0x20) !== name[i]) return false;
  return true;
}

function valueAt(head: Buffer, from: number): string {
  return head.toString('latin1', from, lineEnd(head, from)).trim();
}

function lineEnd(head: Buffer, from: number): number {
  const end = head.indexOf(LF, from);
  return end < 0 ? head.length : end;
}
