/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * HTTP/1.1 load generator: N keep-alive connections to one proxy, identical GET requests, closed
 * loop (each connection sends its next request when the response is complete) or a fixed rate
 * spread over the free connections. Bounded in count and in time.
 *
 * It is steered over stdin, so that slices with and without the agent lie inside ONE run:
 *   mark LABEL      ends the interval, reports it, begins the next one
 *   rate N          requests/s from now on; 0 is the closed loop
 *   pid NAME PID    adds the CPU time of a process to every report
 *   pause, resume   no new requests for a while: another generator has the proxy
 *   stop            no new requests; ends when the outstanding ones are answered
 * and answers one JSON object per line on stdout: start, mark, end.
 */
#define _GNU_SOURCE
#include "load.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX 8192
#define READ_BYTES (256 * 1024)
#define EVENTS_MAX 1024
#define WATCHED_MAX 8
/* Time for the proxy to accept what was connected, before the first request. */
#define ACCEPT_PAUSE_US 50000
#define ACCEPT_PAUSE_EACH_US 200
#define DRAIN_NS (10 * NS_PER_S)
/* A generator that fell behind its rate catches up by at most this much: the rest is not offered.
 */
#define BEHIND_MAX_NS (100 * 1000000ULL)

/* Log-linear histogram: 256 steps per power of two, so a value is known to 0.4 %. */
#define SUB_BITS 8
#define SUB_STEPS (1 << SUB_BITS)
#define HISTOGRAM_STEPS ((44 - SUB_BITS) * SUB_STEPS)

struct connection {
	int fd;
	uint16_t local_port;
	uint8_t in_flight;
	uint8_t head_seen;
	uint32_t ordinal;
	uint32_t status;
	uint32_t head_bytes; /* of a head that arrived in parts */
	uint64_t body_left;
	uint64_t sent_ns;
	uint64_t token[2];
	char *head;
};

struct interval {
	uint64_t from_ns;
	uint64_t count;
	uint64_t failed;
	uint64_t sum_ns;
	uint32_t histogram[HISTOGRAM_STEPS];
};

struct watched {
	char name[64];
	clockid_t clock;
	uint64_t cpu_ns;
};

static struct {
	struct sockaddr_in proxy;
	unsigned connections;
	uint64_t requests_max;
	uint64_t deadline_ns;
	uint64_t rate;
	FILE *log;
} options = { .connections = 1, .requests_max = UINT64_MAX };

static struct connection *connections;
static unsigned *free_ring;
static unsigned free_head, free_count;
static struct interval interval;
static struct watched watched[WATCHED_MAX];
static unsigned watched_count;
static char request[2048];
static size_t request_bytes;
static char *token_place;
static uint64_t token_state;
static uint64_t sent, answered, failed, reconnects;
static uint64_t due_ns;
static int epoll_fd, stopping, paused;
static uint64_t drain_deadline_ns;

static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* ---- interval statistics ---- */

static unsigned histogram_step(uint64_t ns)
{
	unsigned exponent, step;

	if (ns < SUB_STEPS)
		return (unsigned)ns;
	exponent = 63 - (unsigned)__builtin_clzll(ns);
	step = (exponent - SUB_BITS + 1) * SUB_STEPS +
	       (unsigned)((ns >> (exponent - SUB_BITS)) & (SUB_STEPS - 1));
	return step < HISTOGRAM_STEPS ? step : HISTOGRAM_STEPS - 1;
}

static double histogram_value(unsigned step)
{
	unsigned block = step / SUB_STEPS;

	if (block == 0)
		return step;
	return (double)((uint64_t)(SUB_STEPS + step % SUB_STEPS) << (block - 1)) +
	       (double)(1ULL << (block - 1)) / 2;
}

static double histogram_quantile(double quantile)
{
	uint64_t wanted = (uint64_t)(quantile * (double)interval.count), seen = 0;

	for (unsigned i = 0; i < HISTOGRAM_STEPS; i++) {
		seen += interval.histogram[i];
		if (seen > wanted)
			return histogram_value(i);
	}
	return 0;
}

static uint64_t watched_cpu_ns(const struct watched *w)
{
	struct timespec ts;

	if (clock_gettime(w->clock, &ts))
		return 0;
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static void interval_report(const char *label)
{
	uint64_t to_ns = now_ns();

	printf("{\"event\":\"mark\",\"label\":\"%s\",\"fromNs\":%lu,\"toNs\":%lu,\"count\":%lu,"
	       "\"failed\":%lu,\"p50Ns\":%.0f,\"p99Ns\":%.0f,\"meanNs\":%.0f,\"cpuNs\":{",
	       label, interval.from_ns, to_ns, interval.count, interval.failed,
	       histogram_quantile(0.5), histogram_quantile(0.99),
	       interval.count ? (double)interval.sum_ns / (double)interval.count : 0.0);
	for (unsigned i = 0; i < watched_count; i++) {
		uint64_t cpu_ns = watched_cpu_ns(&watched[i]);

		/* A process that has ended has no clock any more: its last slice counts nothing. */
		printf("%s\"%s\":%lu", i ? "," : "", watched[i].name,
		       cpu_ns > watched[i].cpu_ns ? cpu_ns - watched[i].cpu_ns : 0);
		watched[i].cpu_ns = cpu_ns;
	}
	printf("}}\n");
	fflush(stdout);
	memset(&interval, 0, sizeof(interval));
	interval.from_ns = to_ns;
}

/* ---- connections ---- */

static void connection_open(struct connection *c)
{
	struct sockaddr_in local;
	socklen_t len = sizeof(local);
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket");
	if (connect(c->fd, (struct sockaddr *)&options.proxy, sizeof(options.proxy)))
		die("connect to the proxy");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (getsockname(c->fd, (struct sockaddr *)&local, &len))
		die("getsockname");
	c->local_port = ntohs(local.sin_port);
	c->ordinal = 0;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event))
		die("epoll_ctl");
}

static void connection_release(struct connection *c)
{
	free_ring[(free_head + free_count++) % options.connections] = (unsigned)(c - connections);
}

static void request_send(struct connection *c, uint64_t at_ns)
{
	ssize_t n;

	if (token_place) {
		c->token[0] = splitmix64(&token_state);
		c->token[1] = splitmix64(&token_state);
		hex_write(token_place, c->token[0]);
		hex_write(token_place + 16, c->token[1]);
	}
	c->ordinal++;
	c->in_flight = 1;
	c->head_seen = 0;
	c->head_bytes = 0;
	c->sent_ns = at_ns;
	sent++;
	n = send(c->fd, request, request_bytes, MSG_NOSIGNAL);
	/* A peer that has just closed is met by the reader; a request is far below any send buffer.
	 */
	if (n != (ssize_t)request_bytes && n >= 0) {
		fprintf(stderr, "short send of %zd bytes\n", n);
		exit(1);
	}
}

static int has_more(void)
{
	return !stopping && sent < options.requests_max;
}

static int may_send(void)
{
	return has_more() && !paused;
}

static void response_done(struct connection *c)
{
	uint64_t at_ns = now_ns(), took_ns = at_ns - c->sent_ns;

	c->in_flight = 0;
	answered++;
	interval.count++;
	interval.sum_ns += took_ns;
	interval.histogram[histogram_step(took_ns)]++;
	if (c->status >= 400) {
		failed++;
		interval.failed++;
	}
	if (options.log) {
		struct truth_record record = {
			.token_high = c->token[0],
			.token_low = c->token[1],
			.time_ns = c->sent_ns,
			.ordinal = c->ordinal,
			.client_port = c->local_port,
			.server_port = ntohs(options.proxy.sin_port),
			.status = c->status,
			.duration_us = (uint32_t)(took_ns / 1000),
		};

		fwrite(&record, sizeof(record), 1, options.log);
	}
	if (options.rate == 0 && may_send())
		request_send(c, at_ns);
	else
		connection_release(c);
}

/* The proxy closed: an unanswered request is a failure, the connection is made anew. */
static void connection_lost(struct connection *c)
{
	close(c->fd);
	reconnects++;
	if (c->in_flight) {
		c->in_flight = 0;
		failed++;
		interval.failed++;
		connection_release(c);
	}
	connection_open(c);
}

static void head_parse(struct connection *c, const char *head, size_t len)
{
	const char *coding = header_value(head, len, "transfer-encoding:");

	if (len < 13 || memcmp(head, "HTTP/1.", 7) || coding) {
		fprintf(stderr, "a response that this generator cannot frame: %.*s\n",
			(int)(len < 60 ? len : 60), head);
		exit(1);
	}
	c->status = (uint32_t)atoi(head + 9);
	c->body_left = c->status == 204 || c->status == 304 ? 0 : content_length(head, len);
	c->head_seen = 1;
}

/* Returns the bytes of `bytes` that belong to the head; the head is complete when head_seen. */
static size_t head_take(struct connection *c, const char *bytes, size_t len)
{
	size_t head, before = c->head_bytes;

	if (before == 0) {
		head = head_length(bytes, len);
		if (head) {
			head_parse(c, bytes, head);
			return head;
		}
	}
	if (!c->head)
		c->head = malloc(HEAD_MAX);
	if (!c->head || before + len > HEAD_MAX) {
		fprintf(stderr, "a response head beyond %d bytes\n", HEAD_MAX);
		exit(1);
	}
	memcpy(c->head + before, bytes, len);
	c->head_bytes += (uint32_t)len;
	head = head_length(c->head, c->head_bytes);
	if (!head)
		return len;
	head_parse(c, c->head, head);
	return head - before;
}

static void connection_read(struct connection *c)
{
	static char buffer[READ_BYTES];
	ssize_t n = recv(c->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
	const char *at = buffer;
	size_t left;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		connection_lost(c);
		return;
	}
	left = (size_t)n;
	while (left > 0) {
		size_t used;

		if (!c->in_flight) {
			fprintf(stderr, "response bytes without a request\n");
			exit(1);
		}
		if (!c->head_seen) {
			used = head_take(c, at, left);
		} else {
			used = left < c->body_left ? left : c->body_left;
			c->body_left -= used;
		}
		at += used;
		left -= used;
		if (c->head_seen && c->body_left == 0)
			response_done(c);
	}
}

/* ---- pacing ---- */

static void send_due(void)
{
	uint64_t at_ns = now_ns();

	if (options.rate == 0) {
		while (free_count && may_send()) {
			struct connection *c = &connections[free_ring[free_head]];

			free_head = (free_head + 1) % options.connections;
			free_count--;
			request_send(c, now_ns());
		}
		return;
	}
	if (at_ns > due_ns + BEHIND_MAX_NS)
		due_ns = at_ns - BEHIND_MAX_NS;
	while (due_ns <= at_ns && free_count && may_send()) {
		struct connection *c = &connections[free_ring[free_head]];

		free_head = (free_head + 1) % options.connections;
		free_count--;
		due_ns += NS_PER_S / options.rate;
		request_send(c, now_ns());
	}
}

/* ---- control ---- */

static void watch(const char *name, int pid)
{
	struct watched *w = &watched[0];

	/* A name given again replaces its process: agents come and go within one run. */
	while (w < &watched[watched_count] && strcmp(w->name, name))
		w++;
	if (w == &watched[WATCHED_MAX]) {
		fprintf(stderr, "more than %d watched processes\n", WATCHED_MAX);
		exit(1);
	}
	if (w == &watched[watched_count])
		watched_count++;
	snprintf(w->name, sizeof(w->name), "%s", name);
	if (clock_getcpuclockid(pid, &w->clock)) {
		fprintf(stderr, "no CPU clock of pid %d\n", pid);
		exit(1);
	}
	w->cpu_ns = watched_cpu_ns(w);
}

static void command_run(const char *line)
{
	char word[64];
	unsigned long number;
	int pid;

	if (sscanf(line, "mark %63[A-Za-z0-9_.-]", word) == 1) {
		interval_report(word);
	} else if (sscanf(line, "rate %lu", &number) == 1) {
		options.rate = number;
		due_ns = now_ns();
	} else if (sscanf(line, "pid %63[A-Za-z0-9_.-] %d", word, &pid) == 2) {
		watch(word, pid);
	} else if (strcmp(line, "pause") == 0 || strcmp(line, "resume") == 0) {
		paused = line[0] == 'p';
		due_ns = now_ns();
	} else if (strcmp(line, "stop") == 0) {
		stopping = 1;
	} else {
		fprintf(stderr, "unknown command: %s\n", line);
		exit(1);
	}
}

/* End of stdin is `stop`: a bench that dies does not leave its load behind. */
static void control_read(void)
{
	static char buffer[4096];
	static size_t used;
	ssize_t n = read(STDIN_FILENO, buffer + used, sizeof(buffer) - used - 1);
	char *line = buffer, *end;

	if (n <= 0) {
		if (n < 0 && errno == EAGAIN)
			return;
		stopping = 1;
		epoll_ctl(epoll_fd, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
		return;
	}
	used += (size_t)n;
	buffer[used] = 0;
	while ((end = strchr(line, '\n'))) {
		*end = 0;
		command_run(line);
		line = end + 1;
	}
	used = (size_t)(buffer + used - line);
	memmove(buffer, line, used);
}

/* ---- set-up ---- */

static void request_build(const char *path, const char *token_in)
{
	int in_query = token_in && strcmp(token_in, "query") == 0;
	int in_header = token_in && strcmp(token_in, "header") == 0;
	char *marker;

	if (token_in && !in_query && !in_header) {
		fprintf(stderr, "--token is query or header\n");
		exit(2);
	}
	request_bytes = (size_t)snprintf(
		request, sizeof(request),
		"GET %s%s HTTP/1.1\r\n"
		"Host: bench.example\r\n"
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 "
		"Firefox/140.0\r\n"
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
		"Accept-Language: en-US,en;q=0.5\r\n"
		"Accept-Encoding: identity\r\n"
		"Cache-Control: no-cache\r\n"
		"%s"
		"\r\n",
		path, in_query ? "?t=" TOKEN_MARKER "00000000000000000000000000000000" : "",
		in_header ? "X-Bench: " TOKEN_MARKER "00000000000000000000000000000000\r\n" : "");
	if (request_bytes >= sizeof(request)) {
		fprintf(stderr, "--path is too long\n");
		exit(2);
	}
	marker = strstr(request, TOKEN_MARKER);
	token_place = token_in && marker ? marker + TOKEN_MARKER_BYTES : NULL;
}

static void address_parse(const char *text)
{
	char host[64];
	unsigned port;

	if (sscanf(text, "%63[^:]:%u", host, &port) != 2 || port == 0 || port > 65535 ||
	    inet_pton(AF_INET, host, &options.proxy.sin_addr) != 1) {
		fprintf(stderr, "--connect wants ADDRESS:PORT\n");
		exit(2);
	}
	if ((ntohl(options.proxy.sin_addr.s_addr) >> 24) != 127) {
		fprintf(stderr, "--connect: this generator stays on loopback\n");
		exit(2);
	}
	options.proxy.sin_family = AF_INET;
	options.proxy.sin_port = htons((uint16_t)port);
}

static void options_parse(int argc, char **argv)
{
	static const struct option known[] = {
		{ "connect", required_argument, NULL, 'c' },
		{ "connections", required_argument, NULL, 'n' },
		{ "requests", required_argument, NULL, 'r' },
		{ "seconds", required_argument, NULL, 's' },
		{ "rate", required_argument, NULL, 'R' },
		{ "path", required_argument, NULL, 'p' },
		{ "token", required_argument, NULL, 't' },
		{ "seed", required_argument, NULL, 'S' },
		{ "log", required_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 },
	};
	const char *path = "/orders/42", *token_in = NULL;
	double seconds = 0;
	int option;

	token_state = clock_ns(CLOCK_REALTIME);
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 'c':
			address_parse(optarg);
			break;
		case 'n':
			options.connections = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'r':
			options.requests_max = strtoull(optarg, NULL, 10);
			break;
		case 's':
			seconds = strtod(optarg, NULL);
			break;
		case 'R':
			options.rate = strtoull(optarg, NULL, 10);
			break;
		case 'p':
			path = optarg;
			break;
		case 't':
			token_in = optarg;
			break;
		case 'S':
			token_state = strtoull(optarg, NULL, 10);
			break;
		case 'l':
			options.log = truth_open(optarg);
			break;
		default:
			exit(2);
		}
	}
	if (options.proxy.sin_port == 0 || options.connections == 0 || seconds <= 0) {
		fprintf(stderr, "usage: loadgen --connect 127.0.0.1:PORT --seconds MAX "
				"[--connections N] [--requests MAX] [--rate N] [--path P]\n"
				"       [--token query|header] [--seed N] [--log FILE]\n");
		exit(2);
	}
	options.deadline_ns = now_ns() + (uint64_t)(seconds * 1e9);
	request_build(path, token_in);
}

static void start(void)
{
	struct epoll_event control = { .events = EPOLLIN, .data.ptr = NULL };

	connections = calloc(options.connections, sizeof(*connections));
	free_ring = calloc(options.connections, sizeof(*free_ring));
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (!connections || !free_ring || epoll_fd < 0)
		die("start");
	for (unsigned i = 0; i < options.connections; i++) {
		connection_open(&connections[i]);
		connection_release(&connections[i]);
	}
	/* Proxies that accept one connection per turn starve the last ones once load has begun. */
	usleep(ACCEPT_PAUSE_US + options.connections * ACCEPT_PAUSE_EACH_US);
	fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
	/* stdin may be a file or /dev/null, which epoll refuses: then there is no steering. */
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &control);
	interval.from_ns = due_ns = now_ns();
	printf("{\"event\":\"start\",\"monotonicNs\":%lu,\"realtimeNs\":%lu,\"requestBytes\":%zu}"
	       "\n",
	       now_ns(), clock_ns(CLOCK_REALTIME), request_bytes);
	fflush(stdout);
}

/* True when nothing is outstanding and nothing more will be sent, or the drain took too long. */
static int finished(void)
{
	uint64_t at_ns = now_ns();

	if (at_ns >= options.deadline_ns)
		stopping = 1;
	if (has_more())
		return 0;
	if (free_count == options.connections)
		return 1;
	if (drain_deadline_ns == 0)
		drain_deadline_ns = at_ns + DRAIN_NS;
	return at_ns >= drain_deadline_ns;
}

int main(int argc, char **argv)
{
	struct epoll_event events[EVENTS_MAX];

	signal(SIGPIPE, SIG_IGN);
	options_parse(argc, argv);
	start();
	while (!finished()) {
		int n;

		send_due();
		n = epoll_wait(epoll_fd, events, EVENTS_MAX, options.rate ? 1 : 100);
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr)
				connection_read(events[i].data.ptr);
			else
				control_read();
		}
	}
	printf("{\"event\":\"end\",\"sent\":%lu,\"answered\":%lu,\"failed\":%lu,\"reconnects\":%lu,"
	       "\"unanswered\":%lu}\n",
	       sent, answered, failed, reconnects, (uint64_t)(options.connections - free_count));
	fflush(stdout);
	if (options.log && fclose(options.log))
		die("truth file");
	return 0;
}
