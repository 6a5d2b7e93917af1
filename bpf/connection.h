/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * The life of a connection in the kernel: first sight, roles, turns, whether it is HTTP, and its
 * open and close events.
 *
 *   SNIFFING --HTTP at a turn's start--> HTTP
 *   SNIFFING --start seen, first bytes are not HTTP--> SKIPPED
 *   SNIFFING --start not seen, 16 turns without HTTP--> SKIPPED
 *   any      --ignoreConnection() of user space--> SKIPPED
 *
 * A connection that the settings exclude stays, or becomes, one that is undecided and of unknown
 * beginning: that is how it appears when they do not exclude it any more.
 *
 * The open event is sent with the first bytes that are delivered, not at connect or accept: what
 * turns out not to be HTTP costs no record, unless other connections are to be reported.
 */
#ifndef SPANTAP_CONNECTION_H
#define SPANTAP_CONNECTION_H

#include "ring.h"
#include "socket.h"

/* Turns that a connection of unknown beginning may take until one starts like HTTP. */
#define SNIFF_TRIES_MAX 16

/* Unique since load: the CPU's number above a count of its own. 13 + 40 bits stay below 2^53. */
static __always_inline __u64 next_connection_id(struct scratch *scratch)
{
	__u64 cpu = bpf_get_smp_processor_id();

	return cpu << 40 | ++scratch->connections;
}

static __always_inline void connection_reset(struct connection *conn, struct scratch *scratch,
					     __u8 role)
{
	conn->id = next_connection_id(scratch);
	conn->position[DIRECTION_READ] = 0;
	conn->position[DIRECTION_WRITE] = 0;
	conn->read_sequence = 0;
	conn->turns = 0;
	conn->turn_copied_bytes = 0;
	__builtin_memset(&conn->sniff, 0, sizeof(conn->sniff));
	conn->sniff_tries = 0;
	conn->state = STATE_SNIFFING;
	conn->protocol = PROTOCOL_HTTP1;
	conn->role = role;
	conn->classes = traffic_classes(role, conn->peer);
	conn->last_direction = DIRECTION_NONE;
	conn->flags = role == ROLE_UNKNOWN ? 0 : CONNECTION_START_SEEN;
}

static __always_inline struct connection *connection_slot(__u64 inode)
{
	__u32 index = inode & (config.connection_slots - 1);

	return bpf_map_lookup_elem(&conn_slots, &index);
}

/* The connection of a socket, NULL when it is not known. */
static __always_inline struct connection *connection_of(__u64 inode)
{
	struct connection *slot = inode ? connection_slot(inode) : NULL;

	if (!slot || slot->inode == inode)
		return slot;
	return slot->has_overflow ? bpf_map_lookup_elem(&conn_by_inode, &inode) : NULL;
}

static __always_inline void connection_forget(__u64 inode)
{
	struct connection *slot = connection_slot(inode);

	if (slot && slot->inode == inode)
		slot->inode = 0;
	else if (slot && slot->has_overflow)
		bpf_map_delete_elem(&conn_by_inode, &inode);
}

/* Enters a socket; NULL when there is no room. */
static __always_inline struct connection *connection_insert(__u64 inode, __u8 role)
{
	struct connection *slot = connection_slot(inode);
	struct scratch *s = scratch();

	if (!s || !slot)
		return NULL;
	if (!slot->inode) {
		slot->peer = 0;
		connection_reset(slot, s, role);
		slot->is_suspect = 0;
		__builtin_memset(&slot->program, 0, sizeof(slot->program));
		slot->inode = inode;
		return slot;
	}
	__builtin_memset(&s->fresh, 0, sizeof(s->fresh));
	connection_reset(&s->fresh, s, role);
	s->fresh.inode = inode;
	slot->has_overflow = 1;
	if (bpf_map_update_elem(&conn_by_inode, &inode, &s->fresh, BPF_ANY)) {
		count(COUNTER_LOST_CONNECTION);
		return NULL;
	}
	return bpf_map_lookup_elem(&conn_by_inode, &inode);
}

/* Its role shows. */
static __always_inline void connection_is_of(struct connection *conn, __u8 role)
{
	conn->role = role;
	conn->classes = traffic_classes(role, conn->peer) | (conn->classes & CLASS_SKIPPED);
}

/* Looks at the other end, once; `sk` may be NULL. */
static __always_inline void connection_know_peer(struct connection *conn, struct sock *sk)
{
	if (conn->peer || !sk)
		return;
	conn->peer = sock_peer(sk);
	connection_is_of(conn, conn->role);
}

/* Nothing of it is delivered: not HTTP/1, or excluded by the settings. */
static __always_inline int connection_is_left_out(const struct connection *conn)
{
	return (conn->classes & traffic.excluded) != 0;
}

static __always_inline int connection_is_excluded(const struct connection *conn)
{
	return (conn->classes & traffic.excluded & ~CLASS_SKIPPED) != 0;
}

static __always_inline __u32 connection_copy_bytes_max(const struct connection *conn,
						       __u8 direction)
{
	__u64 side = traffic_side(conn->role, direction);

	/* 5.10 forgets the bounds of numbers on the stack: they are told again where they count. */
	barrier_var(side);
	return traffic.copy_bytes_max[side & (TRAFFIC_SIDES - 1)];
}

static __always_inline int host_starts_known(void)
{
	__u32 zero = 0;
	struct host *host = bpf_map_lookup_elem(&host_state, &zero);

	return config.watch_all && host && host->starts_known;
}

/*
 * A socket is met: how much of it is past? `read_bytes` and `written_bytes` are those of the call
 * that is about to be counted.
 */
static __always_inline void connection_start(struct connection *conn, const struct sock *sk,
					     int starts_known, __u64 read_bytes,
					     __u64 written_bytes)
{
	const struct tcp_sock *tp = (const struct tcp_sock *)sk;

	if (!sock_is_tcp(sk)) {
		if (starts_known || host_starts_known())
			conn->flags |= CONNECTION_START_SEEN;
		return;
	}
	/* An accepted socket is made of the listening one; others never listened. */
	if (BPF_CORE_READ(sk, sk_max_ack_backlog))
		connection_is_of(conn, ROLE_SERVER);
	conn->read_sequence = tcp_read_sequence(tp) - read_bytes;
	/* At most 1: the client's SYN. */
	if (tcp_read_bytes(tp) == read_bytes && tcp_written_bytes(tp) <= 1 + written_bytes)
		conn->flags |= CONNECTION_START_SEEN;
}

/* First sight of the call's socket; NULL when it is not of a kind we follow. */
static __always_inline struct connection *connection_add(const struct call *call, __u8 role)
{
	struct sock *sk = stream_sock((struct file *)call->file);
	struct connection *conn = sk ? connection_insert(call->inode, role) : NULL;

	if (conn)
		connection_know_peer(conn, sk);
	if (conn && role == ROLE_UNKNOWN && call->hook == HOOK_SOCKET) {
		int is_read = call->direction == DIRECTION_READ;

		connection_start(conn, sk, call->starts_known, is_read ? call->len_bytes : 0,
				 is_read ? 0 : call->len_bytes);
	}
	return conn;
}

/*
 * The connection of a socket that the current call does not act on; it is entered when unknown.
 * `starts_known` is that of the process.
 */
static __always_inline struct connection *connection_meet(struct file *file, __u64 inode,
							  int starts_known)
{
	struct connection *conn = connection_of(inode);
	struct sock *sk = !conn && inode ? stream_sock(file) : NULL;

	if (!sk)
		return conn;
	conn = connection_insert(inode, ROLE_UNKNOWN);
	if (!conn)
		return NULL;
	connection_know_peer(conn, sk);
	connection_start(conn, sk, starts_known, 0, 0);
	return conn;
}

/* Returns 1 when the open event is in the ring, now or since earlier. */
static __always_inline int connection_open(struct connection *conn, struct scratch *scratch)
{
	struct open_event *event = &scratch->open;
	struct file *file = (struct file *)scratch->call.file;

	if (conn->flags & CONNECTION_OPEN_SENT)
		return 1;
	struct socket *socket = BPF_CORE_READ(file, private_data);

	__builtin_memset(event, 0, sizeof(*event));
	fill_header(&event->header, EVENT_OPEN, sizeof(*event), scratch->call.caller);
	event->connection_id = conn->id;
	event->socket_inode = scratch->call.inode;
	event->read_position = conn->position[DIRECTION_READ];
	event->write_position = conn->position[DIRECTION_WRITE];
	event->fd = scratch->call.fd;
	event->role = conn->role;
	event->protocol = conn->protocol;
	event->start_seen = (conn->flags & CONNECTION_START_SEEN) != 0;
	read_identity(event, BPF_CORE_READ(socket, sk));
	if (!ring_put(event, sizeof(*event)))
		return 0;
	conn->flags |= CONNECTION_OPEN_SENT;
	return 1;
}

static __always_inline void fill_close(struct close_event *event, const struct connection *conn,
				       struct caller caller, __u32 flags)
{
	fill_header(&event->header, EVENT_CLOSE, sizeof(*event), caller);
	event->connection_id = conn->id;
	event->read_position = conn->position[DIRECTION_READ];
	event->write_position = conn->position[DIRECTION_WRITE];
	event->turns = conn->turns;
	event->flags = flags;
}

/*
 * HTTP of which user space has never heard: its open event found the ring full each time. A request
 * is one direction turn, its response the next; the last request may have none.
 */
static __always_inline void count_unopened(const struct connection *conn)
{
	if (conn->state == STATE_HTTP)
		count_by(COUNTER_LOST_UNOPENED, (conn->turns + 1) / 2);
}

/* Returns 0 when the close event was lost. */
static __always_inline int connection_close_in(const struct connection *conn, struct caller caller,
					       __u32 flags, int may_interrupt)
{
	struct close_event event = {};

	if (!(conn->flags & CONNECTION_OPEN_SENT)) {
		count_unopened(conn);
		return 1;
	}
	fill_close(&event, conn, caller, flags);
	return may_interrupt ? ring_put_interrupt(&event, sizeof(event))
			     : ring_put(&event, sizeof(event));
}

/* The same where it interrupts no other program of ours. */
static __always_inline int connection_close(const struct connection *conn, struct caller caller,
					    __u32 flags)
{
	return connection_close_in(conn, caller, flags, 0);
}

/*
 * The connection is over: its entry is free. When its close event was lost the entry stays for the
 * loader, which ends it again when there is room (kernel_end_late, or a sweep): what was lost with
 * it is counted, however late.
 */
static __always_inline void connection_end(struct connection *conn, __u64 inode, int is_told)
{
	if (is_told) {
		connection_forget(inode);
		return;
	}
	conn->flags |= CONNECTION_CLOSED;
	conn->is_suspect = 1;
}

/*
 * Counts bytes of one direction; returns the position of the first one. The addition does not
 * return what it found: 5.10 knows no fetching atomics, and two threads that write to one socket
 * at once have no order of their own to preserve.
 */
static __always_inline __u64 connection_advance(struct connection *conn, __u8 direction,
						__u64 len_bytes)
{
	__u64 *position = &conn->position[direction & 1];
	__u64 before = *position;

	__sync_fetch_and_add(position, len_bytes);
	return before;
}

/* Bytes go `direction` now; returns 1 when the last ones went the other way. */
static __always_inline int connection_turn(struct connection *conn, __u8 direction)
{
	if (conn->last_direction == direction)
		return 0;
	conn->last_direction = direction;
	conn->turns++;
	conn->turn_copied_bytes = 0;
	conn->flags &= ~CONNECTION_SNIFF_MORE;
	__builtin_memset(&conn->sniff, 0, sizeof(conn->sniff));
	return 1;
}

/* What a stamp says about an ingress connection, as of now. */
static __always_inline void owner_of(struct owner *owner, const struct connection *conn,
				     __u64 token)
{
	owner->connection_id = connection_is_excluded(conn) ? OWNER_EXCLUDED : conn->id;
	owner->read_position = conn->position[DIRECTION_READ];
	owner->write_position = conn->position[DIRECTION_WRITE];
	owner->token = token;
}

/*
 * The settings exclude it: user space hears that nothing follows (with the next call when the ring
 * is full), and it begins anew when they do not any more.
 */
static __always_inline void connection_withdraw(struct connection *conn, struct scratch *scratch,
						struct caller caller)
{
	if (conn->flags & CONNECTION_WITHDRAWN || !connection_close(conn, caller, CLOSE_STILL_OPEN))
		return;
	if (conn->state != STATE_SKIPPED)
		connection_reset(conn, scratch, conn->role);
	conn->flags = CONNECTION_WITHDRAWN;
}

/* Nothing more of it is delivered. When others are reported its bytes are counted to the end. */
static __always_inline void connection_skip(struct connection *conn)
{
	conn->state = STATE_SKIPPED;
	conn->classes |= CLASS_SKIPPED;
	if (traffic.reports_connections && !connection_is_excluded(conn))
		conn->flags |= CONNECTION_COUNTED;
}

/* Its first bytes are no HTTP/1; those of TLS and HTTP/2 are the client's. */
static __always_inline void connection_is_other(struct connection *conn, const __u8 *bytes,
						__u32 len_bytes, __u8 direction)
{
	conn->protocol = sniff_protocol(bytes, len_bytes);
	if (conn->role == ROLE_UNKNOWN && conn->flags & CONNECTION_START_SEEN &&
	    conn->protocol != PROTOCOL_OTHER)
		connection_is_of(conn, direction == DIRECTION_READ ? ROLE_SERVER : ROLE_CLIENT);
	connection_skip(conn);
	count(COUNTER_SKIPPED_NOT_HTTP);
}

/*
 * True when these bytes are worth a look: the connection's first ones, or the beginning of a turn
 * or its continuation while it looks like HTTP.
 */
static __always_inline int connection_is_sniffable(const struct connection *conn, int is_turn)
{
	return is_turn || conn->flags & (CONNECTION_START_SEEN | CONNECTION_SNIFF_MORE);
}

/* Decides on an undecided connection; returns 1 when the bytes are to be delivered. */
static __always_inline int connection_sniff(struct connection *conn, const __u8 *bytes,
					    __u32 len_bytes, __u8 direction)
{
	enum sniff_result result = sniff_bytes(&conn->sniff, bytes, len_bytes);

	if (result == SNIFF_OTHER) {
		conn->flags &= ~CONNECTION_SNIFF_MORE;
		if (conn->flags & CONNECTION_START_SEEN || ++conn->sniff_tries >= SNIFF_TRIES_MAX)
			connection_is_other(conn, bytes, len_bytes, direction);
		return 0;
	}
	if (result == SNIFF_MORE) {
		conn->flags |= CONNECTION_SNIFF_MORE;
		return 1;
	}
	/* A request is read by a server and written by a client; a response the other way round. */
	if (conn->role == ROLE_UNKNOWN)
		connection_is_of(conn, (result == SNIFF_REQUEST) == (direction == DIRECTION_READ)
					       ? ROLE_SERVER
					       : ROLE_CLIENT);
	if (connection_is_left_out(conn))
		return 0;
	conn->state = STATE_HTTP;
	return 1;
}

#endif
