// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Life of processes: policy follows fork, starts anew at exec, ends at exit; user space hears of
 * each. All processes, also unwatched ones: `--process nginx` must notice an nginx that starts.
 */
#include "ring.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

static __always_inline void put_process(struct task_struct *task, __u32 action, __u32 parent_tgid)
{
	struct process_event event = {};

	fill_header(&event.header, EVENT_PROCESS, sizeof(event), current_caller());
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

		policy_set(tgid, &copy);
	}
	put_process(child, PROCESS_FORK, parent_tgid);
	return 0;
}

/* `bytes` counts the closing NUL, so that longer names differ. */
static __always_inline int is_name(const char *comm, const char *name, __u32 bytes)
{
#pragma unroll
	for (__u32 i = 0; i < bytes; i++)
		if (comm[i] != name[i])
			return 0;
	return 1;
}

/* The family that a program's name tells; names that tell nothing are user space's to decide. */
static __always_inline __u32 family_of_name(const struct task_struct *task)
{
	char comm[16] = {};

	bpf_core_read(comm, sizeof(comm), &task->comm);
	if (is_name(comm, "nginx", sizeof("nginx")))
		return FAMILY_NGINX;
	if (is_name(comm, "haproxy", sizeof("haproxy")))
		return FAMILY_HAPROXY;
	return FAMILY_OTHER;
}

/*
 * Another program: what was decided for the old one does not hold, unless it is of the same
 * family (nginx's binary upgrade, HAProxy's reload). nginx and HAProxy are known by name at once:
 * user space reads this event milliseconds later, and connections that open before it has decided
 * would have no linking state.
 */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task)
{
	__u32 tgid = task->tgid;
	struct policy fresh = { .family = family_of_name(task) };
	struct policy *policy = bpf_map_lookup_elem(&policy_by_tgid, &tgid);

	if (fresh.family == FAMILY_OTHER)
		policy_delete(tgid);
	else if (!policy || policy->family != fresh.family)
		policy_set(tgid, &fresh);
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
	policy_delete(tgid);
	put_process(task, PROCESS_EXIT, BPF_CORE_READ(task, real_parent, tgid));
	return 0;
}
