/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * The core of the addon: load the BPF objects, attach them, drain the ring, read and write their
 * maps. Plain C, knows nothing of Node. All calls on one `struct kernel` come from one thread.
 * Functions return 0 or -errno and say what failed in `struct kernel_error`, empty before.
 */
#ifndef SPANTAP_KERNEL_H
#define SPANTAP_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#include "../bpf/traffic.h"
#include "../bpf/walk_layout.h"

#define KERNEL_LOG_BYTES 8192

/* Stable names; their wording lives in src/native/errors.ts. */
#define KERNEL_ERROR_OBJECT "bpf_object"	 /* object file missing or damaged */
#define KERNEL_ERROR_BTF "bpf_no_btf"		 /* kernel without /sys/kernel/btf/vmlinux */
#define KERNEL_ERROR_PERMISSION "bpf_permission" /* EPERM, EACCES */
#define KERNEL_ERROR_LOAD "bpf_load"		 /* refused by verifier or kernel */
#define KERNEL_ERROR_ATTACH "bpf_attach"
#define KERNEL_ERROR_RING "bpf_ring"
#define KERNEL_ERROR_MAP "bpf_map"
#define KERNEL_ERROR_UPROBE "uprobe_attach"
#define KERNEL_ERROR_UPROBES "uprobes_exhausted"

struct kernel_error {
	const char *code;	    /* one of KERNEL_ERROR_*, NULL without error */
	int number;		    /* errno */
	char subject[256];	    /* program, map or file */
	char log[KERNEL_LOG_BYTES]; /* end of what libbpf and the verifier said */
};

/* Where calls are seen: bpf/socket.bpf.c (6.5) or bpf/syscall.bpf.c. */
enum kernel_hook {
	KERNEL_HOOK_ANY = 0, /* the cheapest that this kernel has */
	KERNEL_HOOK_SYSCALL = 1,
	KERNEL_HOOK_SOCKET = 2,
};

struct kernel_options {
	const char *directory; /* holds the *.bpf.o files */
	uint32_t watch_all;
	uint32_t ring_bytes;	 /* of all CPUs together */
	uint32_t ring_bytes_min; /* of one CPU, whatever that makes of the sum */
	uint32_t connections_max;
	enum kernel_hook hook;
	struct traffic traffic; /* until kernel_set_traffic() */
};

struct kernel;

int kernel_open(struct kernel **out, const struct kernel_options *options,
		struct kernel_error *error);
void kernel_close(struct kernel *kernel);

/* The hook that was attached: KERNEL_HOOK_SYSCALL or KERNEL_HOOK_SOCKET. */
enum kernel_hook kernel_hook(const struct kernel *kernel);

/* Why KERNEL_HOOK_ANY became KERNEL_HOOK_SYSCALL; NULL when it did not. */
const struct kernel_error *kernel_socket_refusal(const struct kernel *kernel);

/* What one CPU's ring holds. */
uint32_t kernel_ring_bytes(const struct kernel *kernel);

/*
 * What KERNEL_HOOK_SOCKET does not see by itself, from now on: every close() (for Unix sockets),
 * and reads by splice(). Nothing to do with the other hook, or for the second time.
 */
int kernel_follow_closes(struct kernel *kernel, struct kernel_error *error);
int kernel_follow_splices(struct kernel *kernel, struct kernel_error *error);

/*
 * Copies whole records, in the order of their time, while the largest one still fits. What is
 * younger than 100 us stays for the next call, unless this is the last one. Returns the bytes
 * written, 0 when nothing waits, or -errno.
 */
int64_t kernel_drain(struct kernel *kernel, uint8_t *batch, size_t batch_bytes, int is_last);

/* Sums over all CPUs, COUNTER_MAX values. */
int kernel_counters(struct kernel *kernel, uint64_t *sums, struct kernel_error *error);

int kernel_set_policy(struct kernel *kernel, uint32_t tgid, uint32_t watch, uint32_t family,
		      struct kernel_error *error);
int kernel_clear_policy(struct kernel *kernel, uint32_t tgid, struct kernel_error *error);
/* Which connections are captured from now on, those that are open among them. */
int kernel_set_traffic(struct kernel *kernel, const struct traffic *traffic,
		       struct kernel_error *error);
int kernel_ignore_connection(struct kernel *kernel, uint64_t inode, struct kernel_error *error);
/* Returns 1 when a close event follows, 0 when none does, or -errno. */
int kernel_forget_connection(struct kernel *kernel, uint64_t inode, struct kernel_error *error);

/*
 * Ends the connections whose socket no process holds any more, with a close event each. Returns
 * how many, or -errno. Walks all descriptors of the machine: call it seldom.
 */
int kernel_sweep(struct kernel *kernel, struct kernel_error *error);

/*
 * Ends again the connections whose close event found the ring full. Returns how many, or -errno.
 * Walks the connections only.
 */
int kernel_end_late(struct kernel *kernel, struct kernel_error *error);

/*
 * Detaches the required programs, so that nothing more is recorded; the ring can still be drained.
 * `records`: a close event of each connection, to be read after the ring and freed by the caller.
 * Detached even when the records cannot be had.
 */
int kernel_stop(struct kernel *kernel, uint8_t **records, size_t *bytes,
		struct kernel_error *error);

/*
 * Walks through HAProxy's structures, by number from 1. Set once, before it is offered to the
 * processes that it is for: `code` is where such a process has its code. kernel_walk_alone(): its
 * probes are detached.
 */
int kernel_set_walk(struct kernel *kernel, uint32_t number, const struct haproxy_walk *walk,
		    struct kernel_error *error);
int kernel_offer_walk(struct kernel *kernel, uint32_t tgid, uint32_t number, uint64_t code,
		      struct kernel_error *error);
int kernel_read_walk(struct kernel *kernel, uint32_t number, struct haproxy_walk *walk,
		     struct kernel_error *error);
int kernel_walk_alone(struct kernel *kernel, uint32_t number, struct kernel_error *error);

/* Returns a handle >= 0 or -errno. `path` is opened now; every process that maps it is probed. */
int kernel_attach_uprobe(struct kernel *kernel, const char *program, const char *path,
			 size_t offset, int is_return, struct kernel_error *error);
void kernel_detach(struct kernel *kernel, int handle);

#endif
