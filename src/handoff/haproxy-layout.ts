/**
 * Where a build of HAProxy keeps what leads from an upstream connection to its client: offsets in
 * bytes. bpf/walk_haproxy.h draws the way.
 */
export interface HaproxyLayout {
  /** Of variables `fdtab` and `checks_fe`, from where the code begins. */
  readonly tableFromCode: number;
  readonly checksFromCode: number;
  /** sizeof(struct fdtab), and its `owner`. */
  readonly entryBytes: number;
  readonly entryOwner: number;
  /** struct connection: `handle.fd`, `ctx`. */
  readonly connectionHandle: number;
  readonly connectionMux: number;
  /** struct h1c: `conn`, `h1s`. */
  readonly muxConnection: number;
  readonly muxStream: number;
  /** struct h1s: `h1c`, `sess`. */
  readonly streamMux: number;
  readonly streamSession: number;
  /** struct session: `origin`. */
  readonly sessionOrigin: number;
  /** First byte of a connection: OBJ_TYPE_CONN. */
  readonly connectionType: number;
}

/** The way through one process. */
export interface HaproxyWalk {
  /** Of the executable, from 1. */
  readonly number: number;
  /** Address at which the process has its code. */
  readonly code: number;
  readonly layout: HaproxyLayout;
}
