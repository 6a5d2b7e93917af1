// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The end of a connection: close() of the last descriptor of its socket. At the exit of the call
 * the descriptor is free and may already be reused by another thread, so it is taken at enter.
 */
#include "connection.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Field layout: /sys/kernel/tracing/events/syscalls/sys_enter_close/format. */
struct close_enter {
	__u64 common;
	__u64 number;
	__u64 fd;
};

/*
 * At enter the descriptor is still ours. What it misses: dup2 over a socket, close_range, sockets
 * of a killed process; the sweep finds those.
 */
SEC("tracepoint/syscalls/sys_enter_close")
int close_enter(struct close_enter *ctx)
{
	struct caller caller = current_caller();

	if (!policy_is_watched(policy_of(caller.tgid)))
		return 0;
	struct file *file = file_of_any_fd(ctx->fd);
	__u64 inode = socket_inode(file);
	struct connection *conn = inode && is_last_reference(file) ? connection_of(inode) : NULL;

	if (!conn)
		return 0;
	connection_end(conn, inode, connection_close(conn, caller, 0));
	return 0;
}
