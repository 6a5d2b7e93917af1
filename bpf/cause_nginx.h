/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * nginx, without any probe in it. Its event loop hands each socket's ngx_connection_t `c` to the
 * kernel as epoll_event.data (bit 0 is the event's generation), so the address is known for every
 * socket. When a request head is written upstream, the structures lead back to the client:
 *
 *   c->data = r (ngx_http_request_t, "HTTP")      r->upstream = u
 *   u->peer.connection == c                       closes the circle: the self-check
 *   r->connection = c2, c2->fd                    the client's socket
 *   c2->log->data->request                        the main request: r itself, or r is a subrequest
 *
 * It is stateless: retries, requests delayed by timers or DNS, and reused connections are right.
 * Offsets are those of every release from 1.10 to 1.31; src/event/ngx_connection.h,
 * src/http/ngx_http_request.h, ngx_http_upstream.h.
 */
#ifndef SPANTAP_CAUSE_NGINX_H
#define SPANTAP_CAUSE_NGINX_H

#include "connection.h"

#define NGX_C_DATA 0x00
#define NGX_C_FD 0x18
#define NGX_C_LOG 0x50
#define NGX_LOG_DATA 0x28
#define NGX_LOG_CTX_REQUEST 0x08
#define NGX_R_CONNECTION 0x08
#define NGX_R_UPSTREAM 0x48
#define NGX_R_UPSTREAM_NO_CACHE 0x40 /* built without --with-http-cache */
#define NGX_U_PEER_CONNECTION 0x10
#define NGX_HTTP_SIGNATURE 0x50545448 /* "HTTP" */

static __always_inline __u64 user_u64(__u64 address)
{
	__u64 value = 0;

	bpf_probe_read_user(&value, sizeof(value), (void *)address);
	return value;
}

static __always_inline __u32 user_u32(__u64 address)
{
	__u32 value = 0;

	bpf_probe_read_user(&value, sizeof(value), (void *)address);
	return value;
}

/* epoll_ctl(epfd, op, fd, event) of nginx has succeeded. */
static __always_inline void nginx_epoll_ctl(__u64 op, __u32 fd, __u64 event)
{
	/* struct epoll_event is packed on x86-64 only. */
#if defined(__TARGET_ARCH_x86)
	const __u64 data_offset = 4;
#else
	const __u64 data_offset = 8;
#endif
	if (op != EPOLL_CTL_ADD && op != EPOLL_CTL_MOD)
		return;
	struct file *file = file_of_fd(fd);
	__u64 inode = socket_inode(file);

	if (!inode)
		return;
	__u64 address = user_u64(event + data_offset) & ~1ull;

	if (user_u32(address + NGX_C_FD) != fd)
		return;
	struct connection *conn = bpf_map_lookup_elem(&conn_by_inode, &inode);

	if (!conn)
		conn = connection_add(file, inode, ROLE_UNKNOWN);
	if (conn)
		conn->program.nginx_connection = address;
}

/* The request that writes on upstream connection `c`; 0 when the circle does not close. */
static __always_inline __u64 nginx_request(__u64 c, __u32 fd)
{
	__u64 r = user_u64(c + NGX_C_DATA);

	if (user_u32(c + NGX_C_FD) != fd || user_u32(r) != NGX_HTTP_SIGNATURE)
		return 0;
	if (user_u64(user_u64(r + NGX_R_UPSTREAM) + NGX_U_PEER_CONNECTION) == c)
		return r;
	if (user_u64(user_u64(r + NGX_R_UPSTREAM_NO_CACHE) + NGX_U_PEER_CONNECTION) == c)
		return r;
	return 0;
}

/* Names the client connection behind descriptor `fd`. */
static __always_inline void nginx_owner(__u32 fd, struct owner *owner, __u8 *flags)
{
	struct file *file = file_of_fd(fd);
	__u64 inode = socket_inode(file);
	struct connection *client = NULL;

	if (inode)
		client = bpf_map_lookup_elem(&conn_by_inode, &inode);
	if (!client && inode)
		client = connection_add(file, inode, ROLE_UNKNOWN);
	if (!client || client->role == ROLE_CLIENT) {
		*flags |= CAUSE_NO_INGRESS;
		return;
	}
	owner_of(owner, client, owner->token);
}

static __always_inline __u8 nginx_write(struct scratch *s, struct connection *conn,
					struct owner *owner, __u8 *flags)
{
	__u64 c = conn->program.nginx_connection;

	if (!c)
		return CAUSE_NONE;
	__u64 r = nginx_request(c, s->call.fd);

	if (!r) {
		count(COUNTER_CAUSE_REFUSED);
		return CAUSE_NONE;
	}
	__u64 client = user_u64(r + NGX_R_CONNECTION);
	__s32 fd = user_u32(client + NGX_C_FD);
	__u64 context = user_u64(user_u64(client + NGX_C_LOG) + NGX_LOG_DATA);
	__u64 main = user_u64(context + NGX_LOG_CTX_REQUEST);

	if (user_u32(main) != NGX_HTTP_SIGNATURE) {
		count(COUNTER_CAUSE_REFUSED);
		return CAUSE_NONE;
	}
	owner->token = main;
	if (main != r)
		*flags |= CAUSE_SUBREQUEST;
	if (fd < 0)
		*flags |= CAUSE_NO_INGRESS;
	else
		nginx_owner(fd, owner, flags);
	return CAUSE_NGINX;
}

#endif
