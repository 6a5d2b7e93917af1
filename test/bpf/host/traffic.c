// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* bpf/traffic.h on the host: "internal" and "loopback" of each address that is given, a line each.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "../../../bpf/traffic.h"

static __u8 peer_of(const char *text)
{
	__u32 words[4];

	if (inet_pton(AF_INET, text, words) == 1)
		return peer_of_ipv4(ntohl(words[0]));
	if (inet_pton(AF_INET6, text, words) != 1)
		return 0;
	return peer_of_ipv6(ntohl(words[0]), ntohl(words[1]), ntohl(words[2]), ntohl(words[3]));
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		__u8 peer = peer_of(argv[i]);

		printf("%d %d\n", (peer & PEER_INTERNAL) != 0, (peer & PEER_LOOPBACK) != 0);
		if (!(peer & PEER_KNOWN))
			return 1;
	}
	return 0;
}
