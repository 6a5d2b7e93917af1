/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * Are these the first bytes of an HTTP/1 message? Pure functions over bytes, compiled for BPF and
 * for the host (test/bpf/host). They are fed the beginning of a direction turn, possibly in
 * pieces: one byte "G" is an answer of SNIFF_MORE, and the state carries on with the next call.
 *
 *   empty lines -> token -> SP   a request   (RFC 9112 3: method SP request-target ...)
 *                        -> '/'  a response, when the token is "HTTP"
 *
 * The answer may be a false REQUEST ("EHLO x"), which the parser in user space finds out, but it
 * is never a false OTHER for a request whose method is upper case.
 */
#ifndef SPANTAP_SNIFF_H
#define SPANTAP_SNIFF_H

#include "event.h"

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/* Longest registered method is UPDATEREDIRECTREF, 17 bytes. */
#define SNIFF_TOKEN_BYTES_MAX 20
/* CR and LF before it: two empty lines. */
#define SNIFF_BREAK_BYTES_MAX 4
/* Empty lines, token, and the byte after it. */
#define SNIFF_BYTES_MAX (SNIFF_BREAK_BYTES_MAX + SNIFF_TOKEN_BYTES_MAX + 1)

enum sniff_result {
	SNIFF_MORE = 0, /* could become a message: feed what follows */
	SNIFF_REQUEST = 1,
	SNIFF_RESPONSE = 2,
	SNIFF_OTHER = 3, /* no HTTP/1 message begins like this */
};

/* All zero is the start of a message. */
struct sniff_state {
	__u32 token_head; /* the first four bytes of the token, the first one highest */
	__u8 token_bytes;
	__u8 break_bytes; /* CR and LF before the token */
	__u16 _pad;
};

static __always_inline int sniff_is_token(__u8 c)
{
	/* RFC 9110 5.6.2 allows more; methods in use are upper case with '-' or '_'. */
	return (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

/* The token has ended with `c`. */
static __always_inline enum sniff_result sniff_token_end(const volatile struct sniff_state *state,
							 __u8 c)
{
	if (c == '/' && state->token_bytes == 4 && state->token_head == 0x48545450) /* HTTP */
		return SNIFF_RESPONSE;
	if (c != ' ' || state->token_bytes == 0)
		return SNIFF_OTHER;
	/* "PRI * HTTP/2.0", RFC 9113 3.4: the method is reserved, HTTP/1 never uses it. */
	if (state->token_bytes == 3 && state->token_head == 0x505249)
		return SNIFF_OTHER;
	return SNIFF_REQUEST;
}

static __always_inline enum sniff_result sniff_byte(volatile struct sniff_state *state, __u8 c)
{
	if (sniff_is_token(c)) {
		if (state->token_bytes < 4)
			state->token_head = state->token_head << 8 | c;
		return ++state->token_bytes > SNIFF_TOKEN_BYTES_MAX ? SNIFF_OTHER : SNIFF_MORE;
	}
	if (state->token_bytes == 0) {
		/* RFC 9112 2.2: empty lines before a request line are ignored. */
		if (c == '\r' || c == '\n')
			return ++state->break_bytes > SNIFF_BREAK_BYTES_MAX ? SNIFF_OTHER
									    : SNIFF_MORE;
		/* PROXY protocol, version 2 signature: CR LF CR LF NUL; a request may follow. */
		if (c == 0 && state->break_bytes == 4)
			return SNIFF_REQUEST;
	}
	return sniff_token_end(state, c);
}

/*
 * At most SNIFF_BYTES_MAX bytes are looked at. `volatile`: the state lies in a map, where the
 * verifier does not follow values; in registers it would follow every token there can be.
 */
static __always_inline enum sniff_result sniff_bytes(volatile struct sniff_state *state,
						     const __u8 *bytes, __u32 len_bytes)
{
	for (__u32 i = 0; i < SNIFF_BYTES_MAX; i++) {
		if (i >= len_bytes)
			return SNIFF_MORE;
		enum sniff_result result = sniff_byte(state, bytes[i]);
		if (result != SNIFF_MORE)
			return result;
	}
	return SNIFF_OTHER;
}

/* What the largest record of TLS holds, RFC 5246 6.2.3. */
#define SNIFF_TLS_RECORD_BYTES_MAX (16384 + 2048)

/* Which protocol begins like this, when it is not HTTP/1. */
static __always_inline enum event_protocol sniff_protocol(const __u8 *bytes, __u32 len_bytes)
{
	if (len_bytes >= 4 && bytes[0] == 'P' && bytes[1] == 'R' && bytes[2] == 'I' &&
	    bytes[3] == ' ')
		return PROTOCOL_HTTP2;
	/* Its type (change_cipher_spec to application_data), version 3.x, length. */
	if (len_bytes >= 5 && bytes[0] >= 20 && bytes[0] <= 23 && bytes[1] == 3 && bytes[2] <= 4 &&
	    (bytes[3] << 8 | bytes[4]) <= SNIFF_TLS_RECORD_BYTES_MAX)
		return PROTOCOL_TLS;
	return PROTOCOL_OTHER;
}

#endif
