/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * Records on their way to user space. Each CPU has a ring of its own in memory that user space
 * has mapped, so a record is written where it is read: no lock, no second copy, no helper call.
 * One store makes it visible; until then a program may give it up by doing nothing.
 *
 *   ring_place()            room for a record, NULL when the ring is full
 *   ... write there ...
 *   ring_commit()           it is visible
 *   ring_put()              both, for a record that lies elsewhere
 *   ring_put_interrupt()    the same from a softirq, which may have come upon any of the above
 */
#ifndef SPANTAP_RING_H
#define SPANTAP_RING_H

#include "maps.h"
#include "ring_layout.h"

/*
 * key: number of the CPU; value: struct ring. Written by programs in process context with
 * preemption off, which do not nest. The agent drains on a timer, nobody is woken. Size:
 * limits.ringBytes, shared out among the possible CPUs, and RING_SLACK_BYTES each. Full: the
 * record is lost, COUNTER_LOST_RING_FULL.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* both set by the loader */
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct ring) + RING_SLACK_BYTES);
} rings SEC(".maps");

/*
 * Records of programs that run in softirqs: ends of connections, few and small, so the price of a
 * ring with a lock does not matter, and its lock holds in every context. Taken by user space when
 * it drains. Size: some thousand ends between two drains. Full: as above.
 */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_INTERRUPT_BYTES);
} ring_interrupt SEC(".maps");

static __always_inline struct ring *ring_of_cpu(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&rings, &cpu);
}

/* Where a record of this size may be written; NULL when there is no room. Counts nothing. */
static __always_inline void *ring_place(struct ring *ring, __u64 size_bytes)
{
	volatile struct ring *shared = ring;
	__u64 offset = ring->offset;

	if (ring->produced + size_bytes - shared->consumed > config.ring_bytes)
		return NULL;
	/* Never; the verifier does not know, and is to see the test before the addition. */
	if (offset >= config.ring_bytes)
		return NULL;
	barrier_var(offset);
	return ring->bytes + offset;
}

/* Makes the record visible that was written at ring_place(). */
static __always_inline void ring_commit(struct ring *ring, __u64 size_bytes)
{
	__u64 offset = ring->offset + size_bytes;

	ring->offset = offset < config.ring_bytes ? offset : 0;
	ring->records++;
#if defined(__TARGET_ARCH_x86)
	/* Stores become visible in their order. */
	barrier();
	*(volatile __u64 *)&ring->produced += size_bytes;
#else
	/* The fetching form is a full barrier; arm64 has it since 5.18 (1902472b4fa9). */
	volatile __u64 before = __sync_fetch_and_add(&ring->produced, size_bytes);

	(void)before;
#endif
}

/* Returns 1 when the record was copied; a constant size needs no helper. */
static __always_inline int ring_copy(void *place, const void *record, __u64 size_bytes)
{
	if (__builtin_constant_p(size_bytes)) {
		__builtin_memcpy(place, record, size_bytes);
		return 1;
	}
	/* Never too large; older verifiers lose bounds on a register's way over the stack. */
	barrier_var(size_bytes);
	return size_bytes <= RING_RECORD_BYTES_MAX &&
	       !bpf_probe_read_kernel(place, size_bytes, record);
}

/* Returns 1 when the record is in the ring; a full ring is counted here. */
static __always_inline int ring_put(const void *record, __u64 size_bytes)
{
	struct ring *ring = ring_of_cpu();
	void *place = ring ? ring_place(ring, size_bytes) : NULL;

	if (!place || !ring_copy(place, record, size_bytes)) {
		count(COUNTER_LOST_RING_FULL);
		return 0;
	}
	ring_commit(ring, size_bytes);
	return 1;
}

/* ring_put() for programs that may run in a softirq. */
static __always_inline int ring_put_interrupt(void *record, __u64 size_bytes)
{
	if (bpf_ringbuf_output(&ring_interrupt, record, size_bytes, BPF_RB_NO_WAKEUP)) {
		count(COUNTER_LOST_RING_FULL);
		return 0;
	}
	count(COUNTER_EVENTS);
	return 1;
}

#endif
