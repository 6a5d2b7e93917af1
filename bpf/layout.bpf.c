// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Never loaded: holds every type of event.h once, so that its BTF describes the whole contract.
 * tools/gen/layout.ts reads the TypeScript offsets from it.
 */
#include "vmlinux.h"
#include "event.h"

struct {
	struct open_event open;
	struct data_event data;
	struct close_event close;
	struct process_event process;
	enum event_kind kind;
	enum event_direction direction;
	enum event_source source;
	enum event_role role;
	enum event_protocol protocol;
	enum event_data_flag data_flag;
	enum event_cause cause;
	enum event_cause_flag cause_flag;
	enum event_close_flag close_flag;
	enum event_process_action process_action;
	enum event_counter counter;
	__u32 _pad;
} layout;
