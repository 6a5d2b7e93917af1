// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Loaded first: its maps are the ones that all objects share. Its one program changes them for
 * user space, see command.h.
 */
#include "cause_go.h"
#include "cause_haproxy.h"
#include "command.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct command_args {
	__u64 command; /* enum command */
	__u64 subject;
	__u64 argument;
};

static __always_inline void end_late(struct connection *conn, __u64 inode)
{
	connection_end(conn, inode, connection_close(conn, (struct caller){}, CLOSE_LATE));
}

static __always_inline int command_connection(const struct command_args *args)
{
	__u64 inode = args->subject;
	struct connection *conn = connection_of(inode);

	if (args->command == COMMAND_FORGET) {
		/* What is not known any more was told: entries are freed with their close event. */
		int is_told = !conn || conn->flags & CONNECTION_OPEN_SENT;

		if (conn)
			end_late(conn, inode);
		return is_told;
	}
	if (args->command == COMMAND_END_SUSPECT) {
		if (conn && conn->is_suspect)
			end_late(conn, inode);
		return 0;
	}
	if (!conn)
		conn = connection_insert(inode, ROLE_UNKNOWN);
	if (!conn)
		return 1;
	if (args->command == COMMAND_IGNORE)
		connection_skip(conn);
	return 0;
}

static __always_inline int set_starts_known(void)
{
	__u32 zero = 0;
	struct host *host = bpf_map_lookup_elem(&host_state, &zero);

	if (host)
		host->starts_known = 1;
	return !host;
}

static __always_inline int walk_alone(__u32 number)
{
	struct haproxy_walk *walk = haproxy_walk_at(number);

	if (walk)
		walk->is_alone = 1;
	return !walk;
}

/* Never attached; run by the loader, see command.h. What it returns depends on the command. */
SEC("raw_tp")
int command(struct command_args *args)
{
	struct policy policy = { .watch = args->argument & 0xff,
				 .family = args->argument >> 8 & 0xff,
				 .starts_known = args->argument >> 16 & 1 };

	if (args->command == COMMAND_SET_POLICY)
		return !policy_set(args->subject, &policy);
	if (args->command == COMMAND_CLEAR_POLICY) {
		policy_delete(args->subject);
		return 0;
	}
	if (args->command == COMMAND_STARTS_KNOWN)
		return set_starts_known();
	if (args->command == COMMAND_WALK_ALONE)
		return walk_alone(args->subject);
	return command_connection(args);
}
