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

#define NGX_LOG_DATA 0x28
#define NGX_LOG_CTX_REQUEST 0x08
#define NGX_U_PEER_CONNECTION 0x10
#define NGX_HTTP_SIGNATURE 0x50545448

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
	struct scratch *s = scratch();

	if (!s || (op != EPOLL_CTL_ADD && op != EPOLL_CTL_MOD))
		return;
	struct file *file = file_of_fd(fd);
	__u64 inode = socket_inode(file);

	if (!inode)
		return;
	__u64 address = user_u64(event + data_offset) & ~1ull;

	struct ngx_connection *c = &s->upstream;

	if (bpf_probe_read_user(c, sizeof(*c), (void *)address) || c->fd != (__s32)fd)
		return;
	struct connection *conn = connection_of(inode);

	if (!conn)
		conn = connection_add(file, inode, ROLE_UNKNOWN);
	if (conn)
		conn->program.nginx_connection = address;
}

/* The circle: the upstream of the request knows the connection that led to it. */
static __always_inline int nginx_is_circle(const struct ngx_request *r, __u64 c)
{
	return user_u64(r->upstream + NGX_U_PEER_CONNECTION) == c ||
	       user_u64(r->upstream_no_cache + NGX_U_PEER_CONNECTION) == c;
}

/* The main request behind client connection `c`, 0 when it does not look like one. */
static __always_inline __u64 nginx_main(const struct ngx_connection *c, __u64 r)
{
	__u64 context = user_u64(c->log + NGX_LOG_DATA);
	__u64 main = user_u64(context + NGX_LOG_CTX_REQUEST);

	return main == r || user_u32(main) == NGX_HTTP_SIGNATURE ? main : 0;
}

/* Names the client connection behind descriptor `fd`. */
static __always_inline void nginx_owner(__u32 fd, struct owner *owner, __u8 *flags)
{
	struct file *file = file_of_fd(fd);
	__u64 inode = socket_inode(file);
	struct connection *client = NULL;

	if (inode)
		client = connection_of(inode);
	if (!client && inode)
		client = connection_add(file, inode, ROLE_UNKNOWN);
	if (!client || client->role == ROLE_CLIENT) {
		*flags |= CAUSE_NO_INGRESS;
		return;
	}
	owner_of(owner, client, owner->token);
}

static __always_inline __u8 nginx_refuse(void)
{
	count(COUNTER_CAUSE_REFUSED);
	return CAUSE_NONE;
}

static __always_inline __u8 nginx_write(struct scratch *s, struct connection *conn,
					struct owner *owner, __u8 *flags)
{
	__u64 address = conn->program.nginx_connection;
	struct ngx_connection *c = &s->upstream, *client = &s->client;
	struct ngx_request *r = &s->request;

	if (!address)
		return CAUSE_NONE;
	if (bpf_probe_read_user(c, sizeof(*c), (void *)address) || c->fd != (__s32)s->call.fd)
		return nginx_refuse();
	if (bpf_probe_read_user(r, sizeof(*r), (void *)c->data) ||
	    r->signature != NGX_HTTP_SIGNATURE || !nginx_is_circle(r, address))
		return nginx_refuse();
	if (bpf_probe_read_user(client, sizeof(*client), (void *)r->connection))
		return nginx_refuse();
	__u64 main = nginx_main(client, c->data);

	if (!main)
		return nginx_refuse();
	owner->token = main;
	if (main != c->data)
		*flags |= CAUSE_SUBREQUEST;
	if (client->fd < 0)
		*flags |= CAUSE_NO_INGRESS;
	else
		nginx_owner(client->fd, owner, flags);
	return CAUSE_NGINX;
}

#endif
