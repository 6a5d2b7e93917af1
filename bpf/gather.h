/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * From a call's buffers in user memory to the payload of one event.
 */
#ifndef SPANTAP_GATHER_H
#define SPANTAP_GATHER_H

#include "connection.h"

/* iovecs that go into one event. */
#define IOVECS_PER_CHUNK 128
/* Bytes of what was not copied that come along: more than the end of a chunked body takes. */
#define TAIL_BYTES 16

static __always_inline __u32 min_bytes(__u64 a, __u32 b)
{
	return a < b ? (__u32)a : b;
}

/* Reads the next iovecs of the call; 0 when there are none. */
static __always_inline int read_iovecs(volatile struct cursor *cursor)
{
	__u32 count = min_bytes(cursor->iov_count, IOVECS_READ);

	if (!count || count > IOVECS_READ)
		return 0;
	if (bpf_probe_read_user((void *)cursor->iovecs, count * sizeof(struct user_iovec),
				(void *)cursor->iov)) {
		cursor->is_fault = 1;
		return 0;
	}
	cursor->iov += count * sizeof(struct user_iovec);
	cursor->iov_count -= count;
	cursor->iovec = 0;
	cursor->iovecs_end = count;
	return 1;
}

/* Goes to the next iovec of the call; 0 when there is none. */
static __always_inline int next_iovec(volatile struct cursor *cursor)
{
	if (cursor->iovec >= cursor->iovecs_end && !read_iovecs(cursor))
		return 0;
	__u32 next = cursor->iovec;

	if (next >= IOVECS_READ)
		return 0;
	cursor->base = cursor->iovecs[next].base;
	cursor->base_bytes = cursor->iovecs[next].len;
	cursor->iovec = next + 1;
	return 1;
}

/*
 * Fills the payload with the call's next bytes: a chunk, what is left of the quota or of the
 * call, whatever is least. A global function with all of its state in the scratch (`volatile`):
 * the verifier does not follow values in maps, so each round of the loop looks like the last one.
 */
__noinline int gather(void)
{
	struct scratch *s = scratch();

	if (!s)
		return 0;
	volatile struct cursor *cursor = &s->cursor;
	__u32 room = min_bytes(cursor->quota, SPANTAP_CHUNK_BYTES);

	room = min_bytes(cursor->call_bytes, room);
	cursor->filled = 0;
	for (int i = 0; i < IOVECS_PER_CHUNK; i++) {
		__u32 filled = cursor->filled;

		if (filled >= room || filled >= SPANTAP_CHUNK_BYTES)
			break;
		if (!cursor->base_bytes && !next_iovec(cursor))
			break;
		if (cursor->skip_bytes) {
			__u64 step = cursor->skip_bytes;

			if (cursor->base_bytes < step)
				step = cursor->base_bytes;
			cursor->base += step;
			cursor->base_bytes -= step;
			cursor->skip_bytes -= step;
			continue;
		}
		__u32 take = min_bytes(cursor->base_bytes, room - filled);

		if (take > SPANTAP_CHUNK_BYTES)
			break;
		if (bpf_probe_read_user(s->payload + filled, take, (void *)cursor->base)) {
			cursor->is_fault = 1;
			break;
		}
		cursor->base += take;
		cursor->base_bytes -= take;
		cursor->filled = filled + take;
	}
	return 0;
}

/* What is left lies beyond the limit: of it only the end is copied. */
static __always_inline void cursor_to_tail(struct cursor *cursor)
{
	cursor->is_tail = 1;
	cursor->quota = TAIL_BYTES;
	if (cursor->call_bytes > TAIL_BYTES)
		cursor->skip_bytes = cursor->call_bytes - TAIL_BYTES;
}

static __always_inline void cursor_start(struct scratch *s, const struct connection *conn)
{
	struct call *call = &s->call;
	struct cursor *cursor = &s->cursor;

	__builtin_memset(cursor, 0, __builtin_offsetof(struct cursor, iovecs));
	cursor->call_bytes = call->len_bytes;
	if (call->iov_count) {
		cursor->iov = call->buffer;
		cursor->iov_count = call->iov_count;
	} else {
		cursor->base = call->buffer;
		cursor->base_bytes = call->len_bytes;
	}
	__u32 copy_bytes_max = connection_copy_bytes_max(conn, call->direction);

	if (!(call->flags & DATA_NO_BUFFER) && conn->turn_copied_bytes < copy_bytes_max)
		cursor->quota = copy_bytes_max - conn->turn_copied_bytes;
	else if (!(call->flags & DATA_NO_BUFFER))
		cursor_to_tail(cursor);
}

#endif
