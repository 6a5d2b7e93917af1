// SPDX-License-Identifier: GPL-2.0-only OR MIT
#define _GNU_SOURCE
#include "objects.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Agents load from one worker thread; a test may load from several. */
static __thread struct kernel_error *log_target;

/* Keeps the end of the log: the verifier says what is wrong in its last lines. */
static void log_append(struct kernel_error *error, const char *text, size_t bytes)
{
	size_t used = strlen(error->log), room = sizeof(error->log) - 1;

	if (bytes > room) {
		text += bytes - room;
		bytes = room;
	}
	if (used + bytes > room) {
		size_t surplus = used + bytes - room;

		memmove(error->log, error->log + surplus, used - surplus);
		used -= surplus;
	}
	memcpy(error->log + used, text, bytes);
	error->log[used + bytes] = '\0';
}

static int on_print(enum libbpf_print_level level, const char *format, va_list args)
{
	char *text = NULL;
	int bytes;

	if (!log_target || level == LIBBPF_DEBUG)
		return 0;
	bytes = vasprintf(&text, format, args);
	if (bytes > 0)
		log_append(log_target, text, (size_t)bytes);
	free(text);
	return bytes;
}

void objects_log_to(struct kernel_error *error)
{
	if (error)
		memset(error, 0, sizeof(*error));
	log_target = error;
	libbpf_set_print(on_print);
}

int objects_fail(struct kernel_error *error, const char *code, int number, const char *subject)
{
	number = number < 0 ? -number : number;
	/* The verifier says EACCES for programs that it refuses: that is no lack of permission. */
	if (number == EPERM || (number == EACCES && strcmp(code, KERNEL_ERROR_LOAD)))
		code = KERNEL_ERROR_PERMISSION;
	error->code = code;
	error->number = number;
	memset(error->subject, 0, sizeof(error->subject));
	memcpy(error->subject, subject, strnlen(subject, sizeof(error->subject) - 1));
	return number ? -number : -EIO;
}

struct bpf_object *objects_open(const char *directory, const char *file, struct kernel_error *error)
{
	char path[4096];
	struct bpf_object *object;

	snprintf(path, sizeof(path), "%s/%s", directory, file);
	object = bpf_object__open_file(path, NULL);
	if (!object)
		objects_fail(error, KERNEL_ERROR_OBJECT, errno, path);
	return object;
}

int objects_share_maps(struct bpf_object *object, struct bpf_object *first,
		       struct kernel_error *error)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		struct bpf_map *shared = bpf_object__find_map_by_name(first, bpf_map__name(map));
		int status;

		/* Internal maps (the configuration) belong to their object, but for this one. */
		if (!shared ||
		    (bpf_map__is_internal(map) && strcmp(bpf_map__name(map), OBJECTS_SHARED_DATA)))
			continue;
		status = bpf_map__reuse_fd(map, bpf_map__fd(shared));
		if (status)
			return objects_fail(error, KERNEL_ERROR_MAP, status, bpf_map__name(map));
	}
	return 0;
}

static int read_number(const char *path)
{
	char text[32] = {};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t bytes;

	if (fd < 0)
		return -errno;
	bytes = read(fd, text, sizeof(text) - 1);
	close(fd);
	return bytes > 0 ? atoi(text) : -EIO;
}

/*
 * Reads the id in a child with a mount namespace of its own, so that nothing is mounted for
 * anybody else. The child only makes system calls (other threads may hold locks at fork).
 */
static int read_id_privately(const char *path)
{
	int id = -ENOENT, ends[2], status;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	child = fork();
	if (child == 0) {
		int found = -EPERM;

		if (!unshare(CLONE_NEWNS) && !mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
		    !mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL))
			found = read_number(path);
		_exit(write(ends[1], &found, sizeof(found)) != sizeof(found));
	}
	close(ends[1]);
	if (child > 0) {
		if (read(ends[0], &id, sizeof(id)) != sizeof(id))
			id = -EIO;
		waitpid(child, &status, 0);
	}
	close(ends[0]);
	return id;
}

static int tracepoint_id(const char *group, const char *name)
{
	static const char *const roots[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	char path[256];
	int id = -ENOENT;

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]) && id < 0; i++) {
		snprintf(path, sizeof(path), "%s/events/%s/%s/id", roots[i], group, name);
		id = read_number(path);
	}
	if (id >= 0)
		return id;
	snprintf(path, sizeof(path), "%s/events/%s/%s/id", roots[0], group, name);
	return read_id_privately(path);
}

struct bpf_link *objects_attach_tracepoint(struct bpf_program *program, const char *group,
					   const char *name)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr) };
	struct bpf_link *link;
	int fd, id = tracepoint_id(group, name);

	if (id < 0) {
		errno = -id;
		return NULL;
	}
	attr.config = (uint64_t)id;
	/* The program hangs on the tracepoint, not on this event: one CPU is as good as all. */
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return NULL;
	link = bpf_program__attach_perf_event(program, fd);
	if (!link) {
		int saved = errno;

		close(fd);
		errno = saved;
	}
	return link;
}
