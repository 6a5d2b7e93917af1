/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * Calls that are rare, or that move no bytes: connect, accept, sendfile, splice, recvmmsg,
 * sendmmsg. One global function, out of the way of the common ones.
 */
#ifndef SPANTAP_RARE_H
#define SPANTAP_RARE_H

#include "call.h"

/* Messages of one recvmmsg or sendmmsg. */
#define MESSAGES_MAX 8

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
	if (messages > MESSAGES_MAX)
		count(COUNTER_TRUNCATED_IOVEC);
}

/* sendfile, splice: the socket is on one side. */
static __always_inline void deliver_filler_of(struct call *call, __u32 fd, __u8 direction)
{
	call->fd = fd;
	if (fill_socket(call))
		deliver_filler(call, direction);
}

/* A function of its own for its stack: what rare_call() leads to is deep already. */
__noinline int connect_call(void)
{
	struct scratch *s = scratch();

	if (s && fill_socket(&s->call))
		on_connect(s);
	return 0;
}

/* Its arguments are in this CPU's scratch. */
__noinline int rare_call(__u32 number, __u64 result)
{
	struct scratch *s = scratch();

	if (!s)
		return 0;
	struct call *call = &s->call;

	switch (number) {
	case NR_CONNECT:
		connect_call();
		break;
	case NR_ACCEPT:
	case NR_ACCEPT4:
		call->fd = result;
		if (!call->error && fill_socket(call))
			connection_add(call, ROLE_SERVER);
		break;
	case NR_SENDFILE:
		deliver_filler_of(call, call->fd, DIRECTION_WRITE);
		break;
	case NR_SPLICE:
		deliver_filler_of(call, call->fd, DIRECTION_READ);
		deliver_filler_of(call, call->wanted_bytes, DIRECTION_WRITE);
		break;
	case NR_RECVMMSG:
	case NR_SENDMMSG:
		if (call->error || is_peek(call->argument3) || !fill_socket(call))
			break;
		call->direction = number == NR_SENDMMSG ? DIRECTION_WRITE : DIRECTION_READ;
		deliver_messages(s, call->buffer, result);
		break;
	}
	return 0;
}

#endif
