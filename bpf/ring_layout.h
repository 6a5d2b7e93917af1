/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * The ring of one CPU, as the kernel side writes it (ring.h) and user space reads it
 * (native/rings.c). Compiled for both with -Wpadded.
 *
 * Records lie one behind the other from `bytes` on. A record never wraps: one that begins before
 * the ring's end may run past it, into the slack, and the next one begins at 0 again. So what is
 * taken (produced - consumed) counts the bytes of records and nothing else, and as long as it
 * stays within the ring's size no record overlaps another.
 */
#ifndef SPANTAP_RING_LAYOUT_H
#define SPANTAP_RING_LAYOUT_H

#include "event.h"

struct ring {
	/* Written by programs of this CPU. */
	__u64 produced; /* bytes of records so far: stored last, makes the record visible */
	__u64 records;	/* how many those are */
	__u64 offset;	/* in `bytes`, of the next record */
	__u64 _kernel[5];
	/* Written by user space, in a cache line of its own. */
	__u64 consumed; /* of `produced`: what lies before is free */
	__u64 _user[7];
	__u8 bytes[]; /* the ring, then its slack */
};

/* The largest record. */
#define RING_RECORD_BYTES_MAX (sizeof(struct data_event) + SPANTAP_CHUNK_BYTES)

/*
 * Behind the ring's end. A record needs RING_RECORD_BYTES_MAX of it; the second chunk is what the
 * verifier thinks a program could write, which knows the bounds of two numbers but not those of
 * their sum. Rounded up to whole cache lines.
 */
#define RING_SLACK_BYTES ((sizeof(struct data_event) + 2 * SPANTAP_CHUNK_BYTES + 63) & ~63ul)

/* The ring of records that softirqs write, of the kernel's own kind. */
#define RING_INTERRUPT_BYTES (256 * 1024)

SPANTAP_ASSERT_SIZE(ring, 128);

#endif
