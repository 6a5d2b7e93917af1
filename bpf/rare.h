/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * Calls that are rare, or that move no bytes: connect, accept, epoll_ctl, sendfile, splice,
 * recvmmsg, sendmmsg. One global function, out of the way of the common ones.
 */
#ifndef SPANTAP_RARE_H
#define SPANTAP_RARE_H

#include "deliver.h"

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

/* Its arguments are in this CPU's scratch. */
__noinline int rare_call(__u32 number, __u64 result)
{
	struct scratch *s = scratch();
	struct file *file;
	__u64 inode;

	if (!s)
		return 0;
	struct call *call = &s->call;

	switch (number) {
	case NR_CONNECT:
		if (on_stream_fd(call->fd, &file, &inode))
			on_connect(s, file, inode);
		break;
	case NR_ACCEPT:
	case NR_ACCEPT4:
		if (!call->error && on_stream_fd(result, &file, &inode))
			connection_add(file, inode, ROLE_SERVER);
		break;
	case NR_EPOLL_CTL:
		if (call->family == FAMILY_NGINX)
			nginx_epoll_ctl(call->buffer, call->wanted_bytes, call->argument3);
		break;
	case NR_SENDFILE:
		deliver_filler(call, call->fd, DIRECTION_WRITE);
		break;
	case NR_SPLICE:
		deliver_filler(call, call->fd, DIRECTION_READ);
		deliver_filler(call, call->wanted_bytes, DIRECTION_WRITE);
		break;
	case NR_RECVMMSG:
	case NR_SENDMMSG:
		if (call->error || is_peek(call->argument3))
			break;
		call->direction = number == NR_SENDMMSG ? DIRECTION_WRITE : DIRECTION_READ;
		deliver_messages(s, call->buffer, result);
		break;
	}
	return 0;
}

#endif
