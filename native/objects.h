/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * Helpers around libbpf that know nothing of our maps: errors with the verifier's words, objects
 * that share maps, tracepoints where tracefs is not mounted.
 */
#ifndef SPANTAP_OBJECTS_H
#define SPANTAP_OBJECTS_H

#include "kernel.h"
#include <bpf/libbpf.h>

/* Global data that all objects share: struct traffic. */
#define OBJECTS_SHARED_DATA ".data.traffic"

/*
 * Collects libbpf's output of this thread into `error->log` until called with NULL; the error is
 * empty at first.
 */
void objects_log_to(struct kernel_error *error);

/* Fills the error; returns -number. EPERM and EACCES become KERNEL_ERROR_PERMISSION. */
int objects_fail(struct kernel_error *error, const char *code, int number, const char *subject);

struct bpf_object *objects_open(const char *directory, const char *file,
				struct kernel_error *error);

/* Maps of `object` that `first` has under the same name become the same maps. Before load. */
int objects_share_maps(struct bpf_object *object, struct bpf_object *first,
		       struct kernel_error *error);

/* Attaches to a tracepoint by name, also where tracefs is not mounted. NULL with errno set. */
struct bpf_link *objects_attach_tracepoint(struct bpf_program *program, const char *group,
					   const char *name);

#endif
