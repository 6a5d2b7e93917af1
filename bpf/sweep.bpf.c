// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Walks over all connections.
 *
 * Which sockets does nobody hold any more? Sockets end without a close that we see: their process
 * was killed, dup2 or close_range closed them, another thread held a reference at the close. Three
 * iterators, run one after the other by the loader (kernel_sweep); the last one alone finds those
 * whose close event was lost (kernel_end_late):
 *
 *   suspect_connections   every connection is suspected
 *   clear_open_sockets    those found behind a descriptor of any process are not
 *   report_suspects       writes the inodes of those left; the loader ends them
 *
 * A fourth one is run when a process or the host begins to be watched: report_older_sockets writes
 * the sockets whose first bytes cannot tell that they are not the first (all but TCP).
 *
 * A connection that appears meanwhile was never suspected. A descriptor that is on its way from
 * one process to another (SCM_RIGHTS) is not found: its connection starts anew at its next use.
 *
 * And when capture stops: how far did each of the others get?
 *
 *   report_open           writes a close event for each, CLOSE_STILL_OPEN when it is not over
 */
#include "connection.h"
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct bpf_iter_meta {
	struct seq_file *seq;
} __attribute__((preserve_access_index));

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	void *map;
	void *key;
	void *value;
} __attribute__((preserve_access_index));

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	__u32 _pad;
	struct file *file;
} __attribute__((preserve_access_index));

SEC("iter/bpf_map_elem")
int suspect_connections(struct bpf_iter__bpf_map_elem *ctx)
{
	struct connection *conn = ctx->value;

	if (conn && conn->inode)
		conn->is_suspect = 1;
	return 0;
}

SEC("iter/task_file")
int clear_open_sockets(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;

	if (!file)
		return 0;
	__u64 inode = socket_inode(file);

	if (!inode)
		return 0;
	struct connection *conn = connection_of(inode);

	if (conn)
		conn->is_suspect = 0;
	return 0;
}

SEC("iter/bpf_map_elem")
int report_suspects(struct bpf_iter__bpf_map_elem *ctx)
{
	struct connection *conn = ctx->value;
	__u64 inode;

	if (!conn || !conn->inode || !conn->is_suspect)
		return 0;
	inode = conn->inode;
	bpf_seq_write(ctx->meta->seq, &inode, sizeof(inode));
	return 0;
}

SEC("iter/task_file")
int report_older_sockets(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	__u64 inode = file ? socket_inode(file) : 0;
	struct sock *sk = inode ? stream_sock(file) : NULL;

	if (sk && !sock_is_tcp(sk) && !connection_of(inode))
		bpf_seq_write(ctx->meta->seq, &inode, sizeof(inode));
	return 0;
}

SEC("iter/bpf_map_elem")
int report_open(struct bpf_iter__bpf_map_elem *ctx)
{
	struct connection *conn = ctx->value;
	struct close_event event = {};

	if (!conn || !conn->inode ||
	    (conn->state == STATE_SKIPPED && !(conn->flags & CONNECTION_COUNTED)))
		return 0;
	if (!(conn->flags & CONNECTION_OPEN_SENT)) {
		count_unopened(conn);
		return 0;
	}
	fill_close(&event, conn, (struct caller){},
		   conn->flags & CONNECTION_CLOSED ? CLOSE_LATE : CLOSE_STILL_OPEN);
	bpf_seq_write(ctx->meta->seq, &event, sizeof(event));
	return 0;
}
