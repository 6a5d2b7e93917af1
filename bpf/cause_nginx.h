/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * nginx, without any probe in it. Its event loop hands each socket's ngx_connection_t `c` to the
 * kernel as epoll_event.data (bit 0 is the event's generation), where it is found again: file ->
 * its epoll entries -> data. When a request head is written upstream, the structures lead back to
 * the client:
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
#include "user_memory.h"

#define NGX_LOG_DATA 0x28
#define NGX_LOG_CTX_REQUEST 0x08
#define NGX_U_PEER_CONNECTION 0x10
#define NGX_HTTP_SIGNATURE 0x50545448

/* Descriptors in epoll sets that are looked at for one socket; nginx has each in one set. */
#define NGX_EPOLL_SETS_MAX 4

/* The first descriptor of the file that is in an epoll set: its link in the file's list. */
static __always_inline void *epoll_first(struct file *file)
{
	struct file___5_10 *older = (void *)file;

	if (bpf_core_field_exists(older->f_ep_links))
		return BPF_CORE_READ(older, f_ep_links.next);
	return BPF_CORE_READ(file, f_ep, first);
}

/* What the process gave to epoll_ctl beside the descriptor, and the link to the next one. */
static __always_inline __u64 epoll_data(void **link, struct file *file)
{
	__u64 data;

	if (bpf_core_field_exists(((struct file___5_10 *)file)->f_ep_links)) {
		struct epitem___5_10 *item =
			*link - bpf_core_field_offset(struct epitem___5_10, fllink);

		data = BPF_CORE_READ(item, event.data);
		*link = BPF_CORE_READ(item, fllink.next);
	} else {
		struct epitem *item = *link - bpf_core_field_offset(struct epitem, fllink);

		data = BPF_CORE_READ(item, event.data);
		*link = BPF_CORE_READ(item, fllink.next);
	}
	return data;
}

/* Reads the ngx_connection_t at `address`; returns 1 when it is the one of descriptor `fd`. */
static __always_inline int nginx_connection_at(struct ngx_connection *c, __u64 address, __u32 fd)
{
	return address && !bpf_probe_read_user(c, sizeof(*c), (void *)address) &&
	       c->fd == (__s32)fd;
}

/* Finds the ngx_connection_t of the call's socket; returns its address, 0 unknown. */
static __always_inline __u64 nginx_find(const struct call *call, struct ngx_connection *c)
{
	struct file *file = (struct file *)call->file;
	void *link = epoll_first(file);

	for (int i = 0; i < NGX_EPOLL_SETS_MAX; i++) {
		if (!link)
			return 0;
		__u64 address = epoll_data(&link, file) & ~1ull;

		if (nginx_connection_at(c, address, call->fd))
			return address;
	}
	return 0;
}

/* The circle: the upstream of the request knows the connection that led to it. */
static __always_inline int nginx_is_circle(const struct ngx_request *r, __u64 c)
{
	return user_u64(r->upstream + NGX_U_PEER_CONNECTION) == c ||
	       user_u64(r->upstream_no_cache + NGX_U_PEER_CONNECTION) == c;
}

/*
 * log->data->request. The context is allocated soon after the log, from the same pool: one read
 * gets both.
 */
static __always_inline __u64 nginx_context_request(struct ngx_log *log, __u64 address)
{
	if (bpf_probe_read_user(log, sizeof(*log), (void *)address))
		return user_u64(user_u64(address + NGX_LOG_DATA) + NGX_LOG_CTX_REQUEST);
	__u64 distance = log->data + NGX_LOG_CTX_REQUEST - address;

	if (distance & 7 || distance >= sizeof(*log))
		return user_u64(log->data + NGX_LOG_CTX_REQUEST);
	barrier_var(distance);
	return ((const __u64 *)log)[distance / 8 & (sizeof(*log) / 8 - 1)];
}

/* The main request behind client connection `c`, 0 when it does not look like one. */
static __always_inline __u64 nginx_main(struct ngx_log *log, const struct ngx_connection *c,
					__u64 r)
{
	__u64 main = nginx_context_request(log, c->log);

	return main == r || user_u32(main) == NGX_HTTP_SIGNATURE ? main : 0;
}

/* Names the client connection behind descriptor `fd`. */
static __always_inline void nginx_owner(const struct call *call, __u32 fd, struct owner *owner,
					__u8 *flags)
{
	struct file *file = file_of_any_fd(fd);
	__u64 inode = socket_inode(file);
	struct connection *client = connection_meet(file, inode, call->starts_known);

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

	if (!nginx_connection_at(c, address, s->call.fd)) {
		address = nginx_find(&s->call, c);
		conn->program.nginx_connection = address;
	}
	if (!address)
		return nginx_refuse();
	if (bpf_probe_read_user(r, sizeof(*r), (void *)c->data) ||
	    r->signature != NGX_HTTP_SIGNATURE || !nginx_is_circle(r, address))
		return nginx_refuse();
	if (bpf_probe_read_user(client, sizeof(*client), (void *)r->connection))
		return nginx_refuse();
	__u64 main = nginx_main(&s->log, client, c->data);

	if (!main)
		return nginx_refuse();
	owner->token = main;
	if (main != c->data)
		*flags |= CAUSE_SUBREQUEST;
	if (client->fd < 0)
		*flags |= CAUSE_NO_INGRESS;
	else
		nginx_owner(&s->call, client->fd, owner, flags);
	return CAUSE_NGINX;
}

#endif
