// Generated from the BTF of bpf/event.h by tools/gen/layout.ts. Do not edit.

export const EVENT_VERSION = 3;
export const CHUNK_BYTES = 16384;
export const UNIX_PATH_BYTES = 108;

/** Byte offsets in `struct event_header`. */
export const HEADER = {
  kind: 0,
  sizeBytes: 4,
  timeNs: 8,
  tgid: 16,
  tid: 20,
  structBytes: 24,
} as const;

/** Byte offsets in `struct open_event`. */
export const OPEN = {
  kind: 0,
  sizeBytes: 4,
  timeNs: 8,
  tgid: 16,
  tid: 20,
  connectionId: 24,
  socketInode: 32,
  peerInode: 40,
  processStartNs: 48,
  readPosition: 56,
  writePosition: 64,
  netnsInode: 72,
  fd: 76,
  family: 80,
  localPort: 82,
  remotePort: 84,
  role: 86,
  startSeen: 87,
  localAddress: 88,
  remoteAddress: 104,
  comm: 120,
  unixPath: 136,
  unixPathBytes: 244,
  protocol: 246,
  structBytes: 248,
} as const;

/** Byte offsets in `struct data_event`. */
export const DATA = {
  kind: 0,
  sizeBytes: 4,
  timeNs: 8,
  tgid: 16,
  tid: 20,
  connectionId: 24,
  position: 32,
  goroutine: 40,
  causeConnectionId: 48,
  causeReadPosition: 56,
  causeWritePosition: 64,
  causeToken: 72,
  lenBytes: 80,
  copiedBytes: 84,
  turn: 88,
  fd: 92,
  direction: 96,
  source: 97,
  cause: 98,
  causeFlags: 99,
  flags: 100,
  error: 102,
  structBytes: 104,
} as const;

/** Byte offsets in `struct close_event`. */
export const CLOSE = {
  kind: 0,
  sizeBytes: 4,
  timeNs: 8,
  tgid: 16,
  tid: 20,
  connectionId: 24,
  readPosition: 32,
  writePosition: 40,
  turns: 48,
  flags: 52,
  structBytes: 56,
} as const;

/** Byte offsets in `struct process_event`. */
export const PROCESS = {
  kind: 0,
  sizeBytes: 4,
  timeNs: 8,
  tgid: 16,
  tid: 20,
  startNs: 24,
  action: 32,
  parentTgid: 36,
  comm: 40,
  structBytes: 56,
} as const;

/** `enum event_kind`. */
export const eventKind = {
  EVENT_OPEN: 1,
  EVENT_DATA: 2,
  EVENT_CLOSE: 3,
  EVENT_PROCESS: 4,
} as const;

/** `enum event_direction`. */
export const eventDirection = {
  DIRECTION_READ: 0,
  DIRECTION_WRITE: 1,
} as const;

/** `enum event_source`. */
export const eventSource = {
  SOURCE_SOCKET: 0,
  SOURCE_OPENSSL: 1,
  SOURCE_GO: 2,
  SOURCE_GNUTLS: 3,
} as const;

/** `enum event_role`. */
export const eventRole = {
  ROLE_UNKNOWN: 0,
  ROLE_SERVER: 1,
  ROLE_CLIENT: 2,
} as const;

/** `enum event_protocol`. */
export const eventProtocol = {
  PROTOCOL_HTTP1: 0,
  PROTOCOL_HTTP2: 1,
  PROTOCOL_TLS: 2,
  PROTOCOL_OTHER: 3,
} as const;

/** `enum event_data_flag`. */
export const eventDataFlag = {
  DATA_EOF: 1,
  DATA_ERROR: 2,
  DATA_NO_BUFFER: 4,
  DATA_CONTINUED: 8,
  DATA_FAULT: 16,
  DATA_TURN: 32,
  DATA_TAIL: 64,
} as const;

/** `enum event_cause`. */
export const eventCause = {
  CAUSE_NONE: 0,
  CAUSE_NGINX: 1,
  CAUSE_HAPROXY: 2,
  CAUSE_GO: 3,
} as const;

/** `enum event_cause_flag`. */
export const eventCauseFlag = {
  CAUSE_SUBREQUEST: 1,
  CAUSE_AMBIGUOUS: 2,
  CAUSE_NO_INGRESS: 4,
  CAUSE_EXCLUDED: 8,
} as const;

/** `enum event_close_flag`. */
export const eventCloseFlag = {
  CLOSE_STILL_OPEN: 1,
  CLOSE_LATE: 2,
} as const;

/** `enum event_process_action`. */
export const eventProcessAction = {
  PROCESS_FORK: 1,
  PROCESS_EXEC: 2,
  PROCESS_EXIT: 3,
} as const;

/** `enum event_counter`. */
export const eventCounter = {
  COUNTER_EVENTS: 0,
  COUNTER_LOST_RING_FULL: 1,
  COUNTER_LOST_CONNECTION: 2,
  COUNTER_LOST_CAUSE: 3,
  COUNTER_TRUNCATED_FAULT: 4,
  COUNTER_TRUNCATED_IOVEC: 5,
  COUNTER_SKIPPED_NOT_HTTP: 6,
  COUNTER_CAUSE_TAKEN: 7,
  COUNTER_CAUSE_REFUSED: 8,
  COUNTER_LOST_POLICY: 9,
  COUNTER_READ_UNSEEN: 10,
  COUNTER_LOST_UNOPENED: 11,
  COUNTER_MAX: 12,
} as const;
