// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Makes the system calls that a test asks for, one line each, on sockets that the test names:
 *
 *   pair A B tcp4 [ADDRESS]|tcp6|mapped|unix PATH|abstract NAME   A connected, B accepted
 *   write A TEXT      read A N       send, recv, sendmsg, recvmsg, ... (table below)
 *
 * Answers "ok RESULT" or "errno N". TEXT knows \r \n \0 \s (space) and \xHH. The process names
 * everything itself, so that a test reads as the list of calls that it is about.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUFFER_BYTES (4 << 20)
#define ARGS_MAX 8
#define IOVECS_MAX 1024

static int fds[256]; /* by the first letter of a name */
static char *args[ARGS_MAX];
static char buffer[BUFFER_BYTES];

static int *fd_of(const char *name)
{
	return &fds[(unsigned char)name[0]];
}

static long number(int arg)
{
	return strtol(args[arg], NULL, 0);
}

/* Decodes in place; returns the length, which NULs do not end. */
static size_t decode(char *text)
{
	char *out = text, *in = text;

	for (; *in; in++) {
		if (*in != '\\') {
			*out++ = *in;
			continue;
		}
		in++;
		if (*in == 'x') {
			char digits[3] = { in[1], in[2] };

			*out++ = (char)strtol(digits, NULL, 16);
			in += 2;
		} else {
			*out++ = *in == 'r' ? '\r' : *in == 'n' ? '\n' : *in == 's' ? ' ' : '\0';
		}
	}
	return (size_t)(out - text);
}

/* `bytes` of a message that begins with TEXT. */
static size_t fill(int text_arg, int bytes_arg)
{
	size_t bytes = decode(args[text_arg]);

	memset(buffer, 'x', sizeof(buffer));
	memcpy(buffer, args[text_arg], bytes);
	return args[bytes_arg] ? (size_t)number(bytes_arg) : bytes;
}

static socklen_t address_of(const char *kind, struct sockaddr_storage *out)
{
	struct sockaddr_in *four = (void *)out;
	struct sockaddr_in6 *six = (void *)out;
	struct sockaddr_un *local = (void *)out;

	memset(out, 0, sizeof(*out));
	if (!strcmp(kind, "tcp4")) {
		four->sin_family = AF_INET;
		four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		if (args[4])
			inet_pton(AF_INET, args[4], &four->sin_addr);
		return sizeof(*four);
	}
	if (!strcmp(kind, "tcp6") || !strcmp(kind, "mapped")) {
		six->sin6_family = AF_INET6;
		inet_pton(AF_INET6, kind[0] == 't' ? "::1" : "::ffff:127.0.0.1", &six->sin6_addr);
		return sizeof(*six);
	}
	local->sun_family = AF_UNIX;
	if (!strcmp(kind, "unix")) {
		strncpy(local->sun_path, args[4], sizeof(local->sun_path) - 1);
		return sizeof(*local);
	}
	strncpy(local->sun_path + 1, args[4], sizeof(local->sun_path) - 2);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(args[4]));
}

/* Listens, connects, accepts; the listening socket stays for `again`. */
static long make_pair(void)
{
	struct sockaddr_storage address;
	socklen_t bytes = address_of(args[3], &address);
	int *listener = fd_of("L");

	*listener = socket(address.ss_family, SOCK_STREAM, 0);
	if (bind(*listener, (void *)&address, bytes) || listen(*listener, 16))
		return -1;
	bytes = sizeof(address);
	getsockname(*listener, (void *)&address, &bytes);
	*fd_of(args[1]) = socket(address.ss_family, SOCK_STREAM, 0);
	if (connect(*fd_of(args[1]), (void *)&address, bytes))
		return -1;
	*fd_of(args[2]) = accept4(*listener, NULL, NULL, 0);
	return *fd_of(args[2]);
}

/* again A B: another connection to the same listener; A is an open socket or 0. */
static long connect_again(void)
{
	struct sockaddr_storage address;
	socklen_t bytes = sizeof(address);
	int *client = fd_of(args[1]);

	getsockname(*fd_of("L"), (void *)&address, &bytes);
	if (!*client)
		*client = socket(address.ss_family, SOCK_STREAM, 0);
	if (connect(*client, (void *)&address, bytes))
		return -1;
	*fd_of(args[2]) = accept(*fd_of("L"), NULL, NULL);
	return *client;
}

/* Connects a TCP socket to nobody, so that it can be connected again. */
static long disconnect(void)
{
	struct sockaddr nobody = { .sa_family = AF_UNSPEC };

	return connect(*fd_of(args[1]), &nobody, sizeof(nobody));
}

static struct iovec iovecs[IOVECS_MAX];

/* Splits `bytes` of the buffer into pieces of `piece`, with an empty iovec in front. */
static int split(size_t bytes, size_t piece)
{
	int count = 1;

	iovecs[0] = (struct iovec){ buffer, 0 };
	for (size_t at = 0; at < bytes && count < IOVECS_MAX; at += piece, count++)
		iovecs[count] =
			(struct iovec){ buffer + at, bytes - at < piece ? bytes - at : piece };
	return count;
}

static long move_message(int is_send, size_t bytes, int flags)
{
	struct msghdr message = { .msg_iov = iovecs };

	message.msg_iovlen = (size_t)split(bytes, (size_t)number(3));
	return is_send ? sendmsg(*fd_of(args[1]), &message, flags)
		       : recvmsg(*fd_of(args[1]), &message, flags);
}

/* sendmmsg A COUNT / recvmmsg A COUNT: messages of ten bytes each. */
static long move_messages(int is_send)
{
	static struct mmsghdr messages[64];
	static struct iovec pieces[64];
	unsigned count = (unsigned)number(2);

	memcpy(buffer, "GET / HTTP", 10);
	for (unsigned i = 0; i < count; i++) {
		pieces[i] = (struct iovec){ buffer + 10 * i, 10 };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &pieces[i], .msg_iovlen = 1 };
	}
	return is_send ? sendmmsg(*fd_of(args[1]), messages, count, 0)
		       : recvmmsg(*fd_of(args[1]), messages, count, 0, NULL);
}

/* The received bytes overwrite the iovec that named their place: it cannot be read any more. */
static long read_over_iovec(void)
{
	struct iovec *iovec = (void *)buffer;

	*iovec = (struct iovec){ buffer, (size_t)number(2) };
	return readv(*fd_of(args[1]), iovec, 1);
}

static long send_file(void)
{
	FILE *file = tmpfile();
	size_t bytes = (size_t)number(2);
	long sent;

	fwrite(buffer, 1, bytes, file);
	fflush(file);
	off_t start = 0;

	sent = sendfile(*fd_of(args[1]), fileno(file), &start, bytes);
	fclose(file);
	return sent;
}

/* splice A B N: from one socket to the other through a pipe. */
static long splice_through(void)
{
	int ends[2];
	long moved;

	if (pipe(ends))
		return -1;
	moved = splice(*fd_of(args[1]), NULL, ends[1], NULL, (size_t)number(3), 0);
	if (moved > 0)
		moved = splice(ends[0], NULL, *fd_of(args[2]), NULL, (size_t)moved, 0);
	close(ends[0]);
	close(ends[1]);
	return moved;
}

/* Bytes through a pipe and a datagram pair: nothing of them may be captured. */
static long other_descriptors(void)
{
	static const char request[] = "GET / HTTP/1.1\r\n\r\n";
	int ends[2];

	if (pipe(ends) || write(ends[1], request, sizeof(request)) < 0)
		return -1;
	if (read(ends[0], buffer, sizeof(request)) < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) || send(ends[0], request, 18, 0) < 0)
		return -1;
	return recv(ends[1], buffer, 18, 0);
}

/* fork A TEXT: a child writes on the inherited socket and exits; returns its pid. */
static long write_in_child(void)
{
	size_t bytes = decode(args[2]);
	pid_t child = fork();

	if (child == 0)
		_exit(write(*fd_of(args[1]), args[2], bytes) < 0);
	waitpid(child, NULL, 0);
	return child;
}

static void *write_in_thread(void *unused)
{
	(void)unused;
	for (int i = 0; i < 100; i++)
		if (write(*fd_of(args[1]), "GET / HTTP/1.1\r\n\r\n", 18) != 18)
			return NULL;
	return args[1];
}

/* threads A: four threads write a hundred requests of 18 bytes each. */
static long write_in_threads(void)
{
	pthread_t threads[4];
	long done = 0;

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, write_in_thread, NULL);
	for (int i = 0; i < 4; i++) {
		void *result;

		pthread_join(threads[i], &result);
		done += result != NULL;
	}
	return done;
}

/* run PROGRAM: in a child that execs it; returns its pid. */
static long run_program(void)
{
	pid_t child = fork();

	if (child == 0) {
		execl(args[1], args[1], (char *)NULL);
		_exit(127);
	}
	waitpid(child, NULL, 0);
	return child;
}

/* become PROGRAM: the same process runs it; the answer comes from there. */
static long become(void)
{
	execl(args[1], args[1], "again", (char *)NULL);
	return -1;
}

/* epoll A: registers it as nginx does, with the address of something that holds the descriptor. */
static long register_like_nginx(void)
{
	static struct {
		void *data, *read, *write;
		int fd;
	} connection;
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = &connection };

	connection.fd = *fd_of(args[1]);
	return epoll_ctl(epoll_create1(0), EPOLL_CTL_ADD, connection.fd, &event);
}

/* network ADDRESS ADDRESS: from now on in a network of its own that has these IPv4 addresses. */
static long move_to_network(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	struct sockaddr_in *address = (void *)&request.ifr_addr;
	int control;

	if (unshare(CLONE_NEWNET))
		return -1;
	control = socket(AF_INET, SOCK_DGRAM, 0);
	if (ioctl(control, SIOCSIFFLAGS, &request))
		return -1;
	for (int i = 1; args[i]; i++) {
		snprintf(request.ifr_name, sizeof(request.ifr_name), "lo:%d", i);
		memset(address, 0, sizeof(*address));
		address->sin_family = AF_INET;
		inet_pton(AF_INET, args[i], &address->sin_addr);
		if (ioctl(control, SIOCSIFADDR, &request))
			return -1;
	}
	return close(control);
}

/* cpu N: runs there from now on. */
static long move_to_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((int)number(1), &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

/* reset A: closes so that the peer gets a RST. */
static long reset_peer(void)
{
	struct linger linger = { .l_onoff = 1 };

	setsockopt(*fd_of(args[1]), SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	return close(*fd_of(args[1]));
}

#if defined(__x86_64__)
/*
 * Stands in for a Go program: system calls are made by the goroutine whose address lies where Go
 * keeps it (the only thread-local variable of an executable lies there), and the functions that
 * are probed get theirs in r14 and a persistConn in rax.
 */
static __thread unsigned long goroutine;

__attribute__((noinline, naked)) void go_round_trip(void)
{
	__asm__ volatile("nop; ret");
}

__attribute__((noinline, naked)) void go_write_loop(void)
{
	__asm__ volatile("nop; ret");
}

/* g G: the goroutine of the calls that follow. */
static long become_goroutine(void)
{
	unsigned long found;

	goroutine = (unsigned long)number(1);
	__asm__ volatile("mov %%fs:-8, %0" : "=r"(found));
	errno = ENOTSUP;
	return found == goroutine ? 0 : -1;
}

/* roundtrip PC, writeloop PC */
static long call_as_go(void (*function)(void))
{
	unsigned long pc = (unsigned long)number(1);

	__asm__ volatile("mov %1, %%r14; call *%2"
			 : "+a"(pc)
			 : "r"(goroutine), "r"(function)
			 : "r14", "memory", "cc");
	return 0;
}
#endif

static long perform(void)
{
	const char *call = args[0];
	int fd = args[1] ? *fd_of(args[1]) : -1;

#define IS(name) (!strcmp(call, name))
	if (IS("pair"))
		return make_pair();
	if (IS("again"))
		return connect_again();
	if (IS("disconnect"))
		return disconnect();
	if (IS("write"))
		return write(fd, buffer, fill(2, 3));
	if (IS("read"))
		return read(fd, buffer, (size_t)number(2));
	if (IS("send"))
		return send(fd, buffer, fill(2, 3), 0);
	if (IS("sendmore"))
		return send(fd, buffer, fill(2, 3), MSG_MORE);
	if (IS("sendoob"))
		return send(fd, buffer, fill(2, 3), MSG_OOB);
	if (IS("recv"))
		return recv(fd, buffer, (size_t)number(2), 0);
	if (IS("peek"))
		return recv(fd, buffer, (size_t)number(2), MSG_PEEK);
	if (IS("discard"))
		return recv(fd, NULL, (size_t)number(2), MSG_TRUNC);
	if (IS("writev"))
		return writev(fd, iovecs, split(fill(2, 4), (size_t)number(3)));
	if (IS("readv"))
		return readv(fd, iovecs, split((size_t)number(2), (size_t)number(3)));
	if (IS("sendmsg"))
		return move_message(1, fill(2, 4), 0);
	if (IS("recvmsg"))
		return move_message(0, (size_t)number(2), 0);
	if (IS("peekmsg"))
		return move_message(0, (size_t)number(2), MSG_PEEK);
	if (IS("sendmmsg"))
		return move_messages(1);
	if (IS("recvmmsg"))
		return move_messages(0);
	if (IS("overwrite"))
		return read_over_iovec();
	if (IS("sendfile"))
		return send_file();
	if (IS("splice"))
		return splice_through();
	if (IS("others"))
		return other_descriptors();
	if (IS("dup"))
		return *fd_of(args[2]) = dup(fd);
	if (IS("dup2"))
		return dup2(fd, *fd_of(args[2]));
	if (IS("close")) {
		*fd_of(args[1]) = 0;
		return close(fd);
	}
	if (IS("reset"))
		return reset_peer();
	if (IS("shutdown"))
		return shutdown(fd, SHUT_WR);
	if (IS("fork"))
		return write_in_child();
	if (IS("threads"))
		return write_in_threads();
	if (IS("run"))
		return run_program();
	if (IS("become"))
		return become();
	if (IS("network"))
		return move_to_network();
	if (IS("cpu"))
		return move_to_cpu();
	if (IS("epoll"))
		return register_like_nginx();
#if defined(__x86_64__)
	if (IS("g"))
		return become_goroutine();
	if (IS("roundtrip"))
		return call_as_go(go_round_trip);
	if (IS("writeloop"))
		return call_as_go(go_write_loop);
#endif
	errno = ENOSYS;
	return -1;
}

int main(int argc, char **argv)
{
	static char line[65536];

	(void)argv;
	setvbuf(stdin, NULL, _IONBF, 0);
	setvbuf(stdout, NULL, _IONBF, 0);
	if (argc > 1)
		puts("ok 0");

	signal(SIGPIPE, SIG_IGN);
	while (fgets(line, sizeof(line), stdin)) {
		char *rest = line;

		line[strcspn(line, "\n")] = '\0';
		memset(args, 0, sizeof(args));
		for (int i = 0; i < ARGS_MAX && rest; i++)
			args[i] = strsep(&rest, " ");
		long result = perform();

		if (result < 0)
			printf("errno %d\n", errno);
		else
			printf("ok %ld\n", result);
	}
	return 0;
}
