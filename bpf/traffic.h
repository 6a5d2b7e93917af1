/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * Which connections are captured and how much of them, as the settings have it. Types and pure
 * functions, compiled for BPF, for the addon and for host tests.
 */
#ifndef SPANTAP_TRAFFIC_H
#define SPANTAP_TRAFFIC_H

#include "event.h"

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/* What a connection can be excluded by. A connection has several. */
enum traffic_class {
	CLASS_INGRESS = 1 << 0,
	CLASS_EGRESS_INTERNAL = 1 << 1,
	CLASS_EGRESS_EXTERNAL = 1 << 2,
	CLASS_LOOPBACK = 1 << 3,
	CLASS_SKIPPED = 1 << 7, /* not HTTP, or ignored by user space: always excluded */
};

/* A role and a direction as an index: ROLE_SERVER reads requests, ROLE_CLIENT writes them. */
#define TRAFFIC_SIDES 8

static __always_inline __u32 traffic_side(__u8 role, __u8 direction)
{
	return (role << 1 | (direction & 1)) & (TRAFFIC_SIDES - 1);
}

struct traffic {
	/* Copied after a direction turn: head limit + body limit. Unknown role: the largest. */
	__u32 copy_bytes_max[TRAFFIC_SIDES];
	__u8 excluded;		  /* enum traffic_class */
	__u8 reports_connections; /* those of other protocols are told about */
	__u8 _pad[2];
};

/* The other end of a connection. */
enum peer_flag {
	PEER_KNOWN = 1 << 0,
	PEER_INTERNAL = 1 << 1, /* private, loopback, link-local, unspecified, a Unix socket */
	PEER_LOOPBACK = 1 << 2, /* 127.0.0.0/8, ::1, a Unix socket */
};

#define PEER_UNIX (PEER_KNOWN | PEER_INTERNAL | PEER_LOOPBACK)

/* `address` in host order. RFC 1918, RFC 3927, RFC 6890 2.2.2. */
static __always_inline __u8 peer_of_ipv4(__u32 address)
{
	if (address >> 24 == 127)
		return PEER_KNOWN | PEER_INTERNAL | PEER_LOOPBACK;
	if (address >> 24 == 10 || address >> 20 == 0xac1 || address >> 16 == 0xc0a8 ||
	    address >> 16 == 0xa9fe || address == 0)
		return PEER_KNOWN | PEER_INTERNAL;
	return PEER_KNOWN;
}

/* Words in host order. RFC 4193, RFC 4291 2.5; an IPv4-mapped address counts as IPv4. */
static __always_inline __u8 peer_of_ipv6(__u32 word0, __u32 word1, __u32 word2, __u32 word3)
{
	if (word0 == 0 && word1 == 0 && word2 == 0xffff)
		return peer_of_ipv4(word3);
	if (word0 == 0 && word1 == 0 && word2 == 0 && word3 == 1)
		return PEER_KNOWN | PEER_INTERNAL | PEER_LOOPBACK;
	if (word0 >> 25 == 0xfc >> 1 || word0 >> 22 == 0xfe80 >> 6 ||
	    (word0 | word1 | word2 | word3) == 0)
		return PEER_KNOWN | PEER_INTERNAL;
	return PEER_KNOWN;
}

/* What a connection of this role and peer can be excluded by; an unknown role by neither side. */
static __always_inline __u8 traffic_classes(__u8 role, __u8 peer)
{
	__u8 classes = peer & PEER_LOOPBACK ? CLASS_LOOPBACK : 0;

	if (role == ROLE_SERVER)
		return classes | CLASS_INGRESS;
	if (role == ROLE_CLIENT)
		classes |= peer & PEER_INTERNAL ? CLASS_EGRESS_INTERNAL : CLASS_EGRESS_EXTERNAL;
	return classes;
}

SPANTAP_ASSERT_SIZE(traffic, 4 * TRAFFIC_SIDES + 4);

#endif
