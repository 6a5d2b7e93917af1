/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * Where HAProxy keeps what leads from an upstream connection to its client (walk_haproxy.h), as
 * user space found it in a running process (src/discover/haproxy). Shared with the addon.
 */
#ifndef SPANTAP_WALK_LAYOUT_H
#define SPANTAP_WALK_LAYOUT_H

#ifndef __bpf__
#include <linux/types.h>
#endif

/* Executables that are walked, by number; 0 is none. */
#define HAPROXY_WALKS 32

/* Of each structure so many bytes are read at most, so offsets lie below. */
#define HAPROXY_BLOCK_BYTES 256

/* Requests on which walk and probes have to agree before the walk is believed. */
#define HAPROXY_PROOFS 64

/* The first part is written by user space once, before the number is used; the counts are not. */
struct haproxy_walk {
	__u64 table_from_code;	 /* of variable `fdtab`, less the address where code starts */
	__u64 checks_from_code;	 /* of variable `checks_fe` */
	__u32 entry_bytes;	 /* sizeof(struct fdtab) */
	__u32 entry_owner;	 /* fdtab.owner */
	__u32 connection_handle; /* connection.handle.fd */
	__u32 connection_mux;	 /* connection.ctx */
	__u32 mux_connection;	 /* h1c.conn */
	__u32 mux_stream;	 /* h1c.h1s */
	__u32 stream_mux;	 /* h1s.h1c */
	__u32 stream_session;	 /* h1s.sess */
	__u32 session_origin;	 /* session.origin */
	__u32 connection_type;	 /* OBJ_TYPE_CONN, the first byte of a connection */
	__u32 is_alone;		 /* no probe is left: nobody has to be told what threads read */
	__u32 disagreed;
	__u64 agreed;
	__u64 taken; /* requests that it named the client of */
};

/* What user space tells about a process that a walk is for. */
struct haproxy_offer {
	__u64 code; /* where it has its code: another process may have got the number since */
	__u32 walk; /* number */
	__u32 _pad;
};

#endif
