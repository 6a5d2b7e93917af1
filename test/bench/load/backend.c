/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * HTTP/1.1 backend with several listening ports, each with a behaviour of its own:
 *   --listen PORT[,status=200][,size=64][,delay=MS][,exponential=MS]
 * status 502 gives a retry its reason, 204 answers an auth subrequest. Delays run on a heap of
 * due times, constant or exponentially distributed. A request with `Connection: close` (or
 * HTTP/1.0) is answered and closed, as real servers do.
 *
 * With --log FILE each request is recorded when its head is read: token, the proxy's upstream
 * port, this port, ordinal on the connection. Ends on SIGTERM, SIGINT, or after --seconds.
 */
#define _GNU_SOURCE
#include "load.h"
#include <arpa/inet.h>
#include <getopt.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTENERS_MAX 16
#define DESCRIPTORS_MAX 65536
/* A connection that closed early leaves its timer behind: room for two per descriptor. */
#define TIMERS_MAX (2 * DESCRIPTORS_MAX)
#define HEAD_MAX 16384
#define EVENTS_MAX 1024
#define BACKLOG 4096

struct listener {
	int fd;
	uint16_t port;
	uint32_t status;
	uint32_t size_bytes;
	double delay_ms;
	double exponential_ms;
	char *response; /* head and body, with `Connection: close` or without */
	size_t response_bytes;
	char *closing;
	size_t closing_bytes;
};

/* One per descriptor; `generation` tells a reused descriptor from the one a timer was set for. */
struct connection {
	const struct listener *listener;
	uint32_t generation;
	uint32_t ordinal;
	uint32_t head_bytes;
	uint16_t peer_port;
	uint8_t wants_close;
	uint8_t waiting; /* a delayed response is due */
	uint64_t body_left;
	char *head;
};

struct timer {
	uint64_t due_ns;
	int fd;
	uint32_t generation;
};

static struct listener listeners[LISTENERS_MAX];
static unsigned listener_count;
static struct connection *connections;
static struct timer *heap;
static unsigned heap_count;
static int epoll_fd;
static FILE *truth;
static uint64_t served, random_state = 88172645463325252ULL;

/* ---- delayed responses: a binary heap by due time ---- */

static void heap_push(struct timer timer)
{
	unsigned i = heap_count++;

	if (heap_count > TIMERS_MAX) {
		fprintf(stderr, "more than %d delayed responses\n", TIMERS_MAX);
		exit(1);
	}
	while (i > 0 && heap[(i - 1) / 2].due_ns > timer.due_ns) {
		heap[i] = heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	heap[i] = timer;
}

static struct timer heap_pop(void)
{
	struct timer first = heap[0], last = heap[--heap_count];
	unsigned i = 0, child;

	while ((child = 2 * i + 1) < heap_count) {
		if (child + 1 < heap_count && heap[child + 1].due_ns < heap[child].due_ns)
			child++;
		if (heap[child].due_ns >= last.due_ns)
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = last;
	return first;
}

static double random_unit(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return ((double)(random_state >> 11) + 1) / 9007199254740993.0;
}

/* ---- connections ---- */

static void connection_close(int fd)
{
	struct connection *c = &connections[fd];

	free(c->head);
	c->head = NULL;
	c->listener = NULL;
	c->generation++;
	close(fd);
}

static void response_send(int fd)
{
	struct connection *c = &connections[fd];
	const struct listener *l = c->listener;
	const char *bytes = c->wants_close ? l->closing : l->response;
	size_t len = c->wants_close ? l->closing_bytes : l->response_bytes;

	served++;
	c->waiting = 0;
	while (len > 0) {
		/* Blocking for large responses would stall the others; they are written on the spot
		 * because a proxy on loopback reads at once, and sockets here are blocking. */
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0) {
			connection_close(fd);
			return;
		}
		bytes += n;
		len -= (size_t)n;
	}
	if (c->wants_close)
		connection_close(fd);
}

static void truth_write(const struct connection *c, const char *head, size_t len, uint64_t at_ns)
{
	const char *marker = memmem(head, len, TOKEN_MARKER, TOKEN_MARKER_BYTES);
	struct truth_record record = {
		.time_ns = at_ns,
		.ordinal = c->ordinal,
		.client_port = c->peer_port,
		.server_port = c->listener->port,
		.status = c->listener->status,
	};

	if (marker && marker + TOKEN_MARKER_BYTES + TOKEN_BYTES <= head + len) {
		record.token_high = hex_read(marker + TOKEN_MARKER_BYTES);
		record.token_low = hex_read(marker + TOKEN_MARKER_BYTES + 16);
	}
	fwrite(&record, sizeof(record), 1, truth);
}

static void request_take(int fd, const char *head, size_t len)
{
	struct connection *c = &connections[fd];
	const struct listener *l = c->listener;
	const char *connection = header_value(head, len, "connection:");
	const char *line_end = memchr(head, '\r', len);
	double delay_ms = l->delay_ms;

	c->ordinal++;
	c->body_left = content_length(head, len);
	c->wants_close = connection
				 ? strncasecmp(connection, "close", 5) == 0
				 : line_end - head > 8 && memcmp(line_end - 8, "HTTP/1.0", 8) == 0;
	if (truth)
		truth_write(c, head, len, now_ns());
	if (l->exponential_ms > 0)
		delay_ms += -l->exponential_ms * log(random_unit());
	if (delay_ms <= 0) {
		response_send(fd);
		return;
	}
	c->waiting = 1;
	heap_push((struct timer){ now_ns() + (uint64_t)(delay_ms * 1e6), fd, c->generation });
}

/* Keeps a head that arrived in parts. Returns false when the connection was closed. */
static int head_keep(int fd, const char *bytes, size_t len)
{
	struct connection *c = &connections[fd];

	if (!c->head)
		c->head = malloc(HEAD_MAX);
	if (!c->head || c->head_bytes + len > HEAD_MAX) {
		fprintf(stderr, "request head beyond %d bytes\n", HEAD_MAX);
		connection_close(fd);
		return 0;
	}
	memcpy(c->head + c->head_bytes, bytes, len);
	c->head_bytes += (uint32_t)len;
	return 1;
}

static void connection_read(int fd)
{
	static char buffer[65536];
	struct connection *c = &connections[fd];
	uint32_t generation = c->generation;
	ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
	const char *at = buffer;
	size_t left, head;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		connection_close(fd);
		return;
	}
	left = (size_t)n;
	while (left > 0 && c->generation == generation) {
		if (c->body_left) {
			size_t used = left < c->body_left ? left : c->body_left;

			c->body_left -= used;
			at += used;
			left -= used;
			continue;
		}
		if (c->waiting) {
			fprintf(stderr,
				"a pipelined request: this backend answers one at a time\n");
			connection_close(fd);
			return;
		}
		if (c->head_bytes == 0 && (head = head_length(at, left))) {
			at += head;
			left -= head;
			request_take(fd, at - head, head);
			continue;
		}
		if (!head_keep(fd, at, left))
			return;
		head = head_length(c->head, c->head_bytes);
		if (!head)
			return;
		/* What follows the head lies at the end of this read. */
		at += left - (c->head_bytes - head);
		left = c->head_bytes - head;
		c->head_bytes = 0;
		request_take(fd, c->head, head);
	}
}

static void accept_all(const struct listener *l)
{
	for (;;) {
		struct sockaddr_in peer;
		socklen_t len = sizeof(peer);
		int fd = accept4(l->fd, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC), one = 1;
		struct epoll_event event = { .events = EPOLLIN };
		struct connection *c;

		if (fd < 0)
			return;
		if (fd >= DESCRIPTORS_MAX) {
			fprintf(stderr, "more than %d connections\n", DESCRIPTORS_MAX);
			close(fd);
			continue;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		c = &connections[fd];
		c->listener = l;
		c->ordinal = 0;
		c->head_bytes = 0;
		c->body_left = 0;
		c->waiting = 0;
		c->peer_port = ntohs(peer.sin_port);
		event.data.u64 = (uint64_t)fd;
		if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event))
			die("epoll_ctl");
	}
}

/* ---- set-up ---- */

static const char *reason(uint32_t status)
{
	switch (status) {
	case 200:
		return "OK";
	case 204:
		return "No Content";
	case 502:
		return "Bad Gateway";
	default:
		return "Answer";
	}
}

static char *response_build(const struct listener *l, int closing, size_t *len)
{
	size_t size = l->status == 204 ? 0 : l->size_bytes;
	char *out = malloc(size + 512);
	int head;

	if (!out)
		die("malloc");
	head = snprintf(out, 512,
			"HTTP/1.1 %u %s\r\n"
			"Server: bench\r\n"
			"Date: Sat, 21 Nov 2026 12:00:00 GMT\r\n"
			"Content-Type: application/json\r\n"
			"Cache-Control: no-store\r\n"
			"X-Content-Type-Options: nosniff\r\n"
			"%s",
			l->status, reason(l->status), closing ? "Connection: close\r\n" : "");
	head += l->status == 204 ? sprintf(out + head, "\r\n")
				 : sprintf(out + head, "Content-Length: %zu\r\n\r\n", size);
	memset(out + head, 'x', size);
	*len = (size_t)head + size;
	return out;
}

static void listener_parse(char *text)
{
	struct listener *l = &listeners[listener_count];
	struct sockaddr_in address = { .sin_family = AF_INET };
	char *part = strtok(text, ",");
	struct epoll_event event = { .events = EPOLLIN };
	int one = 1;

	if (listener_count == LISTENERS_MAX) {
		fprintf(stderr, "more than %d listeners\n", LISTENERS_MAX);
		exit(2);
	}
	*l = (struct listener){ .port = (uint16_t)atoi(part), .status = 200, .size_bytes = 64 };
	while ((part = strtok(NULL, ","))) {
		if (sscanf(part, "status=%u", &l->status) != 1 &&
		    sscanf(part, "size=%u", &l->size_bytes) != 1 &&
		    sscanf(part, "delay=%lf", &l->delay_ms) != 1 &&
		    sscanf(part, "exponential=%lf", &l->exponential_ms) != 1) {
			fprintf(stderr, "--listen: unknown part %s\n", part);
			exit(2);
		}
	}
	l->response = response_build(l, 0, &l->response_bytes);
	l->closing = response_build(l, 1, &l->closing_bytes);
	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	address.sin_port = htons(l->port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(l->fd, (struct sockaddr *)&address, sizeof(address)) || listen(l->fd, BACKLOG))
		die("listen");
	/* Listeners are told from connections by the high word. */
	event.data.u64 = (uint64_t)(listener_count + 1) << 32;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, l->fd, &event))
		die("epoll_ctl");
	listener_count++;
}

static uint64_t options_parse(int argc, char **argv)
{
	static const struct option known[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "log", required_argument, NULL, 'o' },
		{ "seconds", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	double seconds = 0;
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 'l':
			listener_parse(optarg);
			break;
		case 'o':
			truth = truth_open(optarg);
			break;
		case 's':
			seconds = strtod(optarg, NULL);
			break;
		default:
			exit(2);
		}
	}
	if (listener_count == 0 || seconds <= 0) {
		fprintf(stderr, "usage: backend --seconds MAX --listen PORT[,status=N][,size=N]"
				"[,delay=MS][,exponential=MS] ... [--log FILE]\n");
		exit(2);
	}
	return now_ns() + (uint64_t)(seconds * 1e9);
}

static int signals_open(void)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = UINT64_MAX };
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event))
		die("signalfd");
	return fd;
}

/* Answers what is due; returns how long epoll may sleep, in ms. */
static int timers_run(uint64_t deadline_ns)
{
	uint64_t at_ns = now_ns(), until_ns = deadline_ns;

	while (heap_count && heap[0].due_ns <= at_ns) {
		struct timer timer = heap_pop();

		if (connections[timer.fd].generation == timer.generation)
			response_send(timer.fd);
	}
	if (heap_count && heap[0].due_ns < until_ns)
		until_ns = heap[0].due_ns;
	if (until_ns <= at_ns)
		return 0;
	until_ns -= at_ns;
	return until_ns > NS_PER_S ? 1000 : (int)(until_ns / 1000000) + 1;
}

int main(int argc, char **argv)
{
	struct epoll_event events[EVENTS_MAX];
	uint64_t deadline_ns;
	int running = 1;

	signal(SIGPIPE, SIG_IGN);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	connections = calloc(DESCRIPTORS_MAX, sizeof(*connections));
	heap = calloc(TIMERS_MAX, sizeof(*heap));
	if (epoll_fd < 0 || !connections || !heap)
		die("start");
	signals_open();
	deadline_ns = options_parse(argc, argv);
	printf("{\"event\":\"start\"}\n");
	fflush(stdout);
	while (running && now_ns() < deadline_ns) {
		int n = epoll_wait(epoll_fd, events, EVENTS_MAX, timers_run(deadline_ns));

		for (int i = 0; i < n; i++) {
			uint64_t data = events[i].data.u64;

			if (data == UINT64_MAX)
				running = 0;
			else if (data >> 32)
				accept_all(&listeners[(data >> 32) - 1]);
			else
				connection_read((int)data);
		}
	}
	printf("{\"event\":\"end\",\"served\":%lu}\n", served);
	fflush(stdout);
	if (truth && fclose(truth))
		die("truth file");
	return 0;
}
