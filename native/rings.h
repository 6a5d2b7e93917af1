/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * The reading end of the rings (bpf/ring_layout.h): one for each CPU in memory that the kernel
 * writes, and one queue for the records that come from softirqs. Knows neither BPF nor Node.
 */
#ifndef SPANTAP_RINGS_H
#define SPANTAP_RINGS_H

#include <stddef.h>
#include <stdint.h>

#include "../bpf/ring_layout.h"

/* Moves what waits into `bytes`, whole records; returns their bytes or -errno. */
typedef int64_t (*rings_refill)(void *context, uint8_t *bytes, size_t bytes_max);

struct rings_options {
	uint8_t *memory; /* ring 0; the others follow at equal distances */
	size_t stride_bytes;
	size_t ring_bytes; /* without slack; a multiple of 8 */
	uint32_t count;
	rings_refill refill; /* NULL: no queue */
	void *context;
};

struct rings;

/* NULL without memory. */
struct rings *rings_new(const struct rings_options *options);
void rings_free(struct rings *rings);

/*
 * Copies whole records, merged by their time, while the largest one still fits and their time is
 * not beyond `until_ns`. Returns the bytes written; -EINVAL when not even the largest record
 * would fit, -EBADMSG when a ring holds what no program writes.
 */
int64_t rings_drain(struct rings *rings, uint8_t *bytes, size_t bytes_max, uint64_t until_ns);

/* Records in the rings so far, those of the queue not among them. */
uint64_t rings_records(const struct rings *rings);

#endif
