// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Bytes that watched processes move over sockets, seen in the socket instead of at the system call
 * (syscall.bpf.c): the same events at half the price, because calls on anything but sockets are
 * not touched at all. A hook on sys_exit makes every system call of the host slower, whoever makes
 * it. Linux 6.5 and later: the tracepoints are there since 6.3 (6e6eda44b939), and since 6.5
 * sendfile and splice pass them too (2dc334f1a63a).
 *
 * number and arguments of the call are still in pt_regs; the bytes lie in the user's buffer. What
 * is not seen here: connect and accept (the first bytes tell whether they are the first,
 * connection_start()), the close of a Unix socket (close.bpf.c is attached with the first one) and
 * what splice() reads (splice.bpf.c; until it is attached the next read finds out).
 */
#include "in_socket.h"
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Below 6.5 this field does not exist, and libbpf makes a program of it that does not load. */
static __always_inline int is_supported(void)
{
	return bpf_core_field_offset(struct proto_ops, splice_eof) != 0;
}

/* `direction`: which of the two tracepoints it was. */
static __always_inline void socket_call(const struct sock *sk, long result, __u8 direction)
{
	if (result < 0 && !is_wanted_error(result))
		return;
	struct task_struct *task = bpf_get_current_task_btf();
	struct caller caller = caller_of(task);
	struct policy policy = policy_of(caller.tgid);

	if (!policy_is_watched(policy))
		return;
	struct scratch *s = scratch();

	if (!s)
		return;
	struct pt_regs *regs = regs_of(s, task);
	__u32 number = SYSCALL_NUMBER(regs);

	if (SYSCALL_IS_COMPAT(regs) || !fill_sock(&s->call, sk))
		return;
	struct connection *conn = connection_of(s->call.inode);

	__u64 unseen =
		direction == DIRECTION_READ && result > 0 ? unseen_bytes(conn, sk, result) : 0;

	if (conn && connection_is_left_out(conn)) {
		call_left_out(s, conn, regs, result, direction, policy, caller, HOOK_SOCKET,
			      unseen);
		return;
	}
	/* They become a filler in front of the bytes of this call. */
	if (unseen) {
		count(COUNTER_READ_UNSEEN);
		deliver_unseen(s, regs, policy, caller, unseen);
	}
	fill_call(s, regs, result, policy, caller, HOOK_SOCKET);
	if (direction == DIRECTION_WRITE && result > 0)
		s->call.time_ns = tcp_sent_ns(sk);
	if (!is_data_call(number)) {
		if (!is_kernel_thread(task))
			deliver_filler(&s->call, direction);
	} else if (is_stream_call(&s->call, number)) {
		data_call(s, conn, number, result);
	}
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(socket_send, struct sock *sk, int result, int flags)
{
	if (!is_supported())
		return 0;
	socket_call(sk, result, DIRECTION_WRITE);
	return 0;
}

/* Nothing is left to read, but perhaps the end itself. */
static __always_inline int is_read_out(const struct sock *sk)
{
	struct tcp_progress progress = tcp_progress((const struct tcp_sock *)sk);

	return progress.received - progress.copied <= 1;
}

/* The process has ended its direction, and read that the other one is over. */
static __always_inline int is_over(const struct sock *sk)
{
	return is_tcp(sk) && sk->sk_shutdown == SHUTDOWN_MASK &&
	       sk->__sk_common.skc_state == TCP_CLOSE && is_read_out(sk);
}

/* `may_interrupt`: another program of ours, on this CPU. */
static __always_inline void socket_end(const struct sock *sk, int may_interrupt)
{
	__u64 inode = inode_of(sk->sk_socket->file);
	struct connection *conn = connection_of(inode);

	if (conn)
		connection_end(conn, inode,
			       connection_close_in(conn, current_caller(), 0, may_interrupt));
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(socket_recv, struct sock *sk, int result, int flags)
{
	if (is_peek(flags))
		return 0;
	socket_call(sk, result, DIRECTION_READ);
	if (!result && is_over(sk))
		socket_end(sk, 0);
	return 0;
}

static __always_inline __u32 current_number(void)
{
	return SYSCALL_NUMBER((struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf()));
}

/*
 * Ends of TCP connections. FIN_WAIT1 and LAST_ACK are entered by close (also at the end of a
 * process) and by shutdown, which is the end only when nothing is left to be read; a close after it
 * enters the same state again. When the other side has ended its direction meanwhile there is no
 * state left to enter: the process reads that end, see is_over().
 * CLOSE is entered from an open state by a close that throws bytes away, when both directions have
 * just been shut down, and by a reset, which the process has still to hear of: the sweep ends it.
 */
static __always_inline int is_close(const struct sock *sk, int old_state, int new_state)
{
	if (new_state == TCP_FIN_WAIT1 || new_state == TCP_LAST_ACK || new_state == old_state)
		return current_number() != NR_SHUTDOWN ||
		       (new_state == TCP_LAST_ACK && is_read_out(sk));
	return new_state == TCP_CLOSE && sk->sk_shutdown == SHUTDOWN_MASK &&
	       (old_state == TCP_ESTABLISHED || old_state == TCP_CLOSE_WAIT ||
		old_state == TCP_SYN_SENT);
}

/* connect() of a watched process. */
static __always_inline void socket_connect(const struct sock *sk)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct caller caller = caller_of(task);
	struct policy policy = policy_of(caller.tgid);
	struct scratch *s = scratch();

	if (!policy_is_watched(policy) || !s || is_kernel_thread(task) || !fill_sock(&s->call, sk))
		return;
	/* A connect is seen, as at system calls: nothing is to be found out by its first bytes. */
	fill_call(s, regs_of(s, task), 0, policy, caller, HOOK_SYSCALL);
	on_connect(s);
}

/* For CLOSE it may have interrupted another program of ours on its CPU: it uses no scratch. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(socket_state, const struct sock *sk, int old_state, int new_state)
{
	if (new_state == TCP_SYN_SENT) {
		socket_connect(sk);
		return 0;
	}
	/* close() and shutdown() have led here, or, for CLOSE, perhaps a packet. */
	if (is_close(sk, old_state, new_state))
		socket_end(sk, new_state == TCP_CLOSE);
	return 0;
}
