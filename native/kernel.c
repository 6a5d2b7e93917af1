// SPDX-License-Identifier: GPL-2.0-only OR MIT
#define _GNU_SOURCE
#include "kernel.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../bpf/command.h"
#include "../bpf/event.h"
#include "objects.h"

/* Run by the loader, never attached. */
#define COMMAND_PROGRAM "command"
#define UPROBES_MAX 512
#define RECORD_BYTES_MAX (sizeof(struct data_event) + SPANTAP_CHUNK_BYTES)

/*
 * Objects in load order. The first one creates the shared maps. Those that are not required are
 * loaded when they are wanted, so that their failure costs only what they do.
 */
static const char *const object_files[] = { "syscall.bpf.o", "process.bpf.o", "sweep.bpf.o",
					    "cause.bpf.o" };
#define OBJECTS (sizeof(object_files) / sizeof(object_files[0]))
#define OBJECTS_REQUIRED 2
#define OBJECT_SWEEP 2
#define OBJECT_CAUSE 3

/* Mirrors bpf/maps.h. */
struct config {
	uint32_t watch_all;
	uint32_t copy_bytes_max;
	uint32_t connection_slots;
	uint32_t _pad;
};

struct kernel {
	struct kernel_options options;
	char directory[4096];
	struct bpf_object *objects[OBJECTS];
	struct bpf_link *links[16]; /* of the required programs */
	size_t links_used;
	struct bpf_link *uprobes[UPROBES_MAX]; /* by handle, NULL free */
	struct ring_buffer *ring;
	int connections[2]; /* conn_slots and conn_by_inode */
	uint32_t connection_slots;
	int counters;
	int command;
	int cpus;
	uint32_t sweeps;	  /* mark of the last one, 1 to 65535 */
	uint64_t *counter_values; /* cpus * COUNTER_MAX */
	/* The batch being filled by kernel_drain. */
	uint8_t *batch;
	size_t batch_bytes;
	size_t batch_used;
};

static int on_record(void *context, void *record, size_t bytes)
{
	struct kernel *kernel = context;

	memcpy(kernel->batch + kernel->batch_used, record, bytes);
	kernel->batch_used += bytes;
	/* libbpf has consumed this record already: stop in front of the next one. */
	return kernel->batch_bytes - kernel->batch_used < RECORD_BYTES_MAX ? -ENOBUFS : 0;
}

int64_t kernel_drain(struct kernel *kernel, uint8_t *batch, size_t batch_bytes)
{
	int status;

	if (batch_bytes < RECORD_BYTES_MAX)
		return -EINVAL;
	kernel->batch = batch;
	kernel->batch_bytes = batch_bytes;
	kernel->batch_used = 0;
	status = ring_buffer__consume(kernel->ring);
	kernel->batch = NULL;
	return status < 0 && status != -ENOBUFS ? status : (int64_t)kernel->batch_used;
}

static int set_entries(struct kernel *kernel, const char *name, uint32_t entries,
		       struct kernel_error *error)
{
	struct bpf_map *map = bpf_object__find_map_by_name(kernel->objects[0], name);
	int status = map ? bpf_map__set_max_entries(map, entries) : -ENOENT;

	return status ? objects_fail(error, KERNEL_ERROR_MAP, status, name) : 0;
}

static int set_sizes(struct kernel *kernel, struct kernel_error *error)
{
	uint32_t slots = kernel->connection_slots;
	int status = set_entries(kernel, "conn_slots", slots, error);

	if (!status)
		status = set_entries(kernel, "conn_by_inode", slots < 8 ? 1 : slots / 8, error);
	if (!status)
		status = set_entries(kernel, "ring", kernel->options.ring_bytes, error);
	if (!status)
		status = set_entries(kernel, "scratch_by_cpu", (uint32_t)kernel->cpus, error);
	return status;
}

static int set_config(struct kernel *kernel, struct bpf_object *object, struct kernel_error *error)
{
	struct config config = { .watch_all = kernel->options.watch_all,
				 .copy_bytes_max = kernel->options.copy_bytes_max,
				 .connection_slots = kernel->connection_slots };
	struct bpf_map *map = bpf_object__find_map_by_name(object, ".rodata.config");
	int status = map ? bpf_map__set_initial_value(map, &config, sizeof(config)) : 0;

	return status ? objects_fail(error, KERNEL_ERROR_MAP, status, ".rodata.config") : 0;
}

/* The verifier gives up with EAGAIN when a signal waits for its thread. */
static int load_undisturbed(struct bpf_object *object)
{
	sigset_t all, before;
	int status;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	status = bpf_object__load(object);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return status;
}

static int load_object(struct kernel *kernel, size_t index, struct kernel_error *error)
{
	struct bpf_object *object =
		objects_open(kernel->options.directory, object_files[index], error);
	int status;

	if (!object)
		return -error->number;
	kernel->objects[index] = object;
	status = index == 0 ? set_sizes(kernel, error)
			    : objects_share_maps(object, kernel->objects[0], error);
	if (!status)
		status = set_config(kernel, object, error);
	if (status)
		return status;
	status = load_undisturbed(object);
	return status ? objects_fail(error, KERNEL_ERROR_LOAD, status, object_files[index]) : 0;
}

static int load_required(struct kernel *kernel, struct kernel_error *error)
{
	int status = 0;

	for (size_t i = 0; i < OBJECTS_REQUIRED && !status; i++)
		status = load_object(kernel, i, error);
	return status;
}

/* Tracepoint programs need the id from tracefs; the others attach by their section's name. */
static struct bpf_link *attach_program(struct bpf_program *program)
{
	static const char prefix[] = "tracepoint/";
	const char *section = bpf_program__section_name(program);
	char group[64];
	const char *slash;

	if (strncmp(section, prefix, sizeof(prefix) - 1))
		return bpf_program__attach(program);
	section += sizeof(prefix) - 1;
	slash = strchr(section, '/');
	if (!slash || (size_t)(slash - section) >= sizeof(group)) {
		errno = EINVAL;
		return NULL;
	}
	memcpy(group, section, (size_t)(slash - section));
	group[slash - section] = '\0';
	return objects_attach_tracepoint(program, group, slash + 1);
}

static int attach_objects(struct kernel *kernel, struct kernel_error *error)
{
	for (size_t i = 0; i < OBJECTS_REQUIRED; i++) {
		struct bpf_program *program;

		bpf_object__for_each_program(program, kernel->objects[i])
		{
			struct bpf_link *link;

			if (!strcmp(bpf_program__name(program), COMMAND_PROGRAM))
				continue;
			link = attach_program(program);
			if (!link)
				return objects_fail(error, KERNEL_ERROR_ATTACH, errno,
						    bpf_program__name(program));
			kernel->links[kernel->links_used++] = link;
		}
	}
	return 0;
}

static int open_maps(struct kernel *kernel, struct kernel_error *error)
{
	struct bpf_object *object = kernel->objects[0];

	kernel->connections[0] = bpf_object__find_map_fd_by_name(object, "conn_slots");
	kernel->connections[1] = bpf_object__find_map_fd_by_name(object, "conn_by_inode");
	kernel->counters = bpf_object__find_map_fd_by_name(object, "counters");
	kernel->command =
		bpf_program__fd(bpf_object__find_program_by_name(object, COMMAND_PROGRAM));
	kernel->counter_values = calloc((size_t)kernel->cpus * COUNTER_MAX, sizeof(uint64_t));
	if (!kernel->counter_values)
		return objects_fail(error, KERNEL_ERROR_MAP, ENOMEM, "counters");
	kernel->ring = ring_buffer__new(bpf_object__find_map_fd_by_name(object, "ring"), on_record,
					kernel, NULL);
	return kernel->ring ? 0 : objects_fail(error, KERNEL_ERROR_RING, errno, "ring");
}

int kernel_open(struct kernel **out, const struct kernel_options *options,
		struct kernel_error *error)
{
	struct kernel *kernel = calloc(1, sizeof(*kernel));
	int status;

	*out = NULL;
	memset(error, 0, sizeof(*error));
	if (!kernel)
		return objects_fail(error, KERNEL_ERROR_OBJECT, ENOMEM, "kernel");
	kernel->options = *options;
	snprintf(kernel->directory, sizeof(kernel->directory), "%s", options->directory);
	kernel->options.directory = kernel->directory;
	kernel->connection_slots = 1;
	while (kernel->connection_slots < options->connections_max &&
	       kernel->connection_slots < 1u << 31)
		kernel->connection_slots <<= 1;
	objects_log_to(error);
	kernel->cpus = libbpf_num_possible_cpus();
	if (access("/sys/kernel/btf/vmlinux", R_OK)) {
		status = objects_fail(error, KERNEL_ERROR_BTF, errno, "/sys/kernel/btf/vmlinux");
		goto out;
	}
	status = load_required(kernel, error);
	if (status)
		goto out;
	status = open_maps(kernel, error);
	if (status)
		goto out;
	/* Our own bytes would make events that make bytes. */
	status = kernel_set_policy(kernel, (uint32_t)getpid(), 2, 0, error);
	if (status)
		goto out;
	status = attach_objects(kernel, error);
out:
	objects_log_to(NULL);
	if (status)
		kernel_close(kernel);
	else
		*out = kernel;
	/* What libbpf took for the kernel's types is free again: some 16 MB of our RSS. */
	malloc_trim(0);
	return status;
}

void kernel_close(struct kernel *kernel)
{
	for (size_t i = 0; i < UPROBES_MAX; i++)
		kernel_detach(kernel, (int)i);
	for (size_t i = 0; i < kernel->links_used; i++)
		bpf_link__destroy(kernel->links[i]);
	ring_buffer__free(kernel->ring);
	for (size_t i = 0; i < OBJECTS; i++)
		bpf_object__close(kernel->objects[i]);
	free(kernel->counter_values);
	free(kernel);
}

int kernel_counters(struct kernel *kernel, uint64_t *sums, struct kernel_error *error)
{
	uint32_t zero = 0;
	int status = bpf_map_lookup_elem(kernel->counters, &zero, kernel->counter_values);

	if (status)
		return objects_fail(error, KERNEL_ERROR_MAP, errno, "counters");
	memset(sums, 0, COUNTER_MAX * sizeof(*sums));
	for (int cpu = 0; cpu < kernel->cpus; cpu++)
		for (int i = 0; i < COUNTER_MAX; i++)
			sums[i] += kernel->counter_values[cpu * COUNTER_MAX + i];
	return 0;
}

static int run_command(struct kernel *kernel, uint64_t command, uint64_t subject, uint64_t argument,
		       struct kernel_error *error)
{
	uint64_t args[3] = { command, subject, argument };
	LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = args, .ctx_size_in = sizeof(args));

	if (bpf_prog_test_run_opts(kernel->command, &options))
		return objects_fail(error, KERNEL_ERROR_MAP, errno, "command");
	if (options.retval)
		return objects_fail(error, KERNEL_ERROR_MAP, E2BIG,
				    command == COMMAND_SET_POLICY ? "policy_by_tgid"
								  : "conn_by_inode");
	return 0;
}

int kernel_set_policy(struct kernel *kernel, uint32_t tgid, uint32_t watch, uint32_t family,
		      struct kernel_error *error)
{
	return run_command(kernel, COMMAND_SET_POLICY, tgid, watch | (uint64_t)family << 16, error);
}

int kernel_clear_policy(struct kernel *kernel, uint32_t tgid, struct kernel_error *error)
{
	return run_command(kernel, COMMAND_CLEAR_POLICY, tgid, 0, error);
}

int kernel_set_nginx_connection(struct kernel *kernel, uint64_t inode, uint64_t address,
				struct kernel_error *error)
{
	return run_command(kernel, COMMAND_NGINX_CONNECTION, inode, address, error);
}

int kernel_ignore_connection(struct kernel *kernel, uint64_t inode, struct kernel_error *error)
{
	return run_command(kernel, COMMAND_IGNORE, inode, 0, error);
}

int kernel_forget_connection(struct kernel *kernel, uint64_t inode, struct kernel_error *error)
{
	return run_command(kernel, COMMAND_FORGET, inode, 0, error);
}

static int want_object(struct kernel *kernel, size_t index, struct kernel_error *error)
{
	int status;

	if (kernel->objects[index])
		return 0;
	memset(error, 0, sizeof(*error));
	objects_log_to(error);
	status = load_object(kernel, index, error);
	objects_log_to(NULL);
	if (status) {
		bpf_object__close(kernel->objects[index]);
		kernel->objects[index] = NULL;
	}
	return status;
}

/*
 * Opens one of the sweep's iterators; reading it makes it visit the elements of `map`, or with -1
 * all descriptors of all processes.
 */
static int open_iterator(struct kernel *kernel, const char *name, int map)
{
	struct bpf_program *program =
		bpf_object__find_program_by_name(kernel->objects[OBJECT_SWEEP], name);
	union bpf_iter_link_info info = { .map.map_fd = (uint32_t)map };
	LIBBPF_OPTS(bpf_iter_attach_opts, options);
	struct bpf_link *link;
	int fd;

	if (map >= 0) {
		options.link_info = &info;
		options.link_info_len = sizeof(info);
	}
	link = bpf_program__attach_iter(program, &options);
	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0)
		fd = -errno;
	bpf_link__destroy(link);
	return fd;
}

/* What the sweep's iterators write: inodes. */
struct suspects {
	uint64_t *inodes;
	size_t bytes;
	size_t bytes_max;
};

/* Runs an iterator to its end; returns 0 or -errno. */
static int run_iterator(struct kernel *kernel, const char *name, int map, struct suspects *out)
{
	int fd = open_iterator(kernel, name, map);
	ssize_t got;

	if (fd < 0)
		return fd;
	do {
		got = read(fd, (char *)out->inodes + out->bytes, out->bytes_max - out->bytes);
		if (got > 0)
			out->bytes += (size_t)got;
	} while (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)));
	close(fd);
	return got < 0 ? -errno : 0;
}

static int find_suspects(struct kernel *kernel, struct suspects *out, struct kernel_error *error)
{
	const struct {
		const char *program;
		int map;
	} steps[] = {
		{ "suspect_connections", kernel->connections[0] },
		{ "suspect_connections", kernel->connections[1] },
		{ "clear_open_sockets", -1 },
		{ "report_suspects", kernel->connections[0] },
		{ "report_suspects", kernel->connections[1] },
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int status = run_iterator(kernel, steps[i].program, steps[i].map, out);

		if (status)
			return objects_fail(error, KERNEL_ERROR_ATTACH, status, steps[i].program);
	}
	return 0;
}

int kernel_sweep(struct kernel *kernel, struct kernel_error *error)
{
	/* Room for all, and for a last read that finds nothing more. */
	size_t max = kernel->connection_slots + kernel->connection_slots / 8 + 2;
	struct suspects suspects = { .inodes = calloc(max, sizeof(uint64_t)),
				     .bytes_max = max * sizeof(uint64_t) };
	int ended = 0, status;

	memset(error, 0, sizeof(*error));
	if (!suspects.inodes)
		return objects_fail(error, KERNEL_ERROR_MAP, ENOMEM, "conn_slots");
	status = want_object(kernel, OBJECT_SWEEP, error);
	if (!status)
		status = find_suspects(kernel, &suspects, error);
	for (size_t i = 0; i < suspects.bytes / sizeof(uint64_t) && !status; i++) {
		status = run_command(kernel, COMMAND_END_SUSPECT, suspects.inodes[i], 0, error);
		ended++;
	}
	free(suspects.inodes);
	return status ? status : ended;
}

int kernel_attach_uprobe(struct kernel *kernel, const char *program, const char *path,
			 size_t offset, int is_return, struct kernel_error *error)
{
	struct bpf_program *found;
	int handle = 0, status = want_object(kernel, OBJECT_CAUSE, error);

	if (status)
		return status;
	found = bpf_object__find_program_by_name(kernel->objects[OBJECT_CAUSE], program);
	if (!found)
		return objects_fail(error, KERNEL_ERROR_UPROBE, ENOENT, program);
	while (handle < UPROBES_MAX && kernel->uprobes[handle])
		handle++;
	if (handle == UPROBES_MAX)
		return objects_fail(error, KERNEL_ERROR_UPROBES, ENOSPC, path);
	objects_log_to(error);
	kernel->uprobes[handle] =
		bpf_program__attach_uprobe(found, is_return != 0, -1, path, offset);
	objects_log_to(NULL);
	if (!kernel->uprobes[handle])
		return objects_fail(error, KERNEL_ERROR_UPROBE, errno, path);
	return handle;
}

void kernel_detach(struct kernel *kernel, int handle)
{
	if (handle < 0 || handle >= UPROBES_MAX || !kernel->uprobes[handle])
		return;
	bpf_link__destroy(kernel->uprobes[handle]);
	kernel->uprobes[handle] = NULL;
}
