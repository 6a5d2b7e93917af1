/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * What the loader decides and the programs go by, beside which traffic is captured (traffic.h).
 * Shared with the addon; src/native/binding.ts has the same numbers.
 */
#ifndef SPANTAP_SETTINGS_H
#define SPANTAP_SETTINGS_H

#ifndef __bpf__
#include <linux/types.h>
#endif

/* Set before load; constant for the verifier, so unused branches disappear. */
struct config {
	__u32 watch_all;	/* processes without a policy are watched */
	__u32 connection_slots; /* entries of conn_slots, a power of two */
	__u32 ring_bytes;	/* of each CPU's ring, without its slack */
};

/* Whether a process is wanted. */
enum policy_watch {
	WATCH_DEFAULT = 0, /* as config.watch_all says */
	WATCH_YES = 1,
	WATCH_NO = 2,
};

/* Which program it runs, as far as its state is read for links. */
enum policy_family {
	FAMILY_OTHER = 0,
	FAMILY_NGINX = 1,
	FAMILY_HAPROXY = 2,
	FAMILY_GO = 3,
};

#endif
