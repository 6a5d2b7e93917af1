// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Life of processes: policy follows fork, starts anew at exec, ends at exit; user space hears of
 * each. All processes, also unwatched ones: `--process nginx` must notice an nginx that starts.
 */
#include "maps.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

static __always_inline void put_process(struct task_struct *task, __u32 action, __u32 parent_tgid)
{
	struct process_event event = {};

	fill_header(&event.header, EVENT_PROCESS, sizeof(event));
	event.header.tgid = BPF_CORE_READ(task, tgid);
	event.start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	event.action = action;
	event.parent_tgid = parent_tgid;
	BPF_CORE_READ_INTO(&event.comm, task, comm);
	ring_put(&event, sizeof(event));
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 parent_tgid = parent->tgid, tgid = child->tgid;

	/* A thread, not a process. */
	if (child->pid != child->tgid)
		return 0;
	struct policy *policy = bpf_map_lookup_elem(&policy_by_tgid, &parent_tgid);

	if (policy) {
		struct policy copy = *policy;

		if (bpf_map_update_elem(&policy_by_tgid, &tgid, &copy, BPF_ANY))
			count(COUNTER_LOST_POLICY);
	}
	put_process(child, PROCESS_FORK, parent_tgid);
	return 0;
}

/*
 * Another program: what was decided for the old one does not hold. Unless it has the same name
 * (nginx's binary upgrade): its first connections would be missed before user space decides.
 * sched_process_exec comes after the new name is set, so the old one is not known here; user
 * space decides for names it does not know, and "nginx" is known (its sockets can only be
 * recognised while they are registered, before user space has read this event).
 */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task)
{
	__u32 tgid = task->tgid;

	bpf_map_delete_elem(&policy_by_tgid, &tgid);
	put_process(task, PROCESS_EXEC, BPF_CORE_READ(task, real_parent, tgid));
	return 0;
}

/* The last thread has set signal->live to 0 before this point. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	__u32 tgid = task->tgid;

	if (BPF_CORE_READ(task, signal, live.counter) != 0)
		return 0;
	bpf_map_delete_elem(&policy_by_tgid, &tgid);
	put_process(task, PROCESS_EXIT, BPF_CORE_READ(task, real_parent, tgid));
	return 0;
}
