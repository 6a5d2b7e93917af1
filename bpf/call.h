/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * A system call that moves bytes, as its number and arguments tell: what the two ways to see it
 * (syscall.bpf.c, socket.bpf.c) share.
 */
#ifndef SPANTAP_CALL_H
#define SPANTAP_CALL_H

#include "deliver.h"

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

static __always_inline __u8 direction_of(__u32 number)
{
	return number == NR_READ || number == NR_READV || number == NR_RECVFROM ||
			       number == NR_RECVMSG
		       ? DIRECTION_READ
		       : DIRECTION_WRITE;
}

/* True when the call does not consume bytes of the stream. */
static __always_inline int is_peek(__u64 flags)
{
	return (flags & (MSG_PEEK | MSG_OOB | MSG_ERRQUEUE)) != 0;
}

/* Errors that tell something about the connection; EAGAIN and the like do not. */
static __always_inline int is_wanted_error(long result)
{
	return result == -ECONNRESET || result == -EPIPE || result == -ETIMEDOUT ||
	       result == -EINPROGRESS;
}

static __always_inline void fill_call(struct scratch *s, struct pt_regs *regs, long result,
				      struct policy policy, struct caller caller,
				      enum call_hook hook)
{
	struct call *call = &s->call;

	call->buffer = SYSCALL_ARG1(regs);
	call->iov_count = 0;
	call->len_bytes = result < 0 ? 0 : result;
	call->wanted_bytes = SYSCALL_ARG2(regs);
	call->argument3 = SYSCALL_ARG3(regs);
	call->sp = USER_SP(regs);
	call->goroutine = policy.family == FAMILY_GO ? go_current(regs) : 0;
	call->time_ns = 0;
	call->fd = SYSCALL_ARG0(regs);
	call->error = result < 0 ? -result : 0;
	call->flags = result < 0 ? DATA_ERROR : 0;
	call->direction = DIRECTION_READ;
	call->caller = caller;
	call->family = policy.family;
	call->starts_known = policy.starts_known;
	call->hook = hook;
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

/*
 * A call on a connection that is left out. Nearly always nothing is left to do: no user memory is
 * read. `unseen_bytes` went before the call's own.
 */
static __always_inline void call_left_out(struct scratch *s, struct connection *conn,
					  struct pt_regs *regs, long result, __u8 direction,
					  struct policy policy, struct caller caller,
					  enum call_hook hook, __u64 unseen_bytes)
{
	int is_done = connection_is_excluded(conn) ? conn->flags & CONNECTION_WITHDRAWN
						   : !(conn->flags & CONNECTION_COUNTED);
	__u32 number = SYSCALL_NUMBER(regs);

	if (is_done && !cause_needs_left_out(conn, policy.family, direction))
		return;
	fill_call(s, regs, result, policy, caller, hook);
	if (is_data_call(number) && !is_stream_call(&s->call, number))
		return;
	s->call.direction = direction;
	s->call.len_bytes += unseen_bytes;
	leave_out(s, conn);
}

/* A call of is_data_call() on a socket; `conn` is NULL when that is not known. */
static __always_inline void data_call(struct scratch *s, struct connection *conn, __u32 number,
				      long result)
{
	struct call *call = &s->call;

	if ((number == NR_RECVMSG || number == NR_SENDMSG) && !open_message(s))
		return;
	if (!result && call->direction == DIRECTION_READ)
		call->flags |= DATA_EOF;
	if (!deliver_fast(s, conn))
		deliver();
}

/* Bytes whose buffer is not known: sendfile, splice, io_uring. */
static __always_inline void deliver_filler(struct call *call, __u8 direction)
{
	call->direction = direction;
	call->flags |= DATA_NO_BUFFER;
	deliver();
}

/*
 * A second connect on a socket that waits for the first one changes nothing; on one that has
 * carried bytes it is a new connection.
 */
static __always_inline void on_connect(struct scratch *s)
{
	struct connection *conn = connection_of(s->call.inode);

	if (!conn) {
		conn = connection_add(&s->call, ROLE_CLIENT);
	} else if (conn->turns || !(conn->flags & CONNECTION_START_SEEN)) {
		connection_close(conn, s->call.caller, 0);
		conn->peer = 0;
		connection_reset(conn, s, ROLE_CLIENT);
		connection_know_peer(conn, stream_sock((struct file *)s->call.file));
	}
	if (conn)
		cause_connect(s, conn);
}

#endif
