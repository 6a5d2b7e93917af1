/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * From a finished call on a socket to its data events. Two ways that make the same events:
 * deliver_fast() is what nearly every call takes, written so that it stays short; deliver() knows
 * everything else (first bytes, fillers, ends, errors, long calls, many iovecs).
 */
#ifndef SPANTAP_DELIVER_H
#define SPANTAP_DELIVER_H

#include "cause.h"
#include "gather.h"

/* Events that one call can make. */
#define CHUNKS_MAX 64

/* What a record takes in the ring. */
static __always_inline __u32 data_event_bytes(__u32 copied)
{
	return (sizeof(struct data_event) + copied + 7) & ~7u;
}

/* Puts the scratch's data event and `copied` bytes of its payload into the ring. */
static __always_inline int put_data(struct data_event *event, __u32 copied)
{
	__u32 size_bytes = data_event_bytes(copied);

	if (size_bytes > RING_RECORD_BYTES_MAX)
		return 0;
	event->copied_bytes = copied;
	event->header.size_bytes = size_bytes;
	return ring_put(event, size_bytes);
}

/* Everything but the lengths. Field by field: what the memory held before must not stay. */
static __always_inline void fill_data(struct data_event *event, const struct call *call,
				      const struct connection *conn, __u64 position, int is_turn)
{
	fill_header_at(&event->header, EVENT_DATA, 0, call->caller, call->time_ns);
	event->connection_id = conn->id;
	event->position = position;
	event->goroutine = 0;
	event->cause_connection_id = 0;
	event->cause_read_position = 0;
	event->cause_write_position = 0;
	event->cause_token = 0;
	event->turn = conn->turns;
	event->fd = call->fd;
	event->direction = call->direction;
	event->source = SOURCE_SOCKET;
	event->cause = CAUSE_NONE;
	event->cause_flags = 0;
	event->flags = call->flags | (is_turn ? DATA_TURN : 0);
	event->error = call->error;
}

/*
 * Puts the gathered chunk into the ring; returns 1 when it was the call's last event, which
 * covers whatever is left of the call, copied or not.
 */
static __always_inline int put_chunk(struct scratch *s, struct connection *conn, int may_go_on)
{
	struct data_event *event = &s->data;
	struct cursor *cursor = &s->cursor;
	__u32 filled = cursor->filled;
	int is_last =
		!may_go_on || cursor->is_fault || cursor->is_tail || filled == cursor->call_bytes;

	if (cursor->is_fault) {
		event->flags |= DATA_FAULT;
		count(COUNTER_TRUNCATED_FAULT);
	} else if (cursor->is_tail) {
		event->flags |= DATA_TAIL;
	} else if (!may_go_on && filled != cursor->call_bytes && filled != cursor->quota) {
		count(COUNTER_TRUNCATED_IOVEC);
	}
	cursor->quota -= filled;
	if (!cursor->is_tail)
		conn->turn_copied_bytes += filled;
	if (!is_last && !filled) /* nothing but empty iovecs so far */
		return 0;
	event->len_bytes = is_last ? cursor->call_bytes : filled;
	put_data(event, filled);
	cursor->call_bytes -= filled;
	event->position += filled;
	event->flags = (event->flags & ~DATA_TURN) | DATA_CONTINUED;
	if (!cursor->quota && !is_last)
		cursor_to_tail(cursor);
	return is_last;
}

/*
 * As many events as the turn's quota allows for this call's bytes; returns 0 when there are none:
 * the connection is not known to be HTTP, or its open event found the ring full.
 */
static __always_inline int deliver_bytes(struct scratch *s, struct connection *conn, int is_turn)
{
	__u64 position = connection_advance(conn, s->call.direction, s->call.len_bytes);

	if (conn->state == STATE_SNIFFING &&
	    (s->call.flags & DATA_NO_BUFFER || !connection_is_sniffable(conn, is_turn)))
		return 0;
	cursor_start(s, conn);
	gather();
	if (conn->state == STATE_SNIFFING &&
	    !connection_sniff(conn, s->payload, s->cursor.filled, s->call.direction)) {
		if (conn->flags & CONNECTION_COUNTED)
			connection_open(conn, s);
		return 0;
	}
	if (!connection_open(conn, s))
		return 0;
	fill_data(&s->data, &s->call, conn, position, is_turn);
	cause_bytes(s, &s->data, conn, is_turn, s->payload, s->cursor.filled);
	for (int i = 0; i < CHUNKS_MAX; i++) {
		if (put_chunk(s, conn, i < CHUNKS_MAX - 1))
			break;
		gather();
	}
	return 1;
}

/* The scratch's call is on a connection that is left out. */
static __always_inline void leave_out(struct scratch *s, struct connection *conn)
{
	if (connection_is_excluded(conn))
		connection_withdraw(conn, s, s->call.caller);
	else if (conn->flags & CONNECTION_COUNTED)
		connection_advance(conn, s->call.direction, s->call.len_bytes);
	cause_left_out(s, conn);
}

/*
 * Delivers the call in this CPU's scratch, on the socket that it names. A global function: the
 * verifier checks it once, not once per caller, and it takes its argument from the scratch
 * because 5.10 allows only numbers.
 */
__noinline int deliver(void)
{
	struct scratch *s = scratch();
	int is_turn = 0;

	if (!s)
		return 0;
	struct connection *conn = connection_of(s->call.inode);

	if (!conn)
		conn = connection_add(&s->call, ROLE_UNKNOWN);
	else if (!conn->peer)
		connection_know_peer(conn, stream_sock((struct file *)s->call.file));
	if (!conn) {
		cause_unseen(s);
		return 0;
	}
	if (connection_is_left_out(conn)) {
		leave_out(s, conn);
		return 0;
	}
	conn->flags &= ~CONNECTION_WITHDRAWN;
	if (s->call.len_bytes)
		is_turn = connection_turn(conn, s->call.direction);
	else if (!(conn->flags & CONNECTION_OPEN_SENT))
		return 0;
	if (!deliver_bytes(s, conn, is_turn))
		cause_left_out(s, conn);
	return 0;
}

/*
 * Copies the iovecs of a call, IOVECS_READ of them at most; returns how many bytes could be read.
 * A function of its own for the registers that it has then: older verifiers lose the bounds of a
 * number that goes over the stack.
 */
static __noinline int copy_iovecs(struct scratch *s, __u8 *payload, __u64 len_bytes)
{
	volatile struct cursor *cursor = &s->cursor;
	__u64 count = s->call.iov_count, count_bytes = count * sizeof(struct user_iovec);

	cursor->filled = 0;
	barrier_var(count_bytes);
	if (count_bytes > sizeof(s->cursor.iovecs) ||
	    bpf_probe_read_user(s->cursor.iovecs, count_bytes, (void *)s->call.buffer))
		return 0;
	for (__u32 i = 0; i < IOVECS_READ; i++) {
		__u64 filled = cursor->filled;

		if (i >= count || filled >= len_bytes)
			break;
		__u64 base = cursor->iovecs[i].base, take = cursor->iovecs[i].len;

		if (take > len_bytes - filled)
			take = len_bytes - filled;
		barrier_var(filled);
		barrier_var(take);
		if (filled > SPANTAP_CHUNK_BYTES || take > SPANTAP_CHUNK_BYTES ||
		    bpf_probe_read_user(payload + filled, take, (void *)base))
			break;
		cursor->filled = cursor->filled + take;
	}
	return cursor->filled;
}

/* Copies the bytes of a call; returns how many could be read. */
static __always_inline __u32 copy_call(struct scratch *s, __u8 *payload, __u64 len_bytes)
{
	if (s->call.iov_count)
		return copy_iovecs(s, payload, len_bytes);
	barrier_var(len_bytes);
	if (len_bytes > SPANTAP_CHUNK_BYTES ||
	    bpf_probe_read_user(payload, len_bytes, (void *)s->call.buffer))
		return 0;
	return len_bytes;
}

/* Writes the event of `len_bytes` at its place in the ring. */
static __always_inline void deliver_at(struct data_event *event, struct ring *ring,
				       struct scratch *s, struct connection *conn, __u32 len_bytes)
{
	__u8 *payload = (__u8 *)(event + 1), direction = s->call.direction & 1;
	int is_turn = connection_turn(conn, direction);

	/* The copy is last: what waits for stores to end, as the addition does, comes before. */
	fill_data(event, &s->call, conn, connection_advance(conn, direction, len_bytes), is_turn);
	event->len_bytes = len_bytes;
	__u32 copied = copy_call(s, payload, len_bytes);
	__u32 size_bytes = data_event_bytes(copied);

	event->copied_bytes = copied;
	event->header.size_bytes = size_bytes;
	if (copied != len_bytes) {
		event->flags |= DATA_FAULT;
		count(COUNTER_TRUNCATED_FAULT);
	}
	conn->turn_copied_bytes += copied;
	cause_bytes(s, event, conn, is_turn, payload, copied);
	ring_commit(ring, size_bytes);
}

/*
 * The common case: bytes on a connection that is known to be HTTP and whose open event is out,
 * few enough for one event, which is written where it stays. Returns 0, with nothing changed,
 * when the call is another one.
 */
static __always_inline int deliver_fast(struct scratch *s, struct connection *conn)
{
	if (!conn || conn->state != STATE_HTTP || !(conn->flags & CONNECTION_OPEN_SENT))
		return 0;
	__u64 len_bytes = s->call.len_bytes, copied_before = conn->turn_copied_bytes;

	if (conn->last_direction != (s->call.direction & 1))
		copied_before = 0;
	if (len_bytes == 0 || len_bytes > SPANTAP_CHUNK_BYTES || s->call.flags ||
	    s->call.iov_count > IOVECS_READ ||
	    copied_before + len_bytes > connection_copy_bytes_max(conn, s->call.direction))
		return 0;
	struct ring *ring = ring_of_cpu();
	struct data_event *event = ring ? ring_place(ring, data_event_bytes(len_bytes)) : NULL;

	if (!event)
		return 0;
	deliver_at(event, ring, s, conn, len_bytes);
	return 1;
}

#endif
