// SPDX-License-Identifier: GPL-2.0-only OR MIT
#define _GNU_SOURCE
#include "probe.h"

#include <bpf/bpf.h>
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

#include "objects.h"

const char *const probe_names[PROBE_MAX] = {
	[PROBE_BTF] = "btf",
	[PROBE_RINGBUF] = "ringbuf",
	[PROBE_SYS_EXIT] = "sys_exit",
	[PROBE_ENTER_CLOSE] = "sys_enter_close",
	[PROBE_SCHED] = "sched",
	[PROBE_SOCKET] = "socket",
	[PROBE_UPROBE] = "uprobe",
	[PROBE_URETPROBE] = "uretprobe",
	[PROBE_UPROBE_MULTI] = "uprobe_multi",
};

/* Programs of probe.bpf.o, by enum probe_kind. */
static const char *const programs[PROBE_MAX] = {
	[PROBE_SYS_EXIT] = "probe_sys_exit",
	[PROBE_ENTER_CLOSE] = "probe_enter_close",
	[PROBE_SCHED] = "probe_sched",
	[PROBE_SOCKET] = "probe_socket",
	[PROBE_UPROBE] = "probe_uprobe",
	[PROBE_URETPROBE] = "probe_uretprobe",
	[PROBE_UPROBE_MULTI] = "probe_uprobe_multi",
};

/* Where user-space probes are tried; never called. */
__attribute__((noinline)) static void target(void)
{
	__asm__ volatile("");
}

struct place {
	uintptr_t address;
	unsigned long offset; /* in the file, 0 not found */
};

/* A probe wants an offset in the file; segments may lie elsewhere in memory. */
static int find_offset(struct dl_phdr_info *info, size_t size, void *data)
{
	struct place *place = data;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + segment->p_vaddr;

		if (segment->p_type != PT_LOAD || place->address < start ||
		    place->address >= start + segment->p_filesz)
			continue;
		place->offset = place->address - start + segment->p_offset;
		return 1;
	}
	return 0;
}

static struct bpf_link *attach_user(struct bpf_program *program, int kind)
{
	struct place place = { .address = (uintptr_t)target };
	Dl_info info;

	if (!dladdr((void *)place.address, &info) || !dl_iterate_phdr(find_offset, &place)) {
		errno = ENOENT;
		return NULL;
	}
	if (kind == PROBE_UPROBE_MULTI) {
		LIBBPF_OPTS(bpf_uprobe_multi_opts, options, .offsets = &place.offset, .cnt = 1);

		return bpf_program__attach_uprobe_multi(program, -1, info.dli_fname, NULL,
							&options);
	}
	return bpf_program__attach_uprobe(program, kind == PROBE_URETPROBE, -1, info.dli_fname,
					  place.offset);
}

static struct bpf_link *attach(struct bpf_program *program, int kind)
{
	if (kind == PROBE_ENTER_CLOSE)
		return objects_attach_tracepoint(program, "syscalls", "sys_enter_close");
	if (kind >= PROBE_UPROBE)
		return attach_user(program, kind);
	return bpf_program__attach(program);
}

static int try_program(const char *directory, int kind, struct kernel_error *error)
{
	struct bpf_object *object = objects_open(directory, "probe.bpf.o", error);
	struct bpf_program *program;
	struct bpf_link *link = NULL;
	int number = 0;

	if (!object)
		return error->number;
	bpf_object__for_each_program(program, object) bpf_program__set_autoload(
		program, !strcmp(bpf_program__name(program), programs[kind]));
	if (bpf_object__load(object)) {
		number = errno;
		goto out;
	}
	link = attach(bpf_object__find_program_by_name(object, programs[kind]), kind);
	if (!link)
		number = errno;
out:
	bpf_link__destroy(link);
	bpf_object__close(object);
	return number;
}

static int try_ringbuf(void)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "probe", 0, 0, 64 * 1024, NULL);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

void probe_all(const char *directory, int numbers[PROBE_MAX])
{
	struct kernel_error error = {};

	objects_log_to(&error);
	numbers[PROBE_BTF] = access("/sys/kernel/btf/vmlinux", R_OK) ? errno : 0;
	numbers[PROBE_RINGBUF] = try_ringbuf();
	for (int kind = PROBE_SYS_EXIT; kind < PROBE_MAX; kind++)
		numbers[kind] = try_program(directory, kind, &error);
	objects_log_to(NULL);
}
