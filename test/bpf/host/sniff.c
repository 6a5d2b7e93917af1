// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* bpf/sniff.h on the host. Prints one line for each failure; exit code 1 when there are any. */
#include <stdio.h>
#include <string.h>

#include "../../../bpf/sniff.h"

static int failures;
static int checks;

static const char *const names[] = { "more", "request", "response", "other" };

static enum sniff_result feed(const char *bytes, size_t len, size_t piece)
{
	struct sniff_state state = {};
	enum sniff_result result = SNIFF_MORE;

	for (size_t at = 0; at < len && result == SNIFF_MORE; at += piece) {
		size_t now = len - at < piece ? len - at : piece;

		result = sniff_bytes(&state, (const __u8 *)bytes + at, (__u32)now);
	}
	return result;
}

/* Whole, and cut into pieces of every size: the answer is the same. */
static void expect(enum sniff_result wanted, const char *bytes, size_t len)
{
	for (size_t piece = 1; piece <= len; piece++) {
		enum sniff_result got = feed(bytes, len, piece);

		checks++;
		if (got == wanted)
			continue;
		failures++;
		printf("%.*s in pieces of %zu: %s, not %s\n", (int)len, bytes, piece, names[got],
		       names[wanted]);
	}
}

static void expect_protocol(enum event_protocol wanted, const char *bytes, size_t len)
{
	enum event_protocol got = sniff_protocol((const __u8 *)bytes, (__u32)len);

	checks++;
	if (got == wanted)
		return;
	failures++;
	printf("%.*s: protocol %d, not %d\n", (int)len, bytes, (int)got, (int)wanted);
}

#define SPEAKS(wanted, text) expect_protocol(wanted, text, sizeof(text) - 1)
#define EXPECT(wanted, text) expect(wanted, text, sizeof(text) - 1)

int main(void)
{
	EXPECT(SNIFF_REQUEST, "GET / HTTP/1.1\r\n");
	EXPECT(SNIFF_REQUEST, "POST /a HTTP/1.0\r\n");
	EXPECT(SNIFF_REQUEST, "OPTIONS * HTTP/1.1\r\n");
	EXPECT(SNIFF_REQUEST, "CONNECT example:443 HTTP/1.1\r\n");
	EXPECT(SNIFF_REQUEST, "VERSION-CONTROL /x HTTP/1.1\r\n");
	EXPECT(SNIFF_REQUEST, "UPDATEREDIRECTREF /x HTTP/1.1\r\n");
	EXPECT(SNIFF_REQUEST, "M_SEARCH /x HTTP/1.1\r\n");
	EXPECT(SNIFF_REQUEST, "HTTP / HTTP/1.1\r\n"); /* a method may be called so */
	EXPECT(SNIFF_REQUEST, "PRIM / HTTP/1.1\r\n");
	/* RFC 9112 2.2: empty lines in front. */
	EXPECT(SNIFF_REQUEST, "\r\nGET / HTTP/1.1\r\n");
	EXPECT(SNIFF_REQUEST, "\r\n\r\nGET / HTTP/1.1\r\n");
	/* PROXY protocol, both versions. */
	EXPECT(SNIFF_REQUEST, "PROXY TCP4 1.2.3.4 5.6.7.8 9 10\r\n");
	EXPECT(SNIFF_REQUEST, "\r\n\r\n\0\r\nQUIT\n");

	EXPECT(SNIFF_RESPONSE, "HTTP/1.1 200 OK\r\n");
	EXPECT(SNIFF_RESPONSE, "HTTP/1.0 200 OK\r\n");

	EXPECT(SNIFF_MORE, "G");
	EXPECT(SNIFF_MORE, "GET");
	EXPECT(SNIFF_MORE, "HTTP");
	EXPECT(SNIFF_MORE, "\r\n");
	EXPECT(SNIFF_MORE, "\r\n\r\nG");

	EXPECT(SNIFF_OTHER, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");	     /* RFC 9113 3.4 */
	EXPECT(SNIFF_OTHER, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"); /* ClientHello */
	EXPECT(SNIFF_OTHER, "220 mail.example ESMTP\r\n");
	EXPECT(SNIFF_OTHER, "SSH-2.0-OpenSSH_9.2\r\n");
	EXPECT(SNIFF_OTHER, "*1\r\n$4\r\nPING\r\n"); /* Redis */
	EXPECT(SNIFF_OTHER, "PING\r\n");
	EXPECT(SNIFF_OTHER, "get key\r\n");		   /* memcached */
	EXPECT(SNIFF_OTHER, "\0\0\0\x52\0\x03\0\0user\0"); /* PostgreSQL */
	EXPECT(SNIFF_OTHER, " GET / HTTP/1.1\r\n");
	EXPECT(SNIFF_OTHER, "GET\t/ HTTP/1.1\r\n");
	EXPECT(SNIFF_OTHER, "\r\n\r\n\r\nGET /");
	EXPECT(SNIFF_OTHER, "ABCDEFGHIJKLMNOPQRSTUVWXYZ /");
	EXPECT(SNIFF_OTHER, "HTTPS/1.1 200 OK\r\n");
	EXPECT(SNIFF_OTHER, "{\"json\": 1}");

	SPEAKS(PROTOCOL_HTTP2, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	SPEAKS(PROTOCOL_TLS, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
	SPEAKS(PROTOCOL_TLS, "\x17\x03\x03\x40\x11");	/* application data, RFC 8446 5.2 */
	SPEAKS(PROTOCOL_OTHER, "\x16\x03\x01\x02");	/* too short to tell */
	SPEAKS(PROTOCOL_OTHER, "\x16\x03\x01\xff\xff"); /* longer than a record may be */
	SPEAKS(PROTOCOL_OTHER, "\x16\x02\x00\x00\x10");
	SPEAKS(PROTOCOL_OTHER, "\x18\x03\x03\x00\x10"); /* no record begins a connection so */
	SPEAKS(PROTOCOL_OTHER, "SSH-2.0-OpenSSH_9.2\r\n");
	SPEAKS(PROTOCOL_OTHER, "PRI");
	SPEAKS(PROTOCOL_OTHER, "");
	printf("%d checks, %d failures\n", checks, failures);
	return failures != 0;
}
