/**
 * Which program a process runs. Symbols decide where there are any, so that renamed binaries are
 * known; the file name decides for programs that export nothing.
 */
import type { HaproxyLayout } from '../handoff/haproxy-layout.ts';
import type { Counters } from '../telemetry/counters.ts';
import { type Elf, FLAG_EXECUTE, fileOffsetOf, readAddress, SEGMENT_LOAD } from './elf/elf.ts';
import { findGoFunctions, isGo, readGoVersion } from './elf/gopclntab.ts';
import { functionSite, goFunctionSite, PROLOGUE_BYTES } from './elf/instruction.ts';
import { type ElfSymbol, findSymbols } from './elf/symbols.ts';
import type { Family, UprobeSite } from './types.ts';

/** A probe in a file, before it is known through which path the file is reached. */
export type SiteInFile = Omit<UprobeSite, 'path'>;

/** Virtual addresses of `ngx_os_argv` (char **) and `ngx_argc` (int). */
export interface NginxArguments {
  readonly vector: number;
  readonly count: number;
  /** The addresses are relative to where the file is loaded. */
  readonly isRelative: boolean;
}

/** What the symbols tell. */
export type HaproxyVariables = Pick<HaproxyLayout, 'tableFromCode' | 'checksFromCode'>;

export interface ExecutableFacts {
  /** Device and inode. */
  readonly fileKey: string;
  /** See Elf. */
  readonly versionKey: string;
  readonly family: Family;
  readonly sites: readonly SiteInFile[];
  /** Go: version of the toolchain. */
  readonly goVersion: string | undefined;
  /** nginx: where it keeps its argument vector, behind which the environment lies. */
  readonly nginxArguments: NginxArguments | undefined;
  /** HAProxy: where a look into its structures begins; undefined when its symbols do not tell. */
  readonly haproxyVariables: HaproxyVariables | undefined;
  /** Why a tier is not available, in words. */
  readonly reasons: readonly string[];
}

const NGINX = ['ngx_event_connect_peer', 'ngx_cycle'] as const;
const NGINX_ARGV = 'ngx_os_argv';
const NGINX_ARGC = 'ngx_argc';
const HAPROXY_STREAM_NEW = 'stream_new';
const HAPROXY_BACK = 'back_try_conn_req';
/** Came in 2.4 with streams that are made when their request has been read, not before. */
const HAPROXY_LATE_STREAMS = 'stream_set_http_mode';
const HAPROXY_TABLE = 'fdtab';
const HAPROXY_CHECKS = 'checks_fe';
const APACHE = ['ap_process_request', 'ap_hook_handler'] as const;
const SYMBOLS = [
  ...NGINX,
  NGINX_ARGV,
  NGINX_ARGC,
  HAPROXY_STREAM_NEW,
  HAPROXY_BACK,
  HAPROXY_LATE_STREAMS,
  HAPROXY_TABLE,
  HAPROXY_CHECKS,
  ...APACHE,
];
const GO_ROUND_TRIP = 'net/http.(*persistConn).roundTrip';
const GO_WRITE_LOOP = 'net/http.(*persistConn).writeLoop';
/** Present whenever the two above are; more functions make their common base certain. */
const GO_ANCHORS = ['net/http.(*persistConn).readLoop', 'net/http.(*Transport).dialConn'] as const;

const NAMES: Readonly<Record<string, Family>> = {
  nginx: 'nginx',
  openresty: 'nginx',
  angie: 'nginx',
  freenginx: 'nginx',
  tengine: 'nginx',
  haproxy: 'haproxy',
  apache2: 'apache',
  httpd: 'apache',
};

/** Identifies an executable from its symbols, then from `name`, its file name. */
export function identifyExecutable(elf: Elf, name: string, counters?: Counters): ExecutableFacts {
  const base = {
    fileKey: elf.fileKey,
    versionKey: elf.versionKey,
    sites: [],
    goVersion: undefined,
    nginxArguments: undefined,
    haproxyVariables: undefined,
    reasons: [],
  };
  if (isGo(elf)) return { ...base, family: 'go', ...goFacts(elf, counters) };
  const byName = NAMES[name.toLowerCase()] ?? 'other';
  const scope = byName === 'other' ? 'dynamic' : 'all';
  const symbols = findSymbols(elf, SYMBOLS, scope, counters);
  if (NGINX.every((each) => symbols.has(each)) || byName === 'nginx') {
    return { ...base, family: 'nginx', nginxArguments: nginxArguments(elf, symbols) };
  }
  if (symbols.has(HAPROXY_BACK) || byName === 'haproxy') {
    const haproxyVariables = variablesOf(elf, symbols);
    return { ...base, family: 'haproxy', haproxyVariables, ...haproxyFacts(elf, symbols) };
  }
  const isApache = APACHE.every((each) => symbols.has(each)) || byName === 'apache';
  return { ...base, family: isApache ? 'apache' : 'other' };
}

function nginxArguments(
  elf: Elf,
  symbols: ReadonlyMap<string, ElfSymbol>,
): NginxArguments | undefined {
  const vector = symbols.get(NGINX_ARGV)?.address;
  const count = symbols.get(NGINX_ARGC)?.address;
  if (vector === undefined || count === undefined) return undefined;
  return { vector, count, isRelative: elf.isPositionIndependent };
}

/** The kernel's start_code is the lowest address of an executable segment (fs/binfmt_elf.c). */
function variablesOf(
  elf: Elf,
  symbols: ReadonlyMap<string, ElfSymbol>,
): HaproxyVariables | undefined {
  const code = elf.segments
    .filter(({ type, flags }) => type === SEGMENT_LOAD && (flags & FLAG_EXECUTE) !== 0)
    .map(({ address }) => address);
  const table = symbols.get(HAPROXY_TABLE)?.address;
  const checks = symbols.get(HAPROXY_CHECKS)?.address;
  if (table === undefined || checks === undefined || code.length === 0) return undefined;
  const start = Math.min(...code);
  return { tableFromCode: table - start, checksFromCode: checks - start };
}

/** stream_new returns the stream of a request just read, back_try_conn_req(stream) sends it on. */
function haproxyFacts(
  elf: Elf,
  symbols: ReadonlyMap<string, ElfSymbol>,
): Pick<ExecutableFacts, 'sites' | 'reasons'> {
  if (symbols.has(HAPROXY_BACK) && !symbols.has(HAPROXY_LATE_STREAMS)) {
    const reason =
      'exact.state is not available until its structures are known: HAProxy before 2.4';
    return { sites: [], reasons: [reason] };
  }
  const streamNew = symbols.get(HAPROXY_STREAM_NEW);
  const back = symbols.get(HAPROXY_BACK);
  const missing = [
    ...(streamNew === undefined ? [HAPROXY_STREAM_NEW] : []),
    ...(back === undefined ? [HAPROXY_BACK] : []),
  ];
  if (streamNew === undefined || back === undefined) {
    const reason = `exact.state is not available: the binary has no symbol ${missing.join(', ')}`;
    return { sites: [], reasons: [reason] };
  }
  const sites = [
    nativeSite(elf, 'haproxy_stream_new', streamNew.address, true),
    nativeSite(elf, 'haproxy_back_try_conn_req', back.address, false),
  ].filter((site) => site !== undefined);
  return sites.length === 2
    ? { sites, reasons: [] }
    : { sites: [], reasons: ['exact.state is not available: its symbols lie outside the file'] };
}

function nativeSite(
  elf: Elf,
  program: UprobeSite['program'],
  address: number,
  isReturn: boolean,
): SiteInFile | undefined {
  const offset = fileOffsetOf(elf, address);
  if (offset === undefined) return undefined;
  const { skipBytes, isCheap } = functionSite(
    readAddress(elf, address, PROLOGUE_BYTES),
    elf.machine,
  );
  return { program, offset: offset + skipBytes, isReturn, isCheap };
}

/** roundTrip names (goroutine, connection), writeLoop the goroutine that writes a connection. */
function goFacts(
  elf: Elf,
  counters: Counters | undefined,
): Pick<ExecutableFacts, 'sites' | 'reasons' | 'goVersion'> {
  const goVersion = readGoVersion(elf);
  const names = [GO_ROUND_TRIP, GO_WRITE_LOOP, ...GO_ANCHORS];
  const { entries, reason } = findGoFunctions(elf, names, counters);
  if (reason !== undefined) {
    return { sites: [], reasons: [`exact.state is not available: ${reason}`], goVersion };
  }
  const roundTrip = entries.get(GO_ROUND_TRIP);
  const writeLoop = entries.get(GO_WRITE_LOOP);
  // No HTTP client of net/http in it: nothing that could be linked that way.
  if (roundTrip === undefined || writeLoop === undefined) {
    return { sites: [], reasons: [], goVersion };
  }
  const sites = [
    goSite(elf, 'go_round_trip', roundTrip),
    goSite(elf, 'go_write_loop', writeLoop),
  ].filter((site) => site !== undefined);
  return { sites, reasons: [], goVersion };
}

function goSite(elf: Elf, program: UprobeSite['program'], address: number): SiteInFile | undefined {
  const offset = fileOffsetOf(elf, address);
  const site = goFunctionSite(readAddress(elf, address, PROLOGUE_BYTES), elf.machine);
  if (offset === undefined || site === undefined) return undefined;
  return { program, offset: offset + site.skipBytes, isReturn: false, isCheap: site.isCheap };
}
