/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * What the load generator and the backend share: clocks, the truth record, and just enough
 * HTTP/1.1 to find the end of a head and the length of a body.
 */
#ifndef SPANTAP_BENCH_LOAD_H
#define SPANTAP_BENCH_LOAD_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define NS_PER_S 1000000000ULL

/* Precedes the 32 hex digits of a token; src/capture/mask.ts blanks what follows it. */
#define TOKEN_MARKER "spantap-bench-"
#define TOKEN_MARKER_BYTES (sizeof(TOKEN_MARKER) - 1)
#define TOKEN_BYTES 32

/*
 * One line of ground truth, little endian, 40 bytes: read by test/bench/truth.ts.
 * The generator writes its own port in `client_port` and the proxy's in `server_port`; the backend
 * writes the proxy's upstream port in `client_port` and its own in `server_port`.
 */
struct truth_record {
	uint64_t token_high;
	uint64_t token_low;
	uint64_t time_ns; /* CLOCK_MONOTONIC: request sent (generator), head read (backend) */
	uint32_t ordinal; /* of the request on its connection, from 1 */
	uint16_t client_port;
	uint16_t server_port;
	uint32_t status;
	uint32_t duration_us; /* generator only: until the response was complete */
};
_Static_assert(sizeof(struct truth_record) == 40, "truth_record has its documented size");

static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static inline uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static inline void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

/* Length of the head including its empty line; 0 while it is incomplete. */
static inline size_t head_length(const char *bytes, size_t len)
{
	const char *end = memmem(bytes, len, "\r\n\r\n", 4);

	return end ? (size_t)(end - bytes) + 4 : 0;
}

/* Value of a header (name in lower case with its colon) inside a complete head, or NULL. */
static inline const char *header_value(const char *head, size_t len, const char *name)
{
	size_t name_len = strlen(name);
	const char *end = head + len;
	const char *line = memchr(head, '\n', len);

	while (line && line + 1 + name_len < end) {
		line++;
		if (strncasecmp(line, name, name_len) == 0) {
			line += name_len;
			while (*line == ' ')
				line++;
			return line;
		}
		line = memchr(line, '\n', (size_t)(end - line));
	}
	return NULL;
}

/* Content-Length of a complete head; 0 when there is none. */
static inline uint64_t content_length(const char *head, size_t len)
{
	const char *value = header_value(head, len, "content-length:");

	return value ? strtoull(value, NULL, 10) : 0;
}

static inline void hex_write(char *out, uint64_t value)
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 15; i >= 0; i--, value >>= 4)
		out[i] = digits[value & 15];
}

static inline uint64_t hex_read(const char *in)
{
	uint64_t value = 0;

	for (int i = 0; i < 16; i++) {
		char c = in[i];
		unsigned digit = c >= 'a' ? (unsigned)(c - 'a') + 10 : (unsigned)(c - '0');

		value = value << 4 | (digit & 15);
	}
	return value;
}

/* Opens a truth file with a large buffer; NULL path gives NULL. */
static inline FILE *truth_open(const char *path)
{
	FILE *file;

	if (!path)
		return NULL;
	file = fopen(path, "wb");
	if (!file)
		die(path);
	setvbuf(file, NULL, _IOFBF, 1 << 20);
	return file;
}

#endif
