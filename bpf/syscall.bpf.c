// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Bytes that watched processes move over sockets. One program at the exit of every system call:
 * number and arguments are still in pt_regs there, so no enter hook and no state between the two
 * is needed. close is the exception: at its exit the descriptor is free and may already be reused
 * by another thread, so it is taken at enter.
 *
 * The order of tests is the order of their price: system call number, result, process, socket.
 */
#include "arch.h"
#include "rare.h"
#include "command.h"
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* The calls that move nearly all bytes. */
static __always_inline int is_data_call(__u32 number)
{
	switch (number) {
	case NR_READ:
	case NR_WRITE:
	case NR_READV:
	case NR_WRITEV:
	case NR_SENDTO:
	case NR_RECVFROM:
	case NR_SENDMSG:
	case NR_RECVMSG:
		return 1;
	}
	return 0;
}

static __always_inline int is_rare_call(__u32 number)
{
	switch (number) {
	case NR_CONNECT:
	case NR_ACCEPT:
	case NR_ACCEPT4:
	case NR_EPOLL_CTL:
	case NR_SENDFILE:
	case NR_SPLICE:
	case NR_RECVMMSG:
	case NR_SENDMMSG:
		return 1;
	}
	return 0;
}

/* Errors that tell something about the connection; EAGAIN and the like do not. */
static __always_inline int is_wanted_error(long result)
{
	return result == -ECONNRESET || result == -EPIPE || result == -ETIMEDOUT ||
	       result == -EINPROGRESS;
}

static __always_inline void fill_call(struct scratch *s, struct pt_regs *regs, long result,
				      __u8 family)
{
	struct call *call = &s->call;

	call->buffer = SYSCALL_ARG1(regs);
	call->iov_count = 0;
	call->len_bytes = result < 0 ? 0 : result;
	call->wanted_bytes = SYSCALL_ARG2(regs);
	call->argument3 = SYSCALL_ARG3(regs);
	call->sp = USER_SP(regs);
	call->goroutine = family == FAMILY_GO ? go_current(regs) : 0;
	call->fd = SYSCALL_ARG0(regs);
	call->error = result < 0 ? -result : 0;
	call->flags = result < 0 ? DATA_ERROR : 0;
	call->direction = DIRECTION_READ;
	call->family = family;
}

/* recvmsg, sendmsg: the iovecs hang off a struct msghdr. Returns 0 when it cannot be read. */
static __always_inline int open_message(struct scratch *s)
{
	struct user_msghdr *header = &s->header;

	if (bpf_probe_read_user(header, sizeof(*header), (void *)s->call.buffer))
		return 0;
	s->call.buffer = header->iov;
	s->call.iov_count = header->iov_count;
	return 1;
}

/*
 * What the call's number says about its arguments. Returns 0 when it moved no bytes of the
 * stream: peeks, urgent data, reads of nothing into nothing.
 */
static __always_inline int is_stream_call(struct call *call, __u32 number)
{
	switch (number) {
	case NR_READ:
		return call->error || call->len_bytes || call->wanted_bytes;
	case NR_RECVFROM:
		/* TCP: these bytes were thrown away, the buffer holds none of them. */
		if (call->argument3 & MSG_TRUNC)
			call->flags |= DATA_NO_BUFFER;
		return !is_peek(call->argument3) &&
		       (call->error || call->len_bytes || call->wanted_bytes);
	case NR_READV:
		call->iov_count = call->wanted_bytes;
		return 1;
	case NR_RECVMSG:
		if (call->wanted_bytes & MSG_TRUNC)
			call->flags |= DATA_NO_BUFFER;
		return !is_peek(call->wanted_bytes);
	}
	call->direction = DIRECTION_WRITE;
	switch (number) {
	case NR_WRITEV:
		call->iov_count = call->wanted_bytes;
		return 1;
	case NR_SENDTO:
		return !(call->argument3 & MSG_OOB);
	case NR_SENDMSG:
		return !(call->wanted_bytes & MSG_OOB);
	}
	return 1;
}

static __always_inline void data_call(struct scratch *s, __u32 number, long result)
{
	struct call *call = &s->call;

	if (!is_stream_call(call, number))
		return;
	if ((number == NR_RECVMSG || number == NR_SENDMSG) && !open_message(s))
		return;
	if (!result && call->direction == DIRECTION_READ)
		call->flags |= DATA_EOF;
	if (!deliver_fast(s))
		deliver();
}

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *regs, long result)
{
	__u32 number = SYSCALL_NUMBER(regs);
	int is_data = is_data_call(number);

	if (!is_data && !is_rare_call(number))
		return 0;
	if (result < 0 && !is_wanted_error(result))
		return 0;
	struct policy policy = current_policy();

	if (!policy_is_watched(policy) || SYSCALL_IS_COMPAT(regs))
		return 0;
	struct scratch *s = scratch();

	if (!s)
		return 0;
	fill_call(s, regs, result, policy.family);
	if (is_data)
		data_call(s, number, result);
	else
		rare_call(number, result);
	return 0;
}

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
	struct file *file;
	__u64 inode;

	if (!policy_is_watched(current_policy()))
		return 0;
	if (!on_stream_fd(ctx->fd, &file, &inode) || !is_last_reference(file))
		return 0;
	struct connection *conn = connection_of(inode);

	if (!conn)
		return 0;
	connection_end(conn, inode);
	return 0;
}

struct command_args {
	__u64 command; /* enum command */
	__u64 subject;
	__u64 argument;
};

static __always_inline int command_connection(const struct command_args *args)
{
	__u64 inode = args->subject;
	struct connection *conn = connection_of(inode);

	if (args->command == COMMAND_FORGET) {
		int is_told = conn && conn->flags & CONNECTION_OPEN_SENT;

		if (conn)
			connection_end(conn, inode);
		return is_told;
	}
	if (args->command == COMMAND_END_SUSPECT) {
		if (conn && conn->is_suspect)
			connection_end(conn, inode);
		return 0;
	}
	if (!conn)
		conn = connection_insert(inode, ROLE_UNKNOWN);
	if (!conn)
		return 1;
	if (args->command == COMMAND_NGINX_CONNECTION)
		conn->program.nginx_connection = args->argument;
	else if (args->command == COMMAND_IGNORE)
		conn->state = STATE_SKIPPED;
	return 0;
}

/* Never attached; run by the loader, see command.h. What it returns depends on the command. */
SEC("raw_tp")
int command(struct command_args *args)
{
	struct policy policy = { .watch = args->argument & 0xffff, .family = args->argument >> 16 };

	if (args->command == COMMAND_SET_POLICY)
		return !policy_set(args->subject, &policy);
	if (args->command == COMMAND_CLEAR_POLICY) {
		policy_delete(args->subject);
		return 0;
	}
	return command_connection(args);
}
