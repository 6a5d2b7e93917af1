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
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../bpf/command.h"
#include "../bpf/event.h"
#include "../bpf/settings.h"
#include "objects.h"
#include "rings.h"

/* Run by the loader, never attached. */
#define COMMAND_PROGRAM "command"
#define UPROBES_MAX 512
/* Programs of one object. */
#define LINKS_MAX 8

/* What every kernel takes as one value of an array map (KMALLOC_MAX_SIZE); later ones take more. */
#define VALUE_BYTES_MAX (4u << 20)
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
 * The first one creates the shared maps. Those that are not required are loaded when they are
 * wanted, so that their failure costs only what they do.
 */
enum object {
	OBJECT_STATE,
	OBJECT_PROCESS,
	OBJECT_SOCKET,
	OBJECT_SYSCALL,
	OBJECT_CLOSE,
	OBJECT_SPLICE,
	OBJECT_SWEEP,
	OBJECT_CAUSE,
	OBJECTS,
};
static const char *const object_files[OBJECTS] = {
	[OBJECT_STATE] = "state.bpf.o",	  [OBJECT_PROCESS] = "process.bpf.o",
	[OBJECT_SOCKET] = "socket.bpf.o", [OBJECT_SYSCALL] = "syscall.bpf.o",
	[OBJECT_CLOSE] = "close.bpf.o",	  [OBJECT_SPLICE] = "splice.bpf.o",
	[OBJECT_SWEEP] = "sweep.bpf.o",	  [OBJECT_CAUSE] = "cause.bpf.o",
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
	struct bpf_link *links[OBJECTS][LINKS_MAX]; /* of programs that stay attached */
	struct bpf_link *uprobes[UPROBES_MAX];	    /* by handle, NULL free */
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
	uint64_t *counter_values;	    /* cpus * COUNTER_MAX */
	struct kernel_error socket_refusal; /* why OBJECT_SOCKET was not used, if it was tried */
};

/* Descriptor of a shared map, or -errno. */
static int map_of(const struct kernel *kernel, const char *name)
{
	return bpf_object__find_map_fd_by_name(kernel->objects[OBJECT_STATE], name);
}

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
	struct bpf_map *map = bpf_object__find_map_by_name(kernel->objects[OBJECT_STATE], name);
	int status = map ? bpf_map__set_max_entries(map, entries) : -ENOENT;

	return status ? objects_fail(error, KERNEL_ERROR_MAP, status, name) : 0;
}

/* Large values are asked for by trying: the limit is not told, and it is not bound to a version. */
static int takes_value(size_t bytes)
{
	int fd;

	if (bytes <= VALUE_BYTES_MAX)
		return 1;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "trial", sizeof(uint32_t), (uint32_t)bytes, 1,
			    NULL);
	if (fd < 0)
		return 0;
	close(fd);
	return 1;
}

/* Each CPU's share of the rings, or what the kernel takes as one value. */
static uint32_t ring_bytes_of(const struct kernel_options *options, uint32_t cpus)
{
	uint32_t bytes = options->ring_bytes / cpus;

	if (bytes < options->ring_bytes_min)
		bytes = options->ring_bytes_min;
	if (!takes_value(bytes + RING_OVERHEAD_BYTES))
		bytes = VALUE_BYTES_MAX - RING_OVERHEAD_BYTES;
	return bytes & ~63u;
}

static uint32_t ring_value_bytes(const struct kernel *kernel)
{
	return kernel->ring_bytes + (uint32_t)RING_OVERHEAD_BYTES;
}

static int set_ring_size(struct kernel *kernel, struct kernel_error *error)
{
	struct bpf_map *map = bpf_object__find_map_by_name(kernel->objects[OBJECT_STATE], "rings");
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

static int set_initial(struct bpf_object *object, const char *name, const void *value, size_t bytes,
		       struct kernel_error *error)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, name);
	int status = map ? bpf_map__set_initial_value(map, value, bytes) : 0;

	return status ? objects_fail(error, KERNEL_ERROR_MAP, status, name) : 0;
}

static int set_config(struct kernel *kernel, struct bpf_object *object, struct kernel_error *error)
{
	struct config config = { .watch_all = kernel->options.watch_all,
				 .connection_slots = kernel->connection_slots,
				 .ring_bytes = kernel->ring_bytes };

	return set_initial(object, ".rodata.config", &config, sizeof(config), error);
}

/* What the first object decides for all. */
static int set_first(struct kernel *kernel, struct bpf_object *object, struct kernel_error *error)
{
	const struct traffic *traffic = &kernel->options.traffic;
	int status = set_sizes(kernel, error);

	return status ? status
		      : set_initial(object, OBJECTS_SHARED_DATA, traffic, sizeof(*traffic), error);
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

static int load_object(struct kernel *kernel, enum object index, struct kernel_error *error)
{
	struct bpf_object *object =
		objects_open(kernel->options.directory, object_files[index], error);
	int status;

	if (!object)
		return -error->number;
	kernel->objects[index] = object;
	status = index == OBJECT_STATE
			 ? set_first(kernel, object, error)
			 : objects_share_maps(object, kernel->objects[OBJECT_STATE], error);
	if (!status)
		status = set_config(kernel, object, error);
	if (status)
		return status;
	status = load_undisturbed(object);
	return status ? objects_fail(error, KERNEL_ERROR_LOAD, status, object_files[index]) : 0;
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

static int attach_object(struct kernel *kernel, enum object index, struct kernel_error *error)
{
	struct bpf_program *program;
	size_t used = 0;

	bpf_object__for_each_program(program, kernel->objects[index])
	{
		struct bpf_link *link = attach_program(program);

		if (!link)
			return objects_fail(error, KERNEL_ERROR_ATTACH, errno,
					    bpf_program__name(program));
		kernel->links[index][used++] = link;
	}
	return 0;
}

static void detach_object(struct kernel *kernel, enum object index)
{
	for (size_t i = 0; i < LINKS_MAX; i++) {
		bpf_link__destroy(kernel->links[index][i]);
		kernel->links[index][i] = NULL;
	}
}

static void drop_object(struct kernel *kernel, enum object index)
{
	detach_object(kernel, index);
	bpf_object__close(kernel->objects[index]);
	kernel->objects[index] = NULL;
}

/* Loads and attaches an object. */
static int start_object(struct kernel *kernel, enum object index, struct kernel_error *error)
{
	int status = load_object(kernel, index, error);

	return status ? status : attach_object(kernel, index, error);
}

/* The cheaper way to see calls where the kernel has it. */
static int start_hook(struct kernel *kernel, struct kernel_error *error)
{
	int status = 0;

	if (kernel->options.hook != KERNEL_HOOK_SYSCALL) {
		status = start_object(kernel, OBJECT_SOCKET, error);
		if (!status || kernel->options.hook == KERNEL_HOOK_SOCKET)
			return status;
		drop_object(kernel, OBJECT_SOCKET);
		kernel->socket_refusal = *error;
		memset(error, 0, sizeof(*error));
	}
	status = start_object(kernel, OBJECT_SYSCALL, error);
	return status ? status : start_object(kernel, OBJECT_CLOSE, error);
}

static size_t ring_memory_bytes(const struct kernel *kernel)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t bytes = (size_t)kernel->cpus * ring_value_bytes(kernel);

	return (bytes + page - 1) & ~(page - 1);
}

static int open_rings(struct kernel *kernel, struct kernel_error *error)
{
	struct rings_options options = { .stride_bytes = ring_value_bytes(kernel),
					 .ring_bytes = kernel->ring_bytes,
					 .count = (uint32_t)kernel->cpus,
					 .refill = refill_interrupts,
					 .context = kernel };
	void *memory;

	kernel->interrupts = ring_buffer__new(map_of(kernel, "ring_interrupt"), on_interrupt_record,
					      kernel, NULL);
	if (!kernel->interrupts)
		return objects_fail(error, KERNEL_ERROR_RING, errno, "ring_interrupt");
	memory = mmap(NULL, ring_memory_bytes(kernel), PROT_READ | PROT_WRITE, MAP_SHARED,
		      map_of(kernel, "rings"), 0);
	if (memory == MAP_FAILED)
		return objects_fail(error, KERNEL_ERROR_RING, errno, "rings");
	kernel->ring_memory = memory;
	options.memory = memory;
	kernel->rings = rings_new(&options);
	return kernel->rings ? 0 : objects_fail(error, KERNEL_ERROR_RING, ENOMEM, "rings");
}

static int open_maps(struct kernel *kernel, struct kernel_error *error)
{
	struct bpf_object *object = kernel->objects[OBJECT_STATE];

	kernel->connections[0] = map_of(kernel, "conn_slots");
	kernel->connections[1] = map_of(kernel, "conn_by_inode");
	kernel->counters = map_of(kernel, "counters");
	kernel->command =
		bpf_program__fd(bpf_object__find_program_by_name(object, COMMAND_PROGRAM));
	kernel->counter_values = calloc((size_t)kernel->cpus * COUNTER_MAX, sizeof(uint64_t));
	if (!kernel->counter_values)
		return objects_fail(error, KERNEL_ERROR_MAP, ENOMEM, "counters");
	return open_rings(kernel, error);
}

static void detach_programs(struct kernel *kernel)
{
	for (int i = 0; i < OBJECTS; i++)
		detach_object(kernel, (enum object)i);
}

void kernel_close(struct kernel *kernel)
{
	for (size_t i = 0; i < UPROBES_MAX; i++)
		kernel_detach(kernel, (int)i);
	rings_free(kernel->rings);
	if (kernel->ring_memory)
		munmap(kernel->ring_memory, ring_memory_bytes(kernel));
	ring_buffer__free(kernel->interrupts);
	/* What creates the maps goes last. */
	for (int i = OBJECTS - 1; i >= 0; i--)
		drop_object(kernel, (enum object)i);
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

int kernel_set_traffic(struct kernel *kernel, const struct traffic *traffic,
		       struct kernel_error *error)
{
	uint32_t zero = 0;

	if (bpf_map_update_elem(map_of(kernel, OBJECTS_SHARED_DATA), &zero, traffic, BPF_ANY))
		return objects_fail(error, KERNEL_ERROR_MAP, errno, OBJECTS_SHARED_DATA);
	return 0;
}

int kernel_clear_policy(struct kernel *kernel, uint32_t tgid, struct kernel_error *error)
{
	return run_command(kernel, COMMAND_CLEAR_POLICY, tgid, 0, error);
}

int kernel_ignore_connection(struct kernel *kernel, uint64_t inode, struct kernel_error *error)
{
	return run_command(kernel, COMMAND_IGNORE, inode, 0, error);
}

int kernel_forget_connection(struct kernel *kernel, uint64_t inode, struct kernel_error *error)
{
	return ask_command(kernel, COMMAND_FORGET, inode, 0, error);
}

typedef int (*bring_object)(struct kernel *kernel, enum object index, struct kernel_error *error);

/* Brings an object in when it is first wanted; nothing of it is left when that fails. */
static int want(struct kernel *kernel, enum object index, bring_object bring,
		struct kernel_error *error)
{
	int status;

	if (kernel->objects[index])
		return 0;
	objects_log_to(error);
	status = bring(kernel, index, error);
	objects_log_to(NULL);
	if (status)
		drop_object(kernel, index);
	return status;
}

static int want_object(struct kernel *kernel, enum object index, struct kernel_error *error)
{
	return want(kernel, index, load_object, error);
}

/*
 * Opens one of the sweep's iterators; reading it makes it visit what `info` names, or with NULL
 * all descriptors of all processes.
 */
static int open_iterator(struct kernel *kernel, const char *name, union bpf_iter_link_info *info)
{
	struct bpf_program *program =
		bpf_object__find_program_by_name(kernel->objects[OBJECT_SWEEP], name);
	LIBBPF_OPTS(bpf_iter_attach_opts, options);
	struct bpf_link *link;
	int fd;

	if (info) {
		options.link_info = info;
		options.link_info_len = sizeof(*info);
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
static int run_iterator(struct kernel *kernel, const char *name, union bpf_iter_link_info *info,
			struct output *out)
{
	int fd = open_iterator(kernel, name, info);
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
	static const struct {
		const char *program;
		int map; /* index into kernel->connections, -1 none */
	} steps[] = {
		{ "suspect_connections", 0 }, { "suspect_connections", 1 },
		{ "clear_open_sockets", -1 }, [STEP_REPORT] = { "report_suspects", 0 },
		{ "report_suspects", 1 },
	};

	for (size_t i = first; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int map = steps[i].map;
		union bpf_iter_link_info info = {};
		int status;

		if (map >= 0)
			info.map.map_fd = (uint32_t)kernel->connections[map];
		status = run_iterator(kernel, steps[i].program, map < 0 ? NULL : &info, out);
		if (status)
			return objects_fail(error, KERNEL_ERROR_ATTACH, status, steps[i].program);
	}
	return 0;
}

static int end_suspects(struct kernel *kernel, size_t first_step, struct kernel_error *error)
{
	struct output suspects;
	int ended = 0, status;

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
	detach_programs(kernel);
	status = want_object(kernel, OBJECT_SWEEP, error);
	if (status)
		return status;
	if (output_new(kernel, &out, sizeof(struct close_event)))
		return objects_fail(error, KERNEL_ERROR_MAP, ENOMEM, "conn_slots");
	for (int i = 0; i < 2 && !status; i++) {
		union bpf_iter_link_info info = { .map.map_fd = (uint32_t)kernel->connections[i] };

		status = run_iterator(kernel, "report_open", &info, &out);
	}
	if (status) {
		free(out.data);
		return objects_fail(error, KERNEL_ERROR_ATTACH, status, "report_open");
	}
	*records = out.data;
	*bytes = out.bytes;
	return 0;
}

/*
 * Enters the sockets that are open already, of one process or with 0 of all: what is found in the
 * map when its first bytes are seen was not opened since. Failure leaves their beginnings unknown.
 */
static int know_sockets(struct kernel *kernel, uint32_t tgid)
{
	union bpf_iter_link_info info = { .task.pid = tgid };
	struct kernel_error error = {};
	struct output older;
	int status = want_object(kernel, OBJECT_SWEEP, &error);

	if (status)
		return status;
	if (output_new(kernel, &older, sizeof(uint64_t)))
		return -ENOMEM;
	status = run_iterator(kernel, "report_older_sockets", tgid ? &info : NULL, &older);
	for (size_t i = 0; i < older.bytes / sizeof(uint64_t) && !status; i++)
		status = run_command(kernel, COMMAND_KNOW, ((uint64_t *)older.data)[i], 0, &error);
	free(older.data);
	return status;
}

static void know_host(struct kernel *kernel)
{
	struct kernel_error error = {};

	if (kernel_hook(kernel) == KERNEL_HOOK_SOCKET && !know_sockets(kernel, 0))
		run_command(kernel, COMMAND_STARTS_KNOWN, 0, 0, &error);
}

enum kernel_hook kernel_hook(const struct kernel *kernel)
{
	return kernel->objects[OBJECT_SYSCALL] ? KERNEL_HOOK_SYSCALL : KERNEL_HOOK_SOCKET;
}

const struct kernel_error *kernel_socket_refusal(const struct kernel *kernel)
{
	return kernel->socket_refusal.code ? &kernel->socket_refusal : NULL;
}

uint32_t kernel_ring_bytes(const struct kernel *kernel)
{
	return kernel->ring_bytes;
}

static int follow(struct kernel *kernel, enum object index, struct kernel_error *error)
{
	if (kernel_hook(kernel) == KERNEL_HOOK_SYSCALL)
		return 0;
	return want(kernel, index, start_object, error);
}

int kernel_follow_closes(struct kernel *kernel, struct kernel_error *error)
{
	return follow(kernel, OBJECT_CLOSE, error);
}

int kernel_follow_splices(struct kernel *kernel, struct kernel_error *error)
{
	return follow(kernel, OBJECT_SPLICE, error);
}

static int set_policy(struct kernel *kernel, uint32_t tgid, uint32_t watch, uint32_t family,
		      int starts_known, struct kernel_error *error)
{
	uint64_t argument = watch | family << 8 | (uint64_t)starts_known << 16;

	return run_command(kernel, COMMAND_SET_POLICY, tgid, argument, error);
}

int kernel_set_policy(struct kernel *kernel, uint32_t tgid, uint32_t watch, uint32_t family,
		      struct kernel_error *error)
{
	int is_new_start = kernel_hook(kernel) == KERNEL_HOOK_SOCKET && watch == WATCH_YES &&
			   !kernel->options.watch_all;
	int status = set_policy(kernel, tgid, watch, family, 0, error);

	if (status || !is_new_start || know_sockets(kernel, tgid))
		return status;
	return set_policy(kernel, tgid, watch, family, 1, error);
}

int kernel_set_walk(struct kernel *kernel, uint32_t number, const struct haproxy_walk *walk,
		    struct kernel_error *error)
{
	if (bpf_map_update_elem(map_of(kernel, "hap_walks"), &number, walk, BPF_ANY))
		return objects_fail(error, KERNEL_ERROR_MAP, errno, "hap_walks");
	return 0;
}

int kernel_offer_walk(struct kernel *kernel, uint32_t tgid, uint32_t number, uint64_t code,
		      struct kernel_error *error)
{
	struct haproxy_offer offer = { .code = code, .walk = number };

	if (bpf_map_update_elem(map_of(kernel, "hap_walk_offers"), &tgid, &offer, BPF_ANY))
		return objects_fail(error, KERNEL_ERROR_MAP, errno, "hap_walk_offers");
	return 0;
}

int kernel_read_walk(struct kernel *kernel, uint32_t number, struct haproxy_walk *walk,
		     struct kernel_error *error)
{
	if (bpf_map_lookup_elem(map_of(kernel, "hap_walks"), &number, walk))
		return objects_fail(error, KERNEL_ERROR_MAP, errno, "hap_walks");
	return 0;
}

int kernel_walk_alone(struct kernel *kernel, uint32_t number, struct kernel_error *error)
{
	int answer = ask_command(kernel, COMMAND_WALK_ALONE, number, 0, error);

	return answer > 0 ? objects_fail(error, KERNEL_ERROR_MAP, ENOENT, "hap_walks") : answer;
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

int kernel_open(struct kernel **out, const struct kernel_options *options,
		struct kernel_error *error)
{
	struct kernel *kernel = calloc(1, sizeof(*kernel));
	int status;

	*out = NULL;
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
	status = load_object(kernel, OBJECT_STATE, error);
	if (status)
		goto out;
	status = open_maps(kernel, error);
	if (status)
		goto out;
	/* Our own bytes would make events that make bytes. */
	status = kernel_set_policy(kernel, (uint32_t)getpid(), WATCH_NO, FAMILY_OTHER, error);
	if (status)
		goto out;
	status = start_object(kernel, OBJECT_PROCESS, error);
	if (!status)
		status = start_hook(kernel, error);
	if (!status && options->watch_all)
		know_host(kernel);
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
