/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * What the programs that sit in the socket layer share: the call of the current task that led
 * there, and how much a TCP socket has given out.
 */
#ifndef SPANTAP_IN_SOCKET_H
#define SPANTAP_IN_SOCKET_H

#include "arch.h"
#include "call.h"

/*
 * The registers of the current system call: at the end of the task's stack, in every task as far
 * from its beginning. So the helper, which costs 13 ns, is asked once. Pointers go over memory to
 * become numbers: before 6.18 verifiers add none that they do not know the bounds of.
 */
static __always_inline struct pt_regs *regs_of(struct scratch *s, struct task_struct *task)
{
	volatile __u64 *stack = &s->task_stack, *offset = &s->regs_offset;

	*stack = (__u64)task->stack;
	if (!*offset) {
		*offset = (__u64)bpf_task_pt_regs(task);
		*offset -= *stack;
	}
	return bpf_rdonly_cast((void *)(*stack + *offset), bpf_core_type_id_kernel(struct pt_regs));
}

/* The inode of a socket's file; 0 for the sockets that the kernel opened for itself. */
static __always_inline __u64 inode_of(struct file *file)
{
	return file ? file->f_inode->i_ino : 0;
}

/* Names the socket of the call; returns 0 for those that the kernel opened for itself. */
static __always_inline int fill_sock(struct call *call, const struct sock *sk)
{
	struct file *file = sk->sk_socket->file;

	call->file = (__u64)file;
	call->inode = inode_of(file);
	return file != NULL;
}

/* What sock_is_tcp() tells, by direct loads. */
static __always_inline int is_tcp(const struct sock *sk)
{
	return sk->sk_protocol == IPPROTO_TCP && sk->__sk_common.skc_family != AF_UNIX;
}

static __always_inline int is_kernel_thread(const struct task_struct *task)
{
	return (task->flags & PF_KTHREAD) != 0;
}

/*
 * Bytes that were taken out of a TCP socket and that nobody saw: splice(), zero-copy receive.
 * `conn` may be NULL; `len_bytes` of the difference are those of the current call.
 */
static __always_inline __u64 unseen_bytes(struct connection *conn, const struct sock *sk,
					  __u64 len_bytes)
{
	/* Of those left out nobody counts the bytes, but for some. */
	if (!conn || (connection_is_left_out(conn) && !(conn->flags & CONNECTION_COUNTED)) ||
	    !is_tcp(sk))
		return 0;
	__u32 sequence = tcp_read_sequence((const struct tcp_sock *)sk);

	/* At connect() the server's first number is not known yet. */
	if (!conn->read_sequence && !conn->position[DIRECTION_READ])
		conn->read_sequence = sequence - (__u32)len_bytes;
	__s32 unseen = sequence - (__u32)len_bytes - (__u32)conn->position[DIRECTION_READ] -
		       conn->read_sequence;

	/* Two threads that read one socket at once may be recorded in either order. */
	return unseen > 0 ? unseen : 0;
}

/* Nothing stands between the calls and TCP that may hold bytes back: kTLS, a sockmap. */
static __always_inline int tcp_is_bare(const struct sock *sk)
{
	const struct inet_connection_sock *icsk =
		bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct inet_connection_sock));

	return is_tcp(sk) && !icsk->icsk_ulp_ops && !sk->sk_user_data;
}

/*
 * When the bytes of the write that has just ended went out; 0 when it is not known. TCP notes the
 * time before it sends, so after a write that left nothing unsent this is a moment within that
 * call. Reading the clock again would cost 30 to 60 ns.
 */
static __always_inline __u64 tcp_sent_ns(const struct sock *sk)
{
	const struct tcp_sock *tp = bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct tcp_sock));

	return tcp_is_bare(sk) && tp->snd_nxt == tp->write_seq ? tp->tcp_clock_cache : 0;
}

static __always_inline void deliver_unseen(struct scratch *s, struct pt_regs *regs,
					   struct policy policy, struct caller caller,
					   __u64 len_bytes)
{
	fill_call(s, regs, len_bytes, policy, caller, HOOK_SOCKET);
	deliver_filler(&s->call, DIRECTION_READ);
}

#endif
