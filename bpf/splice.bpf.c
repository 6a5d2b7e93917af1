// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * splice() takes bytes out of a TCP socket behind the tracepoint that socket.bpf.c sits on.
 * Attached for a HAProxy that is configured to do that, and when a read has found bytes missing:
 * every receive on the host passes this tracepoint too.
 */
#include "in_socket.h"
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(splice_read, struct sock *sk)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct scratch *s = scratch();

	if (!s)
		return 0;
	struct pt_regs *regs = regs_of(s, task);

	if (SYSCALL_NUMBER(regs) != NR_SPLICE)
		return 0;
	struct caller caller = caller_of(task);
	struct policy policy = policy_of(caller.tgid);

	if (!policy_is_watched(policy) || SYSCALL_IS_COMPAT(regs) || is_kernel_thread(task) ||
	    !fill_sock(&s->call, sk))
		return 0;
	__u64 unseen = unseen_bytes(connection_of(s->call.inode), sk, 0);

	if (unseen)
		deliver_unseen(s, regs, policy, caller, unseen);
	return 0;
}
