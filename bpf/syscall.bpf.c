// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Bytes that watched processes move over sockets. One program at the exit of every system call:
 * number and arguments are still in pt_regs there, so no enter hook and no state between the two
 * is needed. close is the exception: close.bpf.c.
 *
 * The order of tests is the order of their price: system call number, result, process, socket.
 */
#include "arch.h"
#include "rare.h"
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

static __always_inline int is_rare_call(__u32 number)
{
	switch (number) {
	case NR_CONNECT:
	case NR_ACCEPT:
	case NR_ACCEPT4:
	case NR_SENDFILE:
	case NR_SPLICE:
	case NR_RECVMMSG:
	case NR_SENDMMSG:
		return 1;
	}
	return 0;
}

/* A call of is_data_call() on the socket that the scratch's call names. */
static __always_inline void on_data_call(struct scratch *s, struct pt_regs *regs, long result,
					 struct policy policy, struct caller caller)
{
	struct connection *conn = connection_of(s->call.inode);
	__u32 number = SYSCALL_NUMBER(regs);

	if (conn && connection_is_left_out(conn)) {
		call_left_out(s, conn, regs, result, direction_of(number), policy, caller,
			      HOOK_SYSCALL, 0);
		return;
	}
	fill_call(s, regs, result, policy, caller, HOOK_SYSCALL);
	if (is_stream_call(&s->call, number))
		data_call(s, conn, number, result);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *regs, long result)
{
	__u32 number = SYSCALL_NUMBER(regs);
	int is_data = is_data_call(number);

	if (!is_data && !is_rare_call(number))
		return 0;
	if (result < 0 && !is_wanted_error(result))
		return 0;
	struct caller caller = current_caller();
	struct policy policy = policy_of(caller.tgid);

	if (!policy_is_watched(policy) || SYSCALL_IS_COMPAT(regs))
		return 0;
	struct scratch *s = scratch();

	if (!s)
		return 0;
	s->call.fd = SYSCALL_ARG0(regs);
	if (!is_data) {
		fill_call(s, regs, result, policy, caller, HOOK_SYSCALL);
		rare_call(number, result);
	} else if (fill_socket(&s->call)) {
		on_data_call(s, regs, result, policy, caller);
	}
	return 0;
}
