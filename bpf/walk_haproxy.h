/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * HAProxy without any probe in it. When a request head is written on descriptor b, its structures
 * lead back to the client:
 *
 *   fdtab[b].owner = c (struct connection)      c->handle.fd == b
 *   c->ctx = h (struct h1c)                     h->conn == c
 *   h->h1s = x (struct h1s)                     x->h1c == h
 *   x->sess = s (struct session)
 *   s->origin = c' (connection of the client)   fdtab[c'->handle.fd].owner == c'
 *
 * The thread that writes owns both connections, so nothing changes meanwhile. A circle that does
 * not close ends the walk (COUNTER_CAUSE_REFUSED): TCP mode, HTTP/2 upstream, an applet's request.
 * The session of a health check is of the proxy `checks_fe`: no client.
 *
 * The offsets differ by version and build. User space finds them in a running process and names
 * them by number (walk_layout.h); they hold for every process of that executable, and are found
 * again by its file, so that a process which has just been started is walked from its first request
 * on.
 */
#ifndef SPANTAP_WALK_HAPROXY_H
#define SPANTAP_WALK_HAPROXY_H

#include "connection.h"
#include "user_memory.h"
#include "walk_layout.h"

/*
 * Walks by number. Written by user space before it offers them, never deleted. HAPROXY_WALKS
 * executables at most: to those beyond user space gives no number, they keep their probes.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HAPROXY_WALKS);
	__type(key, __u32);
	__type(value, struct haproxy_walk);
} hap_walks SEC(".maps");

/* Numbers of inodes are used again when the file is gone, but not with all of the rest. */
struct haproxy_file {
	__u64 inode;
	__u64 size_bytes;
	__u32 device;
	__u32 generation;
};

/*
 * Number of the walk of an executable. key: its file. Inserted when a process takes an offer, never
 * deleted: 64 names of at most 32 files (a file has several in the images of containers). Full:
 * processes of further files keep their probes, COUNTER_LOST_CAUSE.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct haproxy_file);
	__type(value, __u32);
} hap_walk_by_file SEC(".maps");

/*
 * User space knows the process, the kernel side its file. key: tgid. Inserted by user space, taken
 * at the next request of the process: LRU, since an offer of 256 is only made again.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct haproxy_offer);
} hap_walk_offers SEC(".maps");

/* Where the current task's program has its code, 0 unknown. */
static __always_inline __u64 haproxy_code(void)
{
	if (!HAS_TASK_BTF) {
		struct task_struct *task = (struct task_struct *)bpf_get_current_task();

		return BPF_CORE_READ(task, mm, start_code);
	}
	struct mm_struct *mm = bpf_get_current_task_btf()->mm;

	return mm ? mm->start_code : 0;
}

/* The file of the program that the current task runs; returns 0 when it has none. */
static __always_inline int haproxy_file(struct haproxy_file *key)
{
	if (!HAS_TASK_BTF) {
		struct task_struct *task = (struct task_struct *)bpf_get_current_task();
		struct inode *inode = BPF_CORE_READ(task, mm, exe_file, f_inode);

		key->inode = BPF_CORE_READ(inode, i_ino);
		key->size_bytes = BPF_CORE_READ(inode, i_size);
		key->device = BPF_CORE_READ(inode, i_sb, s_dev);
		key->generation = BPF_CORE_READ(inode, i_generation);
		return inode != NULL;
	}
	struct mm_struct *mm = bpf_get_current_task_btf()->mm;
	struct file *file = mm ? mm->exe_file : NULL;

	if (!file)
		return 0;
	struct inode *inode = file->f_inode;

	key->inode = inode->i_ino;
	key->size_bytes = inode->i_size;
	key->device = inode->i_sb->s_dev;
	key->generation = inode->i_generation;
	return 1;
}

static __always_inline struct haproxy_walk *haproxy_walk_at(__u32 number)
{
	return number ? bpf_map_lookup_elem(&hap_walks, &number) : NULL;
}

/* The number of the walk for the current task, of process `tgid`; 0 none. */
static __always_inline __u32 haproxy_walk_number(__u32 tgid)
{
	struct haproxy_file file = {};

	if (!haproxy_file(&file))
		return 0;
	__u32 *known = bpf_map_lookup_elem(&hap_walk_by_file, &file);

	if (known)
		return *known;
	struct haproxy_offer *offer = bpf_map_lookup_elem(&hap_walk_offers, &tgid);

	if (!offer || offer->code != haproxy_code())
		return 0;
	__u32 number = offer->walk;

	if (bpf_map_update_elem(&hap_walk_by_file, &file, &number, BPF_ANY)) {
		count(COUNTER_LOST_CAUSE);
		return 0;
	}
	bpf_map_delete_elem(&hap_walk_offers, &tgid);
	return number;
}

static __always_inline int haproxy_is_proven(const struct haproxy_walk *walk)
{
	return walk->agreed >= HAPROXY_PROOFS && !walk->disagreed;
}

/* Reads the first `bytes` of a structure into the scratch; 0 when that is not possible. */
static __always_inline int block_read(struct scratch *s, __u64 address, __u32 bytes)
{
	barrier_var(bytes);
	return bytes <= sizeof(s->block) && !bpf_probe_read_user(s->block, bytes, (void *)address);
}

/* So many bytes hold the two words at these offsets. */
static __always_inline __u32 block_bytes(__u32 first, __u32 second)
{
	return (first > second ? first : second) + sizeof(__u64);
}

static __always_inline __u64 block_word(const struct scratch *s, __u32 offset)
{
	return s->block[offset / sizeof(__u64) % (HAPROXY_BLOCK_BYTES / sizeof(__u64))];
}

/* fdtab[fd].owner: a struct connection, or what else is polled. */
static __always_inline __u64 haproxy_connection_of(const struct haproxy_walk *walk, __u32 fd)
{
	__u64 table = user_u64(haproxy_code() + walk->table_from_code);

	return user_u64(table + (__u64)fd * walk->entry_bytes + walk->entry_owner);
}

/* Reads the mux behind a connection; 0 when it is not the one that leads back there. */
static __always_inline int haproxy_mux_at(struct scratch *s, const struct haproxy_walk *walk,
					  const struct haproxy_place *place)
{
	__u32 bytes = block_bytes(walk->mux_connection, walk->mux_stream);

	return place->mux && block_read(s, place->mux, bytes) &&
	       block_word(s, walk->mux_connection) == place->connection;
}

/* Finds the connection of the call's descriptor. It stays the socket's while that is open. */
static __always_inline int haproxy_find(struct scratch *s, const struct haproxy_walk *walk,
					struct haproxy_place *place)
{
	__u32 bytes = block_bytes(walk->connection_handle, walk->connection_mux);

	place->mux = 0;
	place->connection = haproxy_connection_of(walk, s->call.fd);
	if (!place->connection || !block_read(s, place->connection, bytes) ||
	    (__u32)block_word(s, walk->connection_handle) != s->call.fd)
		return 0;
	place->mux = block_word(s, walk->connection_mux);
	return haproxy_mux_at(s, walk, place);
}

/* The session for which the call's connection is used at this moment, 0 unknown. */
static __always_inline __u64 haproxy_session(struct scratch *s, const struct haproxy_walk *walk,
					     struct haproxy_place *place)
{
	if (!haproxy_mux_at(s, walk, place) && !haproxy_find(s, walk, place))
		return 0;
	__u64 stream = block_word(s, walk->mux_stream);
	__u32 bytes = block_bytes(walk->stream_mux, walk->stream_session);

	if (!stream || !block_read(s, stream, bytes) ||
	    block_word(s, walk->stream_mux) != place->mux)
		return 0;
	return block_word(s, walk->stream_session);
}

/* The client whose struct connection lies at `front`, of which the scratch holds a copy. */
static __always_inline struct connection *
haproxy_client(struct scratch *s, const struct haproxy_walk *walk, __u64 front)
{
	__u32 fd = block_word(s, walk->connection_handle);
	struct file *file = file_of_any_fd(fd);
	struct connection *client = file ? connection_of(socket_inode(file)) : NULL;

	if (!client || client->role != ROLE_SERVER ||
	    (connection_is_left_out(client) && !connection_is_excluded(client)))
		return NULL;
	if (client->program.haproxy.connection != front) {
		if (haproxy_connection_of(walk, fd) != front)
			return NULL;
		client->program.haproxy.connection = front;
	}
	return client;
}

static __always_inline __u8 haproxy_walk_from(struct scratch *s, struct haproxy_walk *walk,
					      struct connection *conn)
{
	__u64 session = haproxy_session(s, walk, &conn->program.haproxy);

	if (!session)
		return CAUSE_NONE;
	__u64 front = user_u64(session + walk->session_origin);
	int is_readable = block_read(s, front, walk->connection_handle + sizeof(__u64));

	if (!is_readable || (__u8)s->block[0] != walk->connection_type) {
		/* session.fe is its first word. */
		if (user_u64(session) != haproxy_code() + walk->checks_from_code)
			return CAUSE_NONE;
		s->owner_flags = CAUSE_NO_INGRESS;
		return CAUSE_HAPROXY;
	}
	struct connection *client = haproxy_client(s, walk, front);

	if (!client)
		return CAUSE_NONE;
	owner_of(&s->owner, client, session);
	if (walk->is_alone) {
		conn->flags |= CONNECTION_WALKED;
		client->flags |= CONNECTION_WALKED;
	}
	return CAUSE_HAPROXY;
}

/*
 * Walks from the connection of this CPU's call, which names its walk; the answer is in the scratch:
 * owner and owner_flags. A global function as deliver() is, for the same reasons.
 */
__noinline int haproxy_walk(void)
{
	struct scratch *s = scratch();

	if (!s)
		return CAUSE_NONE;
	struct connection *conn = connection_of(s->call.inode);
	struct haproxy_walk *walk = conn ? haproxy_walk_at(conn->program.haproxy.walk) : NULL;

	__builtin_memset(&s->owner, 0, sizeof(s->owner));
	s->owner_flags = 0;
	return walk ? haproxy_walk_from(s, walk, conn) : CAUSE_NONE;
}

#endif
