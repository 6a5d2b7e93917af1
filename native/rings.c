// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "rings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A ring, or the queue: what lies between `consumed` and `produced` waits. */
struct source {
	struct ring *ring; /* NULL: the queue */
	const uint8_t *bytes;
	size_t offset; /* of the next record, never taken from shared memory */
	uint64_t consumed;
	uint64_t produced; /* when the drain began */
	uint64_t time_ns;  /* of the next record */
	size_t size_bytes; /* of the next record, 0 none */
};

struct rings {
	struct rings_options options;
	uint8_t queue[RING_INTERRUPT_BYTES];
	/* Those with something to take: the merge looks at no others. */
	struct source **live;
	uint32_t live_count;
	struct source sources[]; /* options.count rings, then the queue */
};

struct rings *rings_new(const struct rings_options *options)
{
	size_t count = options->count + 1;
	struct rings *rings = calloc(1, sizeof(*rings) + count * sizeof(struct source));

	if (!rings)
		return NULL;
	rings->options = *options;
	rings->live = calloc(count, sizeof(*rings->live));
	if (!rings->live) {
		free(rings);
		return NULL;
	}
	for (uint32_t i = 0; i < options->count; i++) {
		struct source *source = &rings->sources[i];

		source->ring = (struct ring *)(options->memory + i * options->stride_bytes);
		source->bytes = source->ring->bytes;
	}
	rings->sources[options->count].bytes = rings->queue;
	return rings;
}

void rings_free(struct rings *rings)
{
	if (!rings)
		return;
	free(rings->live);
	free(rings);
}

/* Reads time and size of the next record; -EBADMSG when it cannot be one. */
static int source_peek(struct source *source)
{
	const volatile struct event_header *header =
		(const struct event_header *)(source->bytes + source->offset);
	uint64_t waiting = source->produced - source->consumed;

	source->size_bytes = 0;
	if (!waiting)
		return 0;
	if (waiting < sizeof(*header))
		return -EBADMSG;
	uint32_t size_bytes = header->size_bytes;

	if (size_bytes < sizeof(*header) || size_bytes % 8 || size_bytes > waiting ||
	    size_bytes > RING_RECORD_BYTES_MAX)
		return -EBADMSG;
	source->time_ns = header->time_ns;
	source->size_bytes = size_bytes;
	return 0;
}

static int look_at_ring(const struct rings *rings, struct source *source)
{
	source->produced = __atomic_load_n(&source->ring->produced, __ATOMIC_ACQUIRE);
	if (source->produced - source->consumed > rings->options.ring_bytes)
		return -EBADMSG;
	return source_peek(source);
}

/* The queue is filled again when it is empty. */
static int look_at_queue(struct rings *rings, struct source *source)
{
	int64_t filled;

	if (source->consumed == source->produced && rings->options.refill) {
		filled = rings->options.refill(rings->options.context, rings->queue,
					       sizeof(rings->queue));
		if (filled < 0)
			return (int)filled;
		source->offset = 0;
		source->consumed = 0;
		source->produced = (uint64_t)filled;
	}
	return source_peek(source);
}

static int find_live(struct rings *rings, uint64_t until_ns)
{
	rings->live_count = 0;
	for (uint32_t i = 0; i <= rings->options.count; i++) {
		struct source *source = &rings->sources[i];
		int status =
			source->ring ? look_at_ring(rings, source) : look_at_queue(rings, source);

		if (status)
			return status;
		if (source->size_bytes && source->time_ns <= until_ns)
			rings->live[rings->live_count++] = source;
	}
	return 0;
}

/*
 * Brings the source with the earliest record to the front; returns until when it may be taken
 * from before another one is earlier. A scan: few CPUs write at the same time, and each turn
 * takes all that come before the next one's.
 */
static uint64_t choose(struct rings *rings, uint64_t until_ns)
{
	struct source **live = rings->live;

	for (uint32_t i = 1; i < rings->live_count; i++) {
		struct source *other = live[i];

		if (other->time_ns >= live[0]->time_ns) {
			if (other->time_ns < until_ns)
				until_ns = other->time_ns;
			continue;
		}
		if (live[0]->time_ns < until_ns)
			until_ns = live[0]->time_ns;
		live[i] = live[0];
		live[0] = other;
	}
	return until_ns;
}

static void source_take(const struct rings *rings, struct source *source, uint8_t *to)
{
	memcpy(to, source->bytes + source->offset, source->size_bytes);
	source->consumed += source->size_bytes;
	source->offset += source->size_bytes;
	if (source->ring && source->offset >= rings->options.ring_bytes)
		source->offset = 0;
}

/* Gives the room back that was read. */
static void release(struct rings *rings)
{
	for (uint32_t i = 0; i < rings->options.count; i++) {
		struct source *source = &rings->sources[i];

		if (source->ring->consumed != source->consumed)
			__atomic_store_n(&source->ring->consumed, source->consumed,
					 __ATOMIC_RELEASE);
	}
}

/* A batch being filled. */
struct batch {
	uint8_t *bytes;
	size_t room;
};

/* Takes records up to a time while they fit; 0, -ENOBUFS or -EBADMSG. */
static int source_take_until(const struct rings *rings, struct source *source, struct batch *batch,
			     uint64_t until_ns)
{
	while (source->size_bytes && source->time_ns <= until_ns) {
		size_t bytes = source->size_bytes;
		int status;

		if (batch->room < RING_RECORD_BYTES_MAX)
			return -ENOBUFS;
		source_take(rings, source, batch->bytes);
		batch->bytes += bytes;
		batch->room -= bytes;
		status = source_peek(source);
		if (status)
			return status;
	}
	return 0;
}

int64_t rings_drain(struct rings *rings, uint8_t *bytes, size_t bytes_max, uint64_t until_ns)
{
	struct batch batch = { .bytes = bytes, .room = bytes_max };
	int status;

	if (bytes_max < RING_RECORD_BYTES_MAX)
		return -EINVAL;
	status = find_live(rings, until_ns);
	while (!status && rings->live_count) {
		uint64_t next_ns = choose(rings, until_ns);
		struct source *first = rings->live[0];

		status = source_take_until(rings, first, &batch, next_ns);
		if (!first->size_bytes || first->time_ns > until_ns)
			rings->live[0] = rings->live[--rings->live_count];
	}
	release(rings);
	return status && status != -ENOBUFS ? status : (int64_t)(bytes_max - batch.room);
}

uint64_t rings_records(const struct rings *rings)
{
	uint64_t records = 0;

	for (uint32_t i = 0; i < rings->options.count; i++)
		records += __atomic_load_n(&rings->sources[i].ring->records, __ATOMIC_RELAXED);
	return records;
}
