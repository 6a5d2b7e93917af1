/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * Words of the current task's own memory; 0 when they cannot be read.
 */
#ifndef SPANTAP_USER_MEMORY_H
#define SPANTAP_USER_MEMORY_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

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

#endif
