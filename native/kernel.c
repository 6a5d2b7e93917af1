// SPDX-License-Identifier: GPL-2.0-only OR MIT
#define _GNU_SOURCE
#include "kernel.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../bpf/command.h"
#include "../bpf/event.h"
#include "objects.h"
#include "rings.h"

/* Run by the loader, never attached. */
#define COMMAND_PROGRAM "command"
#define UPROBES_MAX 512

/* Values of an array map: 4 MiB until 6.9 (KMALLOC_MAX_SIZE). */
#define RING_VALUE_BYTES_MAX (4u << 20)
#define RING_OVERHEAD_BYTES (sizeof(struct ring) + RING_SLACK_BYTES)

/*
 * Records younger than this stay for the next drain. What one thread does after another, or a
 * thread on one CPU after being on another, is in order without it: a record is visible before its
 * call returns, and the clock is read before the rings are. It is for calls at the same time: a
 * program makes its record visible 1 us after it took the time, with an interrupt between some
 * 10 us. And for the kernel's fast clock, which may differ from ours by a little.
 */
#define HOLD_BACK_NS 100000

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
	uint32_t ring_bytes;
};

/* Where records of `ring_interrupt` go. */
struct refill {
	uint8_t *bytes;
	size_t used;
	size_t bytes_max;
};

struct kernel {
	struct kernel_options options;
	char directory[4096];
	struct bpf_object *objects[OBJECTS];
	struct bpf_link *links[16]; /* of the required programs */
	size_t links_used;
	struct bpf_link *uprobes[UPROBES_MAX]; /* by handle, NULL free */
	struct rings *rings;
	uint32_t ring_bytes;		/* of one CPU */
	void *ring_memory;		/* map `rings`, NULL not mapped */
	struct ring_buffer *interrupts; /* map `ring_interrupt` */
	struct refill refill;		/* from there, while it lasts */
	int connections[2];		/* conn_slots and conn_by_inode */
	uint32_t connection_slots;
	int counters;
	int command;
	int cpus;
	uint32_t sweeps;	  /* mark of the last one, 1 to 65535 */
	uint64_t *counter_values; /* cpus * COUNTER_MAX */
};

static int on_interrupt_record(void *context, void *record, size_t bytes)
{
	struct refill *refill = &((struct kernel *)context)->refill;

	memcpy(refill->bytes + refill->used, record, bytes);
	refill->used += bytes;
	/* libbpf has consumed this record already: stop in front of the next one. */
	return refill->bytes_max - refill->used < sizeof(struct close_event) ? -ENOBUFS : 0;
}

static int64_t refill_interrupts(void *context, uint8_t *bytes, size_t bytes_max)
{
	struct kernel *kernel = context;
	int status;

	kernel->refill = (struct refill){ .bytes = bytes, .bytes_max = bytes_max };
	status = ring_buffer__consume(kernel->interrupts);
	return status < 0 && status != -ENOBUFS ? status : (int64_t)kernel->refill.used;
}

/* CLOCK_MONOTONIC, as the kernel side stamps it. */
static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int64_t kernel_drain(struct kernel *kernel, uint8_t *batch, size_t batch_bytes, int is_last)
{
	uint64_t until_ns = is_last ? UINT64_MAX : now_ns() - HOLD_BACK_NS;

	return rings_drain(kernel->rings, batch, batch_bytes, until_ns);
}

static int set_entries(struct kernel *kernel, const char *name, uint32_t entries,
		       struct kernel_error *error)
{
	struct bpf_map *map = bpf_object__find_map_by_name(kernel->objects[0], name);
	int status = map ? bpf_map__set_max_entries(map, entries) : -ENOENT;

	return status ? objects_fail(error, KERNEL_ERROR_MAP, status, name) : 0;
}

/* Each CPU's share of the rings, and what else the kernel takes as one value. */
static uint32_t ring_bytes_of(const struct kernel_options *options, uint32_t cpus)
{
	uint32_t bytes = options->ring_bytes / cpus;

	if (bytes < options->ring_bytes_min)
		bytes = options->ring_bytes_min;
	if (bytes > RING_VALUE_BYTES_MAX - RING_OVERHEAD_BYTES)
		bytes = RING_VALUE_BYTES_MAX - RING_OVERHEAD_BYTES;
	return bytes & ~63u;
}

static uint32_t ring_value_bytes(const struct kernel *kernel)
{
	return kernel->ring_bytes + (uint32_t)RING_OVERHEAD_BYTES;
}

static int set_ring_size(struct kernel *kernel, struct kernel_error *error)
{
	struct bpf_map *map = bpf_object__find_map_by_name(kernel->objects[0], "rings");
	int status = map ? bpf_map__set_value_size(map, ring_value_bytes(kernel)) : -ENOENT;

	return status ? objects_fail(error, KERNEL_ERROR_MAP, status, "rings") : 0;
}

static int set_sizes(struct kernel *kernel, struct kernel_error *error)
{
	uint32_t slots = kernel->connection_slots;
	int status = set_entries(kernel, "conn_slots", slots, error);

	if (!status)
		status = set_entries(kernel, "conn_by_inode", slots < 8 ? 1 : slots / 8, error);
	if (!status)
		status = set_entries(kernel, "rings", (uint32_t)kernel->cpus, error);
	if (!status)
		status = set_ring_size(kernel, error);
	if (!status)
		status = set_entries(kernel, "scratch_by_cpu", (uint32_t)kernel->cpus, error);
	return status;
}

static int set_config(struct kernel *kernel, struct bpf_object *object, struct kernel_error *error)
{
	struct config config = { .watch_all = kernel->options.watch_all,
				 .copy_bytes_max = kernel->options.copy_bytes_max,
				 .connection_slots = kernel->connection_slots,
				 .ring_bytes = kernel->ring_bytes };
	struct bpf_map *map = bpf_object__find_map_by_name(object, ".rodata.config");
	int status = map ? bpf_map__set_initial_value(map, &config, sizeof(config)) : 0;

	return status ? objects_fail(error, KERNEL_ERROR_MAP, status, ".rodata.config") : 0;
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
	status = bpf_object__load(object);
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

static size_t ring_memory_bytes(const struct kernel *kernel)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t bytes = (size_t)kernel->cpus * ring_value_bytes(kernel);

	return (bytes + page - 1) & ~(page - 1);
}

static int open_rings(struct kernel *kernel, struct kernel_error *error)
{
	struct bpf_object *object = kernel->objects[0];
	struct rings_options options = { .stride_bytes = ring_value_bytes(kernel),
					 .ring_bytes = kernel->ring_bytes,
					 .count = (uint32_t)kernel->cpus,
					 .refill = refill_interrupts,
					 .context = kernel };
	int fd = bpf_object__find_map_fd_by_name(object, "ring_interrupt");
	void *memory;

	kernel->interrupts = ring_buffer__new(fd, on_interrupt_record, kernel, NULL);
	if (!kernel->interrupts)
		return objects_fail(error, KERNEL_ERROR_RING, errno, "ring_interrupt");
	memory = mmap(NULL, ring_memory_bytes(kernel), PROT_READ | PROT_WRITE, MAP_SHARED,
		      bpf_object__find_map_fd_by_name(object, "rings"), 0);
	if (memory == MAP_FAILED)
		return objects_fail(error, KERNEL_ERROR_RING, errno, "rings");
	kernel->ring_memory = memory;
	options.memory = memory;
	kernel->rings = rings_new(&options);
	return kernel->rings ? 0 : objects_fail(error, KERNEL_ERROR_RING, ENOMEM, "rings");
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
	return open_rings(kernel, error);
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
	kernel->ring_bytes = ring_bytes_of(options, kernel->cpus < 1 ? 1 : (uint32_t)kernel->cpus);
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

static void detach_required(struct kernel *kernel)
{
	for (size_t i = 0; i < kernel->links_used; i++)
		bpf_link__destroy(kernel->links[i]);
	kernel->links_used = 0;
}

void kernel_close(struct kernel *kernel)
{
	for (size_t i = 0; i < UPROBES_MAX; i++)
		kernel_detach(kernel, (int)i);
	detach_required(kernel);
	rings_free(kernel->rings);
	if (kernel->ring_memory)
		munmap(kernel->ring_memory, ring_memory_bytes(kernel));
	ring_buffer__free(kernel->interrupts);
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
	sums[COUNTER_EVENTS] += rings_records(kernel->rings);
	return 0;
}

/* Returns what the program returned, or -errno. */
static int ask_command(struct kernel *kernel, uint64_t command, uint64_t subject, uint64_t argument,
		       struct kernel_error *error)
{
	uint64_t args[3] = { command, subject, argument };
	LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = args, .ctx_size_in = sizeof(args));

	if (bpf_prog_test_run_opts(kernel->command, &options))
		return objects_fail(error, KERNEL_ERROR_MAP, errno, "command");
	return (int)options.retval;
}

static int run_command(struct kernel *kernel, uint64_t command, uint64_t subject, uint64_t argument,
		       struct kernel_error *error)
{
	int answer = ask_command(kernel, command, subject, argument, error);

	if (answer <= 0)
		return answer;
	return objects_fail(error, KERNEL_ERROR_MAP, E2BIG,
			    command == COMMAND_SET_POLICY ? "policy_by_tgid" : "conn_by_inode");
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
	return ask_command(kernel, COMMAND_FORGET, inode, 0, error);
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

/* What an iterator writes: inodes, or close events. */
struct output {
	void *data;
	size_t bytes;
	size_t bytes_max;
};

/* Room for one value of each connection, and for a last read that finds nothing more. */
static int output_new(struct kernel *kernel, struct output *out, size_t value_bytes)
{
	size_t max = kernel->connection_slots + kernel->connection_slots / 8 + 2;

	*out = (struct output){ .data = calloc(max, value_bytes), .bytes_max = max * value_bytes };
	return out->data ? 0 : -ENOMEM;
}

/* Runs an iterator to its end; returns 0 or -errno. */
static int run_iterator(struct kernel *kernel, const char *name, int map, struct output *out)
{
	int fd = open_iterator(kernel, name, map);
	ssize_t got;

	if (fd < 0)
		return fd;
	do {
		got = read(fd, (char *)out->data + out->bytes, out->bytes_max - out->bytes);
		if (got > 0)
			out->bytes += (size_t)got;
	} while (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)));
	close(fd);
	return got < 0 ? -errno : 0;
}

#define STEP_REPORT 3

/* `first`: index of the first step. */
static int find_suspects(struct kernel *kernel, size_t first, struct output *out,
			 struct kernel_error *error)
{
	const struct {
		const char *program;
		int map;
	} steps[] = {
		{ "suspect_connections", kernel->connections[0] },
		{ "suspect_connections", kernel->connections[1] },
		{ "clear_open_sockets", -1 },
		[STEP_REPORT] = { "report_suspects", kernel->connections[0] },
		{ "report_suspects", kernel->connections[1] },
	};

	for (size_t i = first; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int status = run_iterator(kernel, steps[i].program, steps[i].map, out);

		if (status)
			return objects_fail(error, KERNEL_ERROR_ATTACH, status, steps[i].program);
	}
	return 0;
}

static int end_suspects(struct kernel *kernel, size_t first_step, struct kernel_error *error)
{
	struct output suspects;
	int ended = 0, status;

	memset(error, 0, sizeof(*error));
	if (output_new(kernel, &suspects, sizeof(uint64_t)))
		return objects_fail(error, KERNEL_ERROR_MAP, ENOMEM, "conn_slots");
	status = want_object(kernel, OBJECT_SWEEP, error);
	if (!status)
		status = find_suspects(kernel, first_step, &suspects, error);
	for (size_t i = 0; i < suspects.bytes / sizeof(uint64_t) && !status; i++) {
		uint64_t inode = ((uint64_t *)suspects.data)[i];

		status = run_command(kernel, COMMAND_END_SUSPECT, inode, 0, error);
		ended++;
	}
	free(suspects.data);
	return status ? status : ended;
}

int kernel_sweep(struct kernel *kernel, struct kernel_error *error)
{
	return end_suspects(kernel, 0, error);
}

int kernel_end_late(struct kernel *kernel, struct kernel_error *error)
{
	return end_suspects(kernel, STEP_REPORT, error);
}

int kernel_stop(struct kernel *kernel, uint8_t **records, size_t *bytes, struct kernel_error *error)
{
	struct output out;
	int status;

	*records = NULL;
	*bytes = 0;
	memset(error, 0, sizeof(*error));
	detach_required(kernel);
	status = want_object(kernel, OBJECT_SWEEP, error);
	if (status)
		return status;
	if (output_new(kernel, &out, sizeof(struct close_event)))
		return objects_fail(error, KERNEL_ERROR_MAP, ENOMEM, "conn_slots");
	for (int i = 0; i < 2 && !status; i++)
		status = run_iterator(kernel, "report_open", kernel->connections[i], &out);
	if (status) {
		free(out.data);
		return objects_fail(error, KERNEL_ERROR_ATTACH, status, "report_open");
	}
	*records = out.data;
	*bytes = out.bytes;
	return 0;
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
