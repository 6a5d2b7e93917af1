/**
 * Named variables of the environment that a process was started with. nginx writes its
 * title over it, after it made the pointers that follow its argument vector point to a copy
 * (src/os/unix/ngx_setproctitle.c): there the copy is read from its memory.
 */
import { limits } from '../../config/limits.ts';
import type { Counters } from '../../telemetry/counters.ts';
import type { NginxArguments } from '../families.ts';
import type { ProcessInfo } from '../processes.ts';
import { PROC_ROOT, readProcBytes, readProcText } from './files.ts';
import { type Memory, pointerAt, withMemory } from './memory.ts';

/** The variables that were asked for; nothing else is kept, it may hold secrets. */
export type Environment = ReadonlyMap<string, string>;

/** From /proc/PID/environ. */
export function readEnvironment(
  pid: number,
  wanted: ReadonlySet<string>,
  counters?: Counters,
  root = PROC_ROOT,
): Environment {
  const bytes = readProcBytes(`${root}/${pid}/environ`, counters);
  return collect((bytes?.toString('utf8') ?? '').split('\0'), wanted);
}

/** nginx: from the pointers behind its argument vector. */
export function readNginxEnvironment(
  info: ProcessInfo,
  symbols: NginxArguments,
  wanted: ReadonlySet<string>,
  counters?: Counters,
  root = PROC_ROOT,
): Environment {
  const { pid } = info;
  const maps = readProcText(`${root}/${pid}/maps`) ?? '';
  const base = symbols.isRelative ? loadBase(maps, info.executablePath) : 0;
  const variables = withMemory(pid, root, (memory) => {
    const vector = pointerAt(memory, base + symbols.vector);
    const count = memory.read(base + symbols.count, 4);
    if (vector === 0 || count.length < 4) return [];
    // argv[argc] is NULL; the environment follows (System V ABI, initial process stack).
    const array = vector + (count.readUInt32LE(0) + 1) * 8;
    return readStrings(memory, array, wanted, counters);
  });
  return collect(variables ?? [], wanted);
}

/** Where the first segment of the executable lies. */
function loadBase(maps: string, executablePath: string): number {
  const line = maps.split('\n').find((each) => {
    const path = each.slice(each.indexOf('/'));
    return path === executablePath || path === `${executablePath} (deleted)`;
  });
  return line === undefined ? 0 : Number.parseInt(line, 16);
}

/** An array of strings that ends with NULL. */
function readStrings(
  memory: Memory,
  array: number,
  wanted: ReadonlySet<string>,
  counters: Counters | undefined,
): string[] {
  const texts: string[] = [];
  const nameBytesMax = Math.max(0, ...[...wanted].map((name) => Buffer.byteLength(name)));
  for (let index = 0; ; index += 1) {
    const text = pointerAt(memory, array + index * 8);
    if (text === 0) return texts;
    if (index >= limits.environmentVariablesMax) {
      counters?.add('dropped.resource_attributes');
      return texts;
    }
    const start = memory.read(text, nameBytesMax + 1).toString('utf8');
    if (wanted.has(nameIn(start))) texts.push(stringAt(memory, text, counters));
  }
}

/** '' when it does not end. */
function stringAt(memory: Memory, address: number, counters: Counters | undefined): string {
  const bytes = memory.read(address, limits.environmentVariableBytesMax);
  const end = bytes.indexOf(0);
  if (end >= 0) return bytes.toString('utf8', 0, end);
  counters?.add('dropped.resource_attributes');
  return '';
}

function collect(variables: readonly string[], wanted: ReadonlySet<string>): Environment {
  const found = new Map<string, string>();
  for (const text of variables) {
    const name = nameIn(text);
    if (wanted.has(name) && !found.has(name)) found.set(name, text.slice(name.length + 1));
  }
  return found;
}

/** What stands before `=`; '' when there is none. */
function nameIn(text: string): string {
  return text.slice(0, Math.max(text.indexOf('='), 0));
}

/** Attributes of OTEL_RESOURCE_ATTRIBUTES, or undefined when any part of it is malformed. */
export function parseResourceAttributes(text: string): Map<string, string> | undefined {
  const attributes = new Map<string, string>();
  for (const part of text.split(',')) {
    if (part.trim() === '') continue;
    const at = part.indexOf('=');
    const key = decode(part.slice(0, Math.max(at, 0)));
    const value = decode(part.slice(at + 1));
    // Resource SDK specification: after any error the whole variable is discarded.
    if (key === undefined || value === undefined || key === '') return undefined;
    attributes.set(key, value);
  }
  return attributes;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.trim());
  } catch {
    return undefined;
  }
}
