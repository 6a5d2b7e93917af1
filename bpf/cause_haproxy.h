/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * HAProxy: its structures lead from an upstream connection to the client (walk_haproxy.h), once
 * user space knows where to look in them. Until then, and to see whether the walk is right, two
 * probes that need no offsets tell. A client connection's request becomes a stream S in the thread
 * that read its head, right after reading it; the stream later tries to get a server connection.
 * Two facts per thread join them:
 *
 *   read of a head on ingress I          thread.ingress = I
 *   stream_new() returns S               owner(S) = thread.ingress, which is thereby used up
 *   back_try_conn_req(S) is entered      thread.stream = S, with its stack frame
 *   connect() inside that frame          the new socket is bound to owner(S)
 *   head written on an older socket      owner(thread.stream), inside its caller's frame
 *   connect() outside of such frames     no stream's: a health check, bound to nobody
 *
 * Used up: without it a pipelined request, whose stream is made without a read, would be given
 * to whoever was read last. The frame: a stream that is queued connects nothing, and a health
 * check later in the same thread must not be taken for its connection.
 */
#ifndef SPANTAP_CAUSE_HAPROXY_H
#define SPANTAP_CAUSE_HAPROXY_H

#include "arch.h"
#include "connection.h"
#include "walk_haproxy.h"

/* Two return addresses this near lie in one function: process_stream calls both. */
#define HAPROXY_FUNCTION_BYTES 32768

struct haproxy_thread {
	__u64 ingress_inode; /* last head read and not used up, 0 none */
	__u64 stream;	     /* of back_try_conn_req, not used up, 0 none */
	__u64 frame;	     /* its stack pointer at entry: address of the return address */
	__u64 return_address;
};

#define HAPROXY_SLOTS 4096

struct haproxy_slot {
	__u32 tid; /* 0: nobody uses this slot */
	__u32 _pad;
	struct haproxy_thread thread;
};

/*
 * What a thread of HAProxy is doing: asked at each read and write, so a hash would be some 40 ns
 * each time. key: tid modulo HAPROXY_SLOTS, many times the threads of a host's proxies. Taken at a
 * thread's first read, never given back. Another thread's: hap_by_tid. (Two that take one slot at
 * the same moment, on two CPUs: the second has it from then on.)
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HAPROXY_SLOTS);
	__type(key, __u32);
	__type(value, struct haproxy_slot);
} hap_slots SEC(".maps");

/*
 * The same for threads whose slot is another's. key: tid. Inserted at its first read, never
 * deleted: LRU. 4096 threads; an eviction costs the link of requests in progress in that thread,
 * no more.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct haproxy_thread);
} hap_by_tid SEC(".maps");

struct haproxy_stream_key {
	__u64 stream;
	__u64 tgid;
};

/*
 * The ingress request of a stream. key: its address. Inserted at stream_new, overwritten when the
 * address is used again, never deleted: LRU. 8192 streams between their creation and their (last)
 * connection attempt; an eviction costs that stream's link, no more.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct haproxy_stream_key);
	__type(value, struct owner);
} hap_stream_owner SEC(".maps");

static __always_inline struct haproxy_thread *haproxy_thread(__u32 tid, int may_add)
{
	__u32 index = tid % HAPROXY_SLOTS;
	struct haproxy_slot *slot = bpf_map_lookup_elem(&hap_slots, &index);

	if (!slot)
		return NULL;
	if (!slot->tid && may_add)
		slot->tid = tid;
	if (slot->tid == tid)
		return &slot->thread;
	struct haproxy_thread *thread = bpf_map_lookup_elem(&hap_by_tid, &tid);

	if (!thread && may_add) {
		struct haproxy_thread fresh = {};

		if (bpf_map_update_elem(&hap_by_tid, &tid, &fresh, BPF_ANY))
			count(COUNTER_LOST_CAUSE);
		thread = bpf_map_lookup_elem(&hap_by_tid, &tid);
	}
	return thread;
}

/* What the thread has read last: a client that waits for a stream, 0 none. */
static __always_inline void haproxy_read_is(__u32 tid, __u64 inode)
{
	struct haproxy_thread *thread = haproxy_thread(tid, inode != 0);

	if (thread)
		thread->ingress_inode = inode;
}

/*
 * True when a turn that begins with these bytes is a request, or may become one: the rest of its
 * head comes with later reads, however small they are.
 */
static __always_inline int haproxy_may_be_request(struct scratch *s, const __u8 *payload,
						  __u32 copied)
{
	__builtin_memset(&s->head, 0, sizeof(s->head));
	enum sniff_result result = sniff_bytes(&s->head, payload, copied);

	return result == SNIFF_REQUEST || result == SNIFF_MORE;
}

/*
 * A head is pending from the first read after a turn, when it begins like a request (after an
 * interim response it is the request's body), until a stream takes it. All other reads (bodies,
 * responses) make no stream and end what was known. The role may not be known before the head is
 * complete (Unix sockets); stream_new() asks for it.
 */
static __always_inline void haproxy_read(struct scratch *s, struct connection *conn, int is_turn,
					 const __u8 *payload, __u32 copied)
{
	if (conn->flags & CONNECTION_WALKED)
		return;
	struct haproxy_thread *thread = haproxy_thread(s->call.caller.tid, 1);

	if (!thread)
		return;
	if (is_turn && conn->role != ROLE_CLIENT && haproxy_may_be_request(s, payload, copied))
		conn->flags |= CONNECTION_HEAD_PENDING;
	thread->ingress_inode = conn->flags & CONNECTION_HEAD_PENDING ? s->call.inode : 0;
}

/* True while the thread is still inside the function that called back_try_conn_req. */
static __always_inline int haproxy_frame_is_live(const struct haproxy_thread *thread, __u64 sp)
{
	if (sp >= thread->frame)
		return 0;
#if defined(__TARGET_ARCH_x86)
	__u64 now = 0;

	if (bpf_probe_read_user(&now, sizeof(now), (void *)thread->frame))
		return 0;
	return now - thread->return_address + HAPROXY_FUNCTION_BYTES < 2 * HAPROXY_FUNCTION_BYTES;
#else
	return 1;
#endif
}

/*
 * The owner of the thread's current stream, used up by this call. `is_stream`: the call is that
 * stream's, even when its owner is not known.
 */
static __always_inline struct owner *haproxy_take(const struct call *call, int *is_stream)
{
	struct haproxy_thread *thread = haproxy_thread(call->caller.tid, 0);
	struct owner *owner = NULL;

	*is_stream = 0;
	if (!thread || !thread->stream)
		return NULL;
	struct haproxy_stream_key key = { .stream = thread->stream, .tgid = call->caller.tgid };

	thread->stream = 0;
	*is_stream = haproxy_frame_is_live(thread, call->sp);
	if (*is_stream)
		owner = bpf_map_lookup_elem(&hap_stream_owner, &key);
	if (!owner)
		count(COUNTER_CAUSE_REFUSED);
	return owner;
}

/* Bound to nobody is bound to connection 0. Where the probes are not attached that is no news. */
static __always_inline void haproxy_connect(const struct call *call, struct connection *conn)
{
	const struct owner nobody = {};
	int is_stream;
	struct owner *owner = haproxy_take(call, &is_stream);

	conn->flags &= ~CONNECTION_BOUND;
	if (is_stream && !owner)
		return;
	conn->program.bound = owner ? *owner : nobody;
	conn->flags |= CONNECTION_BOUND;
}

/* What the probes say about a head. */
static __always_inline __u8 haproxy_told(const struct call *call, struct connection *conn,
					 struct owner *owner, __u8 *flags)
{
	struct owner *current;
	int is_stream;

	if (conn->flags & CONNECTION_BOUND) {
		*owner = conn->program.bound;
		conn->flags &= ~CONNECTION_BOUND;
		if (!owner->connection_id)
			*flags |= CAUSE_NO_INGRESS;
		return CAUSE_HAPROXY;
	}
	current = haproxy_take(call, &is_stream);
	if (!current)
		return CAUSE_NONE;
	*owner = *current;
	return CAUSE_HAPROXY;
}

/* Of a head both have an answer: the walk's is in the scratch. Health checks prove nothing. */
static __always_inline void haproxy_compare(struct scratch *s, struct haproxy_walk *walk,
					    const struct owner *told, __u8 flags)
{
	__u64 id = s->owner.connection_id;

	if (id != told->connection_id || s->owner_flags != flags)
		walk->disagreed = 1;
	else if (id && id != OWNER_EXCLUDED)
		__sync_fetch_and_add(&walk->agreed, 1);
}

/* The connection's walk, NULL when it has none. */
static __always_inline struct haproxy_walk *haproxy_walk_of(const struct scratch *s,
							    struct connection *conn, int is_bound)
{
	__u32 number = is_bound ? 0 : conn->program.haproxy.walk;

	if (is_bound)
		__builtin_memset(&conn->program, 0, sizeof(conn->program));
	if (!number)
		number = haproxy_walk_number(s->call.caller.tgid);
	conn->program.haproxy.walk = number;
	return haproxy_walk_at(number);
}

/* A walk that is proven answers alone; until then it is compared with what the probes say. */
static __always_inline __u8 haproxy_write(struct scratch *s, struct connection *conn,
					  struct owner *owner, __u8 *flags)
{
	int is_bound = conn->flags & CONNECTION_BOUND;
	__u8 told = CAUSE_NONE, walked;

	if (is_bound)
		told = haproxy_told(&s->call, conn, owner, flags);
	struct haproxy_walk *walk = haproxy_walk_of(s, conn, is_bound);
	int is_proven = walk && haproxy_is_proven(walk);

	if (!is_bound && !is_proven)
		told = haproxy_told(&s->call, conn, owner, flags);
	if (!walk || walk->disagreed)
		return told;
	walked = haproxy_walk();
	if (is_proven) {
		*owner = s->owner;
		*flags = s->owner_flags;
		if (walked == CAUSE_NONE)
			count(COUNTER_CAUSE_REFUSED);
		else
			__sync_fetch_and_add(&walk->taken, 1);
		return walked;
	}
	if (told != CAUSE_NONE && walked != CAUSE_NONE)
		haproxy_compare(s, walk, owner, *flags);
	return told;
}

#endif
