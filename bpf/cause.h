/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * exact.state: which ingress request caused an egress write, read from the state of the program
 * itself: one header for each family of programs. What the kernel stamps on the egress data
 * event is the ingress connection and how many bytes had been read and written on it when the
 * state was taken; user space picks the exchange and abstains when there is not exactly one.
 * State that fails its own check is never used, COUNTER_CAUSE_REFUSED tells.
 *
 * The maps of this state are LRU: a full one forgets its oldest entry, and no program is told of
 * that. What it costs is a link, which user space counts as unlinked. An update fails only when all
 * free entries are in other CPUs' hands at that moment or the bucket is locked by what this program
 * interrupted; that is what COUNTER_LOST_CAUSE counts.
 */
#ifndef SPANTAP_CAUSE_H
#define SPANTAP_CAUSE_H

#include "cause_go.h"
#include "cause_haproxy.h"
#include "cause_nginx.h"

/* Every read of bytes; `conn` is the connection they came from. */
static __always_inline void cause_read(struct scratch *s, struct connection *conn, int is_turn,
				       const __u8 *payload, __u32 copied)
{
	if (s->call.family == FAMILY_HAPROXY)
		haproxy_read(s, conn, is_turn, payload, copied);
	else if (s->call.family == FAMILY_GO)
		go_read(s, conn);
}

/* The first write after a turn, on a connection of which the process is the client. */
static __always_inline void cause_write(struct scratch *s, struct data_event *event,
					struct connection *conn)
{
	struct owner owner = {};
	__u8 flags = 0, cause = CAUSE_NONE;

	if (s->call.family == FAMILY_NGINX)
		cause = nginx_write(s, conn, &owner, &flags);
	else if (s->call.family == FAMILY_HAPROXY)
		cause = haproxy_write(s, conn, &owner, &flags);
	else if (s->call.family == FAMILY_GO)
		cause = go_write(s, conn, &owner, &flags);
	if (cause == CAUSE_NONE)
		return;
	if (owner.connection_id == OWNER_EXCLUDED) {
		owner.connection_id = 0;
		flags |= CAUSE_EXCLUDED;
	}
	event->cause = cause;
	event->cause_flags = flags;
	event->cause_connection_id = owner.connection_id;
	event->cause_read_position = owner.read_position;
	event->cause_write_position = owner.write_position;
	event->cause_token = owner.token;
	count(COUNTER_CAUSE_TAKEN);
}

/* Called with the data event filled in, its payload copied, and before it is sent. */
static __always_inline void cause_bytes(struct scratch *s, struct data_event *event,
					struct connection *conn, int is_turn, const __u8 *payload,
					__u32 copied)
{
	if (s->call.family == FAMILY_OTHER || !s->call.len_bytes)
		return;
	if (s->call.family == FAMILY_GO)
		event->goroutine = s->call.goroutine;
	if (s->call.direction == DIRECTION_READ)
		cause_read(s, conn, is_turn, payload, copied);
	else if (is_turn && conn->role == ROLE_CLIENT)
		cause_write(s, event, conn);
}

/*
 * Whether a call on a connection that is left out changes linking state: the program works on what
 * it has read, and its egress is not to be taken for another's.
 */
static __always_inline int cause_needs_left_out(const struct connection *conn, __u8 family,
						__u8 direction)
{
	if (direction != DIRECTION_READ)
		return 0;
	return family == FAMILY_HAPROXY ||
	       (family == FAMILY_GO && connection_is_excluded(conn) && conn->role == ROLE_SERVER);
}

/*
 * No event is made of the call. Of an excluded client nothing is looked at: each read may have
 * been a head. All other reads end what was known about this thread.
 */
static __always_inline void cause_left_out(struct scratch *s, struct connection *conn)
{
	int is_owner = connection_is_excluded(conn) && conn->role == ROLE_SERVER;

	if (!cause_needs_left_out(conn, s->call.family, s->call.direction) || !s->call.len_bytes)
		return;
	if (s->call.family == FAMILY_HAPROXY)
		haproxy_read_is(s->call.caller.tid, is_owner ? s->call.inode : 0);
	else
		go_read(s, conn);
}

/* Bytes were read that are not delivered: they end what was known about this thread. */
static __always_inline void cause_unseen(const struct scratch *s)
{
	if (s->call.family == FAMILY_HAPROXY && s->call.direction == DIRECTION_READ)
		haproxy_read_is(s->call.caller.tid, 0);
}

static __always_inline void cause_connect(const struct scratch *s, struct connection *conn)
{
	if (s->call.family == FAMILY_HAPROXY)
		haproxy_connect(&s->call, conn);
}

#endif
