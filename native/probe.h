/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef SPANTAP_PROBE_H
#define SPANTAP_PROBE_H

/* Kinds of hooks that `spantap doctor` tries, in the order of its report. */
enum probe_kind {
	PROBE_BTF = 0,
	PROBE_RINGBUF = 1,
	PROBE_SYS_EXIT = 2,
	PROBE_ENTER_CLOSE = 3,
	PROBE_SCHED = 4,
	PROBE_SOCKET = 5,
	PROBE_UPROBE = 6,
	PROBE_URETPROBE = 7,
	PROBE_UPROBE_MULTI = 8,
	PROBE_MAX = 9,
};

/* Stable names, by enum probe_kind. */
extern const char *const probe_names[PROBE_MAX];

/*
 * Loads and attaches an empty program of each kind, and detaches it again. `numbers[kind]` is 0
 * when it works, else the errno of the step that failed. User-space probes are tried on a function
 * of this library.
 */
void probe_all(const char *directory, int numbers[PROBE_MAX]);

#endif
