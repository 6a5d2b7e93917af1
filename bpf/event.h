/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * THE contract between kernel and user space: every record that leaves the kernel, and nothing
 * else. Compiled for BPF, for the addon and for host tests with -Wpadded -Werror. The TypeScript
 * offsets in src/capture/layout.gen.ts are generated from this file's BTF; `npm run check` fails
 * when they differ. A recorded event file holds these same bytes.
 *
 * All integers are in host byte order; addresses are in network byte order, ports in host order.
 * Records are padded to a multiple of 8 bytes; size_bytes includes the padding.
 */
#ifndef SPANTAP_EVENT_H
#define SPANTAP_EVENT_H

#ifndef __bpf__
#include <linux/types.h>
#endif

/* Any change of a layout or of a meaning below raises the version. */
#define SPANTAP_EVENT_VERSION 3

/* Payload bytes in one data event; a larger call becomes several events. */
#define SPANTAP_CHUNK_BYTES 16384

/* Length of a Unix socket path (sun_path). */
#define SPANTAP_UNIX_PATH_BYTES 108

enum event_kind {
	EVENT_OPEN = 1,	   /* a connection, with its first bytes that are delivered or reported */
	EVENT_DATA = 2,	   /* bytes that a process read or wrote */
	EVENT_CLOSE = 3,   /* its end, or that of its capture */
	EVENT_PROCESS = 4, /* fork, exec, exit */
};

enum event_direction {
	DIRECTION_READ = 0,
	DIRECTION_WRITE = 1,
};

enum event_source {
	SOURCE_SOCKET = 0,
	SOURCE_OPENSSL = 1,
	SOURCE_GO = 2,
	SOURCE_GNUTLS = 3,
};

/* How the kernel knows which end of the connection the process is. */
enum event_role {
	ROLE_UNKNOWN = 0,
	ROLE_SERVER = 1, /* accepted, or a request was read on it */
	ROLE_CLIENT = 2, /* connected, or a request was written on it */
};

/*
 * What the first bytes of a connection are. Of PROTOCOL_HTTP1 its bytes are delivered; the others
 * are told about only while traffic.reports_connections is set: an open and a close event, no data.
 */
enum event_protocol {
	PROTOCOL_HTTP1 = 0,
	PROTOCOL_HTTP2 = 1, /* the preface, RFC 9113 3.4 */
	PROTOCOL_TLS = 2,   /* a record of TLS, RFC 8446 5.1 */
	PROTOCOL_OTHER = 3,
};

enum event_data_flag {
	DATA_EOF = 1 << 0,	 /* a read returned 0: the peer sends no more */
	DATA_ERROR = 1 << 1,	 /* the call failed; `error` holds the errno */
	DATA_NO_BUFFER = 1 << 2, /* sendfile or splice: no user buffer to copy from */
	DATA_CONTINUED = 1 << 3, /* not the first event of its system call */
	DATA_FAULT = 1 << 4,	 /* the user buffer could not be read */
	DATA_TURN = 1 << 5,	 /* first event after the direction turned */
	DATA_TAIL = 1 << 6,	 /* the payload holds the last copied_bytes, not the first */
};

/* Which program state named the ingress request behind an egress write. */
enum event_cause {
	CAUSE_NONE = 0,
	CAUSE_NGINX = 1,
	CAUSE_HAPROXY = 2,
	CAUSE_GO = 3,
};

enum event_cause_flag {
	CAUSE_SUBREQUEST = 1 << 0, /* nginx: auth_request, mirror, ...: not the main request */
	CAUSE_AMBIGUOUS = 1 << 1,  /* two owners were pending; user space must abstain */
	CAUSE_NO_INGRESS = 1 << 2, /* state was read and names no client connection */
	CAUSE_EXCLUDED = 1 << 3, /* it names one that the settings exclude, cause_connection_id 0 */
};

struct event_header {
	__u32 kind; /* enum event_kind */
	__u32 size_bytes;
	__u64 time_ns; /* CLOCK_MONOTONIC, when TCP sent or at the return of the call */
	__u32 tgid;
	__u32 tid;
};

/* connection_id is unique since load: it survives descriptor and pid reuse, and is < 2^53. */
struct open_event {
	struct event_header header;
	__u64 connection_id;
	__u64 socket_inode;
	__u64 peer_inode;	/* Unix sockets: inode of the other end, 0 unknown */
	__u64 process_start_ns; /* boot time at which the thread group started */
	__u64 read_position;	/* positions when this event was made */
	__u64 write_position;
	__u32 netns_inode;
	__u32 fd;
	__u16 family; /* AF_INET, AF_INET6, AF_UNIX */
	__u16 local_port;
	__u16 remote_port;
	__u8 role;	 /* enum event_role */
	__u8 start_seen; /* 1: connect or accept was seen, positions count from the first byte */
	__u8 local_address[16];
	__u8 remote_address[16];
	__u8 comm[16];
	__u8 unix_path[SPANTAP_UNIX_PATH_BYTES]; /* of the listening side, when it has one */
	__u16 unix_path_bytes;
	__u8 protocol; /* enum event_protocol */
	__u8 _pad;
};

/*
 * Bytes [position, position + len_bytes) of one direction. The first copied_bytes of them follow
 * the struct; the rest were not copied (filler) and count for framing only. What lies beyond the
 * copy limit comes with its last few bytes instead (DATA_TAIL), so that the end of a chunked body
 * is seen. A position beyond the end of the previous event of that direction is a loss, and its
 * size.
 */
struct data_event {
	struct event_header header;
	__u64 connection_id;
	__u64 position;
	__u64 goroutine;	    /* Go: address of g; 0 elsewhere */
	__u64 cause_connection_id;  /* ingress connection named by program state, 0 none */
	__u64 cause_read_position;  /* bytes read on it when the state was taken */
	__u64 cause_write_position; /* bytes written on it by then */
	__u64 cause_token;	    /* the program's own name of the request (an address) */
	__u32 len_bytes;
	__u32 copied_bytes;
	__u32 turn; /* direction turns on this connection so far, from 1 */
	__u32 fd;
	__u8 direction;	  /* enum event_direction */
	__u8 source;	  /* enum event_source */
	__u8 cause;	  /* enum event_cause */
	__u8 cause_flags; /* enum event_cause_flag */
	__u16 flags;	  /* enum event_data_flag */
	__u16 error;	  /* errno, 0 none */
};

enum event_close_flag {
	CLOSE_STILL_OPEN = 1 << 0, /* no close: what it had come to when its capture ended */
	CLOSE_LATE = 1 << 1,	   /* found afterwards: time_ns is when, not that of the end */
};

/* The last positions and turns: what was moved behind the last data event was lost. */
struct close_event {
	struct event_header header;
	__u64 connection_id;
	__u64 read_position;
	__u64 write_position;
	__u32 turns;
	__u32 flags; /* enum event_close_flag */
};

enum event_process_action {
	PROCESS_FORK = 1,
	PROCESS_EXEC = 2,
	PROCESS_EXIT = 3, /* the whole thread group is gone */
};

struct process_event {
	struct event_header header; /* tgid: the new process for fork */
	__u64 start_ns;
	__u32 action;
	__u32 parent_tgid;
	__u8 comm[16];
};

/*
 * Per-CPU counters, an array map of __u64. `lost`: the kernel could not deliver; `truncated`: a
 * byte range was not copied that should have been; the others explain what was skipped.
 */
enum event_counter {
	COUNTER_EVENTS = 0,	      /* records written to the ring */
	COUNTER_LOST_RING_FULL = 1,   /* records that did not fit */
	COUNTER_LOST_CONNECTION = 2,  /* calls on sockets that found the connection map full */
	COUNTER_LOST_CAUSE = 3,	      /* linking state that its map refused, see cause.h */
	COUNTER_TRUNCATED_FAULT = 4,  /* user buffers that could not be read */
	COUNTER_TRUNCATED_IOVEC = 5,  /* calls with more iovecs than are walked */
	COUNTER_SKIPPED_NOT_HTTP = 6, /* connections whose first bytes are not HTTP */
	COUNTER_CAUSE_TAKEN = 7,      /* egress writes for which program state named the ingress */
	COUNTER_CAUSE_REFUSED = 8,    /* program state that failed its self-check */
	COUNTER_LOST_POLICY = 9,      /* forked processes whose policy found its map full */
	COUNTER_READ_UNSEEN = 10,     /* reads before which bytes left the socket unseen */
	COUNTER_LOST_UNOPENED = 11,   /* exchanges of connections whose open event never fitted */
	COUNTER_MAX = 12,
};

#define SPANTAP_ASSERT_SIZE(type, bytes)                                                           \
	_Static_assert(sizeof(struct type) == (bytes), #type " has its documented size")
SPANTAP_ASSERT_SIZE(event_header, 24);
SPANTAP_ASSERT_SIZE(open_event, 248);
SPANTAP_ASSERT_SIZE(data_event, 104);
SPANTAP_ASSERT_SIZE(close_event, 56);
SPANTAP_ASSERT_SIZE(process_event, 56);

#endif
