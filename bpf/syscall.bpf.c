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
#include "connection.h"
#include "cause.h"
#include "command.h"
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* iovecs that go into one event, and events that one call can make. */
#define IOVECS_PER_CHUNK 128
#define CHUNKS_MAX 64
/* Bytes of what was not copied that come along: more than the end of a chunked body takes. */
#define TAIL_BYTES 16
/* Messages of one recvmmsg or sendmmsg. */
#define MESSAGES_MAX 8

static __always_inline int is_wanted_call(__u32 number)
{
	switch (number) {
	case NR_READ:
	case NR_WRITE:
	case NR_READV:
	case NR_WRITEV:
	case NR_SENDFILE:
	case NR_CONNECT:
	case NR_ACCEPT:
	case NR_SENDTO:
	case NR_RECVFROM:
	case NR_SENDMSG:
	case NR_RECVMSG:
	case NR_EPOLL_CTL:
	case NR_SPLICE:
	case NR_ACCEPT4:
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

/* Puts the data event and `copied` bytes of payload into the ring. */
static __always_inline int put_data(struct data_event *event, __u32 copied)
{
	__u32 size_bytes = (sizeof(*event) + copied + 7) & ~7u;

	if (size_bytes > sizeof(*event) + SPANTAP_CHUNK_BYTES)
		return 0;
	event->copied_bytes = copied;
	event->header.size_bytes = size_bytes;
	return ring_put(event, size_bytes);
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
	if (!(call->flags & DATA_NO_BUFFER) && conn->turn_copied_bytes < config.copy_bytes_max)
		cursor->quota = config.copy_bytes_max - conn->turn_copied_bytes;
	else if (!(call->flags & DATA_NO_BUFFER))
		cursor_to_tail(cursor);
}

static __always_inline void fill_data(struct scratch *s, const struct connection *conn,
				      __u64 position, int is_turn)
{
	struct data_event *event = &s->data;

	__builtin_memset(event, 0, sizeof(*event));
	fill_header(&event->header, EVENT_DATA, 0);
	event->connection_id = conn->id;
	event->position = position;
	event->turn = conn->turns;
	event->fd = s->call.fd;
	event->direction = s->call.direction;
	event->source = SOURCE_SOCKET;
	event->error = s->call.error;
	event->flags = s->call.flags | (is_turn ? DATA_TURN : 0);
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

/* The first chunk of a call: the common case, one buffer, without a call of gather(). */
static __always_inline void gather_first(struct scratch *s)
{
	struct cursor *cursor = &s->cursor;

	if (s->call.iov_count || cursor->is_tail) {
		gather();
		return;
	}
	__u32 take = min_bytes(cursor->quota, SPANTAP_CHUNK_BYTES);

	take = min_bytes(cursor->call_bytes, take);
	if (take > SPANTAP_CHUNK_BYTES)
		return;
	if (bpf_probe_read_user(s->payload, take, (void *)cursor->base)) {
		cursor->is_fault = 1;
		return;
	}
	cursor->base += take;
	cursor->base_bytes -= take;
	cursor->filled = take;
}

/* As many events as the turn's quota allows for this call's bytes. */
static __always_inline void deliver_bytes(struct scratch *s, struct connection *conn,
					  struct file *file, __u64 inode, int is_turn)
{
	struct call *call = &s->call;
	__u64 position = conn->position[call->direction & 1];

	/* No result: 5.10 knows no fetching atomics. Two threads writing to one socket at once
	 * have no order of their own to preserve. */
	__sync_fetch_and_add(&conn->position[call->direction & 1], call->len_bytes);
	if (conn->state == STATE_SNIFFING && !connection_is_sniffable(conn, is_turn))
		return;
	cursor_start(s, conn);
	gather_first(s);
	if (conn->state == STATE_SNIFFING &&
	    !connection_sniff(conn, s->payload, s->cursor.filled, call->direction))
		return;
	if (!connection_open(conn, file, inode, s, call->fd))
		return;
	fill_data(s, conn, position, is_turn);
	cause_bytes(s, conn, inode, is_turn);
	for (int i = 0; i < CHUNKS_MAX; i++) {
		if (put_chunk(s, conn, i < CHUNKS_MAX - 1))
			break;
		gather();
	}
}

/* Delivers the call in this CPU's scratch. */
static __always_inline void deliver_call(struct scratch *s)
{
	struct file *file = file_of_fd(s->call.fd);
	__u64 inode = socket_inode(file);
	int is_turn = 0;

	if (!inode)
		return;
	struct connection *conn = connection_of(inode);

	if (!conn)
		conn = connection_add(file, inode, ROLE_UNKNOWN);
	if (!conn || conn->state == STATE_SKIPPED) {
		cause_unseen(s);
		return;
	}
	if (s->call.len_bytes)
		is_turn = connection_turn(conn, s->call.direction);
	else if (!(conn->flags & CONNECTION_OPEN_SENT))
		return;
	deliver_bytes(s, conn, file, inode, is_turn);
}

/*
 * The same for rare calls, as a global function: the verifier checks it once, not once per
 * caller, and it takes its argument from the scratch because 5.10 allows only numbers.
 */
__noinline int deliver(void)
{
	struct scratch *s = scratch();

	if (s)
		deliver_call(s);
	return 0;
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
 * recvmmsg, sendmmsg: `messages` of them were moved, each with its own length. Nobody sends HTTP
 * this way; what is beyond the bound is missing from the positions, and counted.
 */
static __always_inline void deliver_messages(struct scratch *s, __u64 address, __u64 messages)
{
	struct user_mmsghdr *message = &s->message;

	for (__u32 i = 0; i < MESSAGES_MAX; i++) {
		if (i >= messages)
			return;
		if (bpf_probe_read_user(message, sizeof(*message), (void *)address))
			return;
		s->call.buffer = message->header.iov;
		s->call.iov_count = message->header.iov_count;
		s->call.len_bytes = message->len_bytes;
		deliver();
		address += sizeof(*message);
	}
	count(COUNTER_TRUNCATED_IOVEC);
}

/* sendfile, splice: bytes without a user buffer; the socket is on one side. */
static __always_inline void deliver_filler(struct call *call, __u32 fd, __u8 direction)
{
	call->fd = fd;
	call->direction = direction;
	call->flags |= DATA_NO_BUFFER;
	deliver();
}

static __always_inline void on_accept(struct file *file, __u64 inode)
{
	connection_add(file, inode, ROLE_SERVER);
}

/*
 * A second connect on a socket that waits for the first one changes nothing; on one that has
 * carried bytes it is a new connection.
 */
static __always_inline void on_connect(struct scratch *s, struct file *file, __u64 inode)
{
	struct connection *conn = connection_of(inode);

	if (!conn) {
		conn = connection_add(file, inode, ROLE_CLIENT);
	} else if (conn->turns || !(conn->flags & CONNECTION_START_SEEN)) {
		connection_close(conn);
		connection_reset(conn, s, ROLE_CLIENT);
	}
	if (conn)
		cause_connect(s, conn);
}

static __always_inline int on_stream_fd(__u32 fd, struct file **file, __u64 *inode)
{
	*file = file_of_fd(fd);
	*inode = socket_inode(*file);
	return *inode != 0;
}

/* True when the call does not consume bytes of the stream. */
static __always_inline int is_peek(__u64 flags)
{
	return (flags & (MSG_PEEK | MSG_OOB | MSG_ERRQUEUE)) != 0;
}

static __always_inline int on_sys_exit(struct pt_regs *regs, __u32 number, long result, __u8 family)
{
	struct scratch *s = scratch();
	struct file *file;
	__u64 inode;

	if (!s)
		return 0;
	struct call *call = &s->call;

	__builtin_memset(call, 0, sizeof(*call));
	call->family = family;
	call->fd = SYSCALL_ARG0(regs);
	call->buffer = SYSCALL_ARG1(regs);
	call->wanted_bytes = SYSCALL_ARG2(regs);
	call->sp = USER_SP(regs);
	if (family == FAMILY_GO)
		call->goroutine = go_current(regs);
	if (result < 0) {
		call->error = -result;
		call->flags = DATA_ERROR;
	} else {
		call->len_bytes = result;
	}
	switch (number) {
	case NR_CONNECT:
		if (on_stream_fd(call->fd, &file, &inode))
			on_connect(s, file, inode);
		return 0;
	case NR_ACCEPT:
	case NR_ACCEPT4:
		if (result >= 0 && on_stream_fd(result, &file, &inode))
			on_accept(file, inode);
		return 0;
	case NR_EPOLL_CTL:
		if (family == FAMILY_NGINX)
			nginx_epoll_ctl(SYSCALL_ARG1(regs), SYSCALL_ARG2(regs), SYSCALL_ARG3(regs));
		return 0;
	case NR_SENDFILE:
		deliver_filler(call, call->fd, DIRECTION_WRITE);
		return 0;
	case NR_SPLICE:
		deliver_filler(call, call->fd, DIRECTION_READ);
		deliver_filler(call, SYSCALL_ARG2(regs), DIRECTION_WRITE);
		return 0;
	case NR_RECVMMSG:
	case NR_SENDMMSG:
		if (result <= 0 || is_peek(SYSCALL_ARG3(regs)))
			return 0;
		call->direction = number == NR_SENDMMSG ? DIRECTION_WRITE : DIRECTION_READ;
		deliver_messages(s, call->buffer, result);
		return 0;
	case NR_READ:
		if (!result && !SYSCALL_ARG2(regs))
			return 0;
		break;
	case NR_RECVFROM:
		if (is_peek(SYSCALL_ARG3(regs)) || (!result && !SYSCALL_ARG2(regs)))
			return 0;
		/* TCP: these bytes were thrown away, the buffer holds none of them. */
		if (SYSCALL_ARG3(regs) & MSG_TRUNC)
			call->flags |= DATA_NO_BUFFER;
		break;
	case NR_READV:
		call->iov_count = SYSCALL_ARG2(regs);
		break;
	case NR_RECVMSG:
		if (is_peek(SYSCALL_ARG2(regs)))
			return 0;
		if (SYSCALL_ARG2(regs) & MSG_TRUNC)
			call->flags |= DATA_NO_BUFFER;
		break;
	case NR_WRITEV:
		call->iov_count = SYSCALL_ARG2(regs);
		call->direction = DIRECTION_WRITE;
		break;
	case NR_SENDTO:
		if (SYSCALL_ARG3(regs) & MSG_OOB)
			return 0;
		call->direction = DIRECTION_WRITE;
		break;
	case NR_SENDMSG:
		if (SYSCALL_ARG2(regs) & MSG_OOB)
			return 0;
		call->direction = DIRECTION_WRITE;
		break;
	default:
		call->direction = DIRECTION_WRITE;
		break;
	}
	if (call->direction == DIRECTION_READ && !result)
		call->flags |= DATA_EOF;
	if ((number == NR_RECVMSG || number == NR_SENDMSG) && !open_message(s))
		return 0;
	deliver_call(s);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *regs, long result)
{
	__u32 number = SYSCALL_NUMBER(regs);

	if (!is_wanted_call(number))
		return 0;
	if (result < 0 && !is_wanted_error(result))
		return 0;
	struct policy policy = current_policy();

	if (!policy_is_watched(policy) || SYSCALL_IS_COMPAT(regs))
		return 0;
	return on_sys_exit(regs, number, result, policy.family);
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
	connection_close(conn);
	connection_forget(inode);
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
		connection_forget(inode);
		return 0;
	}
	if (args->command == COMMAND_END_SUSPECT) {
		if (!conn || !conn->is_suspect)
			return 0;
		connection_close(conn);
		connection_forget(inode);
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

/* Never attached; run by the loader, see command.h. Returns 0, or 1 when a map is full. */
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
