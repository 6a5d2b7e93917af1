// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * native/rings.c over memory that this program writes as bpf/ring.h does: records of every size
 * through rings that they run out of, order, room, and what no program writes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../native/rings.h"

#define RINGS 3
#define RING_BYTES 40960
#define STRIDE (sizeof(struct ring) + RING_BYTES + RING_SLACK_BYTES)
#define BATCH_BYTES 60000

static unsigned long checks, failures;

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		checks++;                                                                          \
		if (!(condition)) {                                                                \
			failures++;                                                                \
			printf("line %d: %s\n", __LINE__, #condition);                             \
		}                                                                                  \
	} while (0)

static uint8_t *memory;
static uint8_t batch[BATCH_BYTES];
static uint8_t queued[RING_INTERRUPT_BYTES];
static size_t queued_bytes;

static struct ring *ring_at(unsigned index)
{
	return (struct ring *)(memory + index * STRIDE);
}

static int64_t refill(void *context, uint8_t *bytes, size_t bytes_max)
{
	int64_t moved = (int64_t)queued_bytes;

	(void)context;
	CHECK(queued_bytes <= bytes_max);
	memcpy(bytes, queued, queued_bytes);
	queued_bytes = 0;
	return moved;
}

static struct rings *start(void)
{
	struct rings_options options = {
		.stride_bytes = STRIDE, .ring_bytes = RING_BYTES, .count = RINGS, .refill = refill
	};

	free(memory);
	memory = calloc(RINGS, STRIDE);
	options.memory = memory;
	queued_bytes = 0;
	return rings_new(&options);
}

/* A record whose every byte follows from its time. */
static void fill(uint8_t *to, uint64_t time_ns, uint32_t size_bytes)
{
	struct event_header header = { .kind = EVENT_DATA,
				       .size_bytes = size_bytes,
				       .time_ns = time_ns };

	for (size_t i = sizeof(header); i < size_bytes; i++)
		to[i] = (uint8_t)(time_ns * 31 + i * 7);
	memcpy(to, &header, sizeof(header));
}

/* As ring_place() and ring_commit(); 0 when there is no room. */
static int put(unsigned index, uint64_t time_ns, uint32_t size_bytes)
{
	struct ring *ring = ring_at(index);

	if (ring->produced + size_bytes - ring->consumed > RING_BYTES)
		return 0;
	fill(ring->bytes + ring->offset, time_ns, size_bytes);
	ring->offset += size_bytes;
	if (ring->offset >= RING_BYTES)
		ring->offset = 0;
	ring->records++;
	ring->produced += size_bytes;
	return 1;
}

static void queue(uint64_t time_ns)
{
	fill(queued + queued_bytes, time_ns, sizeof(struct close_event));
	queued_bytes += sizeof(struct close_event);
}

/* Checks each record of the batch and that times only grow; returns how many there are. */
static unsigned long check_batch(int64_t bytes, uint64_t *last_ns)
{
	static uint8_t wanted[RING_RECORD_BYTES_MAX];
	unsigned long records = 0;

	for (int64_t at = 0; at < bytes; records++) {
		struct event_header header;

		memcpy(&header, batch + at, sizeof(header));
		CHECK(header.size_bytes <= sizeof(wanted));
		fill(wanted, header.time_ns, header.size_bytes);
		CHECK(!memcmp(batch + at, wanted, header.size_bytes));
		CHECK(header.time_ns >= *last_ns);
		*last_ns = header.time_ns;
		at += header.size_bytes;
	}
	return records;
}

static uint32_t random_size(void)
{
	uint32_t size_bytes = sizeof(struct event_header) + (uint32_t)rand() % 700 / 8 * 8;

	return rand() % 8 ? size_bytes : (uint32_t)(RING_RECORD_BYTES_MAX - rand() % 64 / 8 * 8);
}

/* Many times around, so that records end at every offset and run into the slack. */
static void test_around(void)
{
	struct rings *rings = start();
	unsigned long written = 0, refused = 0, read = 0;
	uint64_t time_ns = 1, last_ns = 0;

	for (int round = 0; round < 20000; round++) {
		for (int i = rand() % 8; i > 0; i--, time_ns++) {
			if (put((unsigned)rand() % RINGS, time_ns, random_size()))
				written++;
			else
				refused++;
		}
		read += check_batch(rings_drain(rings, batch, sizeof(batch), UINT64_MAX), &last_ns);
	}
	for (int64_t bytes = 1; bytes > 0;) {
		bytes = rings_drain(rings, batch, sizeof(batch), UINT64_MAX);
		read += check_batch(bytes, &last_ns);
	}
	CHECK(refused > 0);
	CHECK(written == read);
	CHECK(rings_records(rings) == written);
	CHECK(ring_at(0)->produced > 1000 * (uint64_t)RING_BYTES);
	for (unsigned i = 0; i < RINGS; i++)
		CHECK(ring_at(i)->consumed == ring_at(i)->produced);
	rings_free(rings);
}

/* The queue of softirqs is merged like a ring; what is too young stays. */
static void test_order(void)
{
	struct rings *rings = start();
	const uint64_t until_ns[] = { 0, 3, 4, 90, UINT64_MAX };
	const unsigned long wanted[] = { 0, 3, 1, 86, 11 };

	for (uint64_t time_ns = 1; time_ns <= 101; time_ns++) {
		if (time_ns % 4 == 3)
			queue(time_ns);
		else
			put(time_ns % 4, time_ns, 32);
	}
	uint64_t last_ns = 0;

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		int64_t bytes = rings_drain(rings, batch, sizeof(batch), until_ns[i]);

		CHECK(check_batch(bytes, &last_ns) == wanted[i]);
	}
	CHECK(last_ns == 101);
	rings_free(rings);
}

static void test_room(void)
{
	struct rings *rings = start();
	uint64_t last_ns = 0;

	put(0, 1, RING_RECORD_BYTES_MAX);
	put(1, 2, RING_RECORD_BYTES_MAX);
	CHECK(rings_drain(rings, batch, RING_RECORD_BYTES_MAX - 1, UINT64_MAX) == -EINVAL);
	for (int i = 0; i < 2; i++) {
		int64_t bytes = rings_drain(rings, batch, RING_RECORD_BYTES_MAX + 100, UINT64_MAX);

		CHECK(check_batch(bytes, &last_ns) == 1);
	}
	CHECK(rings_drain(rings, batch, sizeof(batch), UINT64_MAX) == 0);
	rings_free(rings);
}

/* Drains a good record and one whose size was overwritten. */
static int64_t drain_damaged(uint32_t size_bytes)
{
	struct rings *rings = start();

	put(0, 1, 64);
	put(0, 2, 128);
	((struct event_header *)(ring_at(0)->bytes + 64))->size_bytes = size_bytes;
	int64_t drained = rings_drain(rings, batch, sizeof(batch), UINT64_MAX);

	rings_free(rings);
	return drained;
}

static void test_damage(void)
{
	const uint32_t sizes[] = { 0, 16, 124, 136, RING_RECORD_BYTES_MAX + 8, 0xfffffff8 };
	struct rings *rings;

	CHECK(drain_damaged(128) == 192);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		CHECK(drain_damaged(sizes[i]) == -EBADMSG);
	/* More than the ring holds, less than was consumed, less than a header. */
	const uint64_t produced[] = { RING_BYTES + 8, -8ull, 8 };

	for (size_t i = 0; i < sizeof(produced) / sizeof(produced[0]); i++) {
		rings = start();
		put(1, 1, 64);
		ring_at(1)->produced = produced[i];
		CHECK(rings_drain(rings, batch, sizeof(batch), UINT64_MAX) == -EBADMSG);
		rings_free(rings);
	}
}

int main(void)
{
	test_around();
	test_order();
	test_room();
	test_damage();
	free(memory);
	printf("%lu checks, %lu failures\n", checks, failures);
	return failures != 0;
}
