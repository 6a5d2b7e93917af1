/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * Go's net/http (Caddy, Traefik): the goroutine that read a request runs its handler; the handler
 * hands its upstream request to a connection's writer goroutine. Pointers identify both:
 *
 *   read on ingress I by goroutine g                   owner(g) = I
 *   persistConn.roundTrip(pc) is entered by g          pending(pc) = owner(g)
 *   persistConn.writeLoop(pc) is entered by w          pc(w), once per connection
 *   head written by goroutine w                        pending(pc(w)), which is thereby used up
 *
 * Connections dialled before the probes were attached have no writeLoop entry; their socket is
 * found through pc.conn at roundTrip, where the structure checks itself.
 */
#ifndef SPANTAP_CAUSE_GO_H
#define SPANTAP_CAUSE_GO_H

#include "arch.h"
#include "connection.h"

/* A pointer in one process: goroutines (g) and connections (persistConn). */
struct go_key {
	__u64 pointer;
	__u64 tgid;
};

/*
 * Inode of the ingress socket that a goroutine read last. key: g. Inserted at reads on server-role
 * connections, never deleted: LRU. 8192 goroutines that serve; an eviction costs the links of one
 * connection until its next read.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct go_key);
	__type(value, __u64);
} go_ingress_by_g SEC(".maps");

struct go_pending {
	struct owner owner; /* connection_id 0: the goroutine had read from no client */
	__u32 is_pending;   /* its request is not written yet */
	__u32 is_ambiguous; /* another roundTrip came before that */
};

/*
 * The request that a client connection writes next. key: persistConn. Inserted at roundTrip,
 * never deleted: LRU. 8192 client connections; an eviction costs one link.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct go_key);
	__type(value, struct go_pending);
} go_pending_by_pc SEC(".maps");

/*
 * The persistConn that a writer goroutine serves. key: g. Inserted at writeLoop, once per
 * connection, never deleted: LRU. 8192 client connections; after an eviction pc.conn leads there.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct go_key);
	__type(value, __u64);
} go_pc_by_writer SEC(".maps");

static __always_inline struct go_key go_key(__u64 pointer, __u32 tgid)
{
	return (struct go_key){ .pointer = pointer, .tgid = tgid };
}

/* Address of the current goroutine's g at a system call. */
static __always_inline __u64 go_current(struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	/* Its thread-local slot on linux/amd64, valid for cgo and for raw system calls alike. */
	__u64 base, g = 0;

	if (HAS_TASK_BTF) {
		base = bpf_get_current_task_btf()->thread.fsbase;
	} else {
		struct task_struct *task = (struct task_struct *)bpf_get_current_task();

		base = BPF_CORE_READ(task, thread.fsbase);
	}
	bpf_probe_read_user(&g, sizeof(g), (void *)(base - 8));
	return g;
#else
	return GO_G(regs);
#endif
}

static __always_inline void go_read(const struct scratch *s, const struct connection *conn)
{
	struct go_key key = go_key(s->call.goroutine, s->call.caller.tgid);

	/* net/http's background reader asks for one byte, in a goroutine that serves nothing. */
	if (conn->role != ROLE_SERVER || s->call.wanted_bytes == 1)
		return;
	__u64 *known = bpf_map_lookup_elem(&go_ingress_by_g, &key);

	if (known) {
		*known = s->call.inode;
		return;
	}
	if (bpf_map_update_elem(&go_ingress_by_g, &key, &s->call.inode, BPF_ANY))
		count(COUNTER_LOST_CAUSE);
}

/* The ingress connection that goroutine `g` read last, NULL when it is gone. */
static __always_inline struct connection *go_ingress(const struct go_key *g)
{
	__u64 *inode = bpf_map_lookup_elem(&go_ingress_by_g, g);
	struct connection *conn = inode ? connection_of(*inode) : NULL;

	return conn && conn->role == ROLE_SERVER ? conn : NULL;
}

/* The persistConn that writes on this connection, 0 unknown; -1 when two facts disagree. */
static __always_inline __u64 go_writer_of(struct connection *conn, const struct go_key *g)
{
	__u64 *pc = bpf_map_lookup_elem(&go_pc_by_writer, g);
	__u64 known = conn->program.go_connection;

	if (!pc)
		return known;
	if (known && known != *pc)
		return -1ull;
	conn->program.go_connection = *pc;
	return *pc;
}

static __always_inline __u8 go_write(struct scratch *s, struct connection *conn,
				     struct owner *owner, __u8 *flags)
{
	struct go_key g = go_key(s->call.goroutine, s->call.caller.tgid);
	struct go_key pc = go_key(go_writer_of(conn, &g), g.tgid);

	if (pc.pointer == -1ull) {
		count(COUNTER_CAUSE_REFUSED);
		return CAUSE_NONE;
	}
	if (!pc.pointer) {
		/* No net/http client: a goroutine that serves and writes upstream itself. */
		struct connection *ingress = go_ingress(&g);

		if (!ingress)
			return CAUSE_NONE;
		owner_of(owner, ingress, g.pointer);
		return CAUSE_GO;
	}
	struct go_pending *pending = bpf_map_lookup_elem(&go_pending_by_pc, &pc);

	if (!pending || !pending->is_pending)
		return CAUSE_NONE;
	*owner = pending->owner;
	if (pending->is_ambiguous)
		*flags |= CAUSE_AMBIGUOUS;
	pending->is_pending = 0;
	pending->is_ambiguous = 0;
	return owner->connection_id ? CAUSE_GO : CAUSE_NONE;
}

#endif
