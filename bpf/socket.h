/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * From a descriptor of the current task to its socket, and what can be read about it. Everything
 * is read at use from the task's file table, so sockets opened before the agent are known too.
 */
#ifndef SPANTAP_SOCKET_H
#define SPANTAP_SOCKET_H

#include "maps.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

/* The current task's table of descriptors. */
static __always_inline struct fdtable *descriptors(void)
{
	if (HAS_TASK_BTF)
		return bpf_get_current_task_btf()->files->fdt;
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	return BPF_CORE_READ(task, files, fdt);
}

static __always_inline struct file *file_in(struct fdtable *fdt, __u32 fd)
{
	struct file **files, *file = NULL;

	if (HAS_TASK_BTF)
		files = fdt->fd;
	else
		files = BPF_CORE_READ(fdt, fd);
	if (bpf_rdonly_cast) {
		/* Any structure that begins with a pointer would do. */
		struct list_head *entry =
			bpf_rdonly_cast(files + fd, bpf_core_type_id_kernel(struct list_head));

		return (struct file *)entry->next;
	}
	bpf_probe_read_kernel(&file, sizeof(file), files + fd);
	return file;
}

/*
 * The file behind `fd`, NULL when there is none. The caller knows that the descriptor is valid
 * (its system call got as far as the file), so the table's size is not checked.
 */
static __always_inline struct file *file_of_fd(__u32 fd)
{
	return file_in(descriptors(), fd);
}

/* The same for a number that nobody has checked yet. */
static __always_inline struct file *file_of_any_fd(__u32 fd)
{
	struct fdtable *fdt = descriptors();
	__u32 count = HAS_TASK_BTF ? fdt->max_fds : BPF_CORE_READ(fdt, max_fds);

	return fd < count ? file_in(fdt, fd) : NULL;
}

/* Inode number of the socket behind a file, 0 when it is no socket. */
static __always_inline __u64 socket_inode(struct file *file)
{
	if (bpf_rdonly_cast) {
		struct file *typed = bpf_rdonly_cast(file, bpf_core_type_id_kernel(struct file));
		struct inode *inode = typed->f_inode;

		return (inode->i_mode & S_IFMT) == S_IFSOCK ? inode->i_ino : 0;
	}
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFSOCK)
		return 0;
	return BPF_CORE_READ(inode, i_ino);
}

/* The sock behind a socket's file when we follow its kind: TCP or a Unix stream, not listening. */
static __always_inline struct sock *stream_sock(struct file *file)
{
	struct socket *socket = BPF_CORE_READ(file, private_data);
	struct sock *sk = BPF_CORE_READ(socket, sk);
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	if (!sk || BPF_CORE_READ(socket, type) != SOCK_STREAM)
		return NULL;
	if (BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN)
		return NULL;
	if (family == AF_UNIX)
		return sk;
	if (family != AF_INET && family != AF_INET6)
		return NULL;
	__u16 protocol = BPF_CORE_READ(sk, sk_protocol);

	/* Go listens with MPTCP since 1.24; the connection is of that kind when both ends are. */
	return protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP ? sk : NULL;
}

/* Names the socket of the call by its descriptor; returns 0 when that is no socket. */
static __always_inline int fill_socket(struct call *call)
{
	struct file *file = file_of_fd(call->fd);

	call->file = (__u64)file;
	call->inode = socket_inode(file);
	return call->inode != 0;
}

/* What tells how far a TCP socket was read. */
struct tcp_progress {
	__u64 flags;	/* enum sock_flags as bits */
	__u32 copied;	/* tcp_sock.copied_seq */
	__u32 received; /* tcp_sock.rcv_nxt */
};

/* By direct loads where the kernel allows them: the common read asks. */
static __always_inline struct tcp_progress tcp_progress(const struct tcp_sock *tp)
{
	struct tcp_progress progress;

	if (bpf_rdonly_cast) {
		tp = bpf_rdonly_cast(tp, bpf_core_type_id_kernel(struct tcp_sock));
		progress.flags = ((const struct sock *)tp)->__sk_common.skc_flags;
		progress.copied = tp->copied_seq;
		progress.received = tp->rcv_nxt;
	} else {
		progress.flags = BPF_CORE_READ((const struct sock *)tp, __sk_common.skc_flags);
		progress.copied = BPF_CORE_READ(tp, copied_seq);
		progress.received = BPF_CORE_READ(tp, rcv_nxt);
	}
	return progress;
}

/* 1 when the end of the stream was read: it takes a sequence number like a byte. */
static __always_inline __u32 tcp_end_was_read(struct tcp_progress progress)
{
	unsigned long done = 1ul << bpf_core_enum_value(enum sock_flags, SOCK_DONE);

	return progress.flags & done && progress.copied == progress.received;
}

/*
 * Sequence number of the next byte to be read. Only readers change it, unlike the 64-bit counters,
 * which packets change meanwhile.
 */
static __always_inline __u32 tcp_read_sequence(const struct tcp_sock *tp)
{
	struct tcp_progress progress = tcp_progress(tp);

	return progress.copied - tcp_end_was_read(progress);
}

/* Times that a counter is read again because a packet has changed it meanwhile. */
#define TCP_READ_TRIES 3

/* Bytes that were taken out of a TCP socket by now; all ones when packets keep changing it. */
static __always_inline __u64 tcp_read_bytes(const struct tcp_sock *tp)
{
	for (int i = 0; i < TCP_READ_TRIES; i++) {
		__u64 received = BPF_CORE_READ(tp, bytes_received);
		struct tcp_progress progress = tcp_progress(tp);
		__u32 unread = progress.received - progress.copied;

		if (received == BPF_CORE_READ(tp, bytes_received))
			return received - unread - tcp_end_was_read(progress);
	}
	return -1ull;
}

/* Bytes that were put into a TCP socket by now; the client's SYN counts as one. */
static __always_inline __u64 tcp_written_bytes(const struct tcp_sock *tp)
{
	__u32 unacknowledged = BPF_CORE_READ(tp, write_seq) - BPF_CORE_READ(tp, snd_una);

	return BPF_CORE_READ(tp, bytes_acked) + unacknowledged;
}

static __always_inline int sock_is_tcp(const struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_family) != AF_UNIX &&
	       BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP;
}

/* True when closing one descriptor ends the file. */
static __always_inline int is_last_reference(struct file *file)
{
	struct file___6_13 *newer = (void *)file;

	if (bpf_core_field_exists(newer->f_ref))
		return BPF_CORE_READ(newer, f_ref.refcnt.counter) == 0;
	return BPF_CORE_READ(file, f_count.counter) == 1;
}

static __always_inline void read_inet(struct open_event *event, struct sock *sk)
{
	event->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	event->remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	if (event->family == AF_INET) {
		BPF_CORE_READ_INTO(&event->local_address, sk, __sk_common.skc_rcv_saddr);
		BPF_CORE_READ_INTO(&event->remote_address, sk, __sk_common.skc_daddr);
	} else {
		BPF_CORE_READ_INTO(&event->local_address, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&event->remote_address, sk, __sk_common.skc_v6_daddr);
	}
}

/* The other end of a socket, enum peer_flag. */
static __always_inline __u8 sock_peer(struct sock *sk)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	__be32 words[4] = {};

	if (family == AF_UNIX)
		return PEER_UNIX;
	if (family == AF_INET)
		return peer_of_ipv4(bpf_ntohl(BPF_CORE_READ(sk, __sk_common.skc_daddr)));
	BPF_CORE_READ_INTO(&words, sk, __sk_common.skc_v6_daddr);
	return peer_of_ipv6(bpf_ntohl(words[0]), bpf_ntohl(words[1]), bpf_ntohl(words[2]),
			    bpf_ntohl(words[3]));
}

/* The listening side's path: an accepted socket inherits it, a client finds it at its peer. */
static __always_inline void read_unix(struct open_event *event, struct sock *sk)
{
	struct unix_sock *self = (struct unix_sock *)sk;
	struct unix_sock *peer = (struct unix_sock *)BPF_CORE_READ(self, peer);
	struct unix_address *address = BPF_CORE_READ(self, addr);

	if (peer) {
		/* NULL while the other end waits in the accept queue. */
		struct socket *socket = BPF_CORE_READ((struct sock *)peer, sk_socket);

		event->peer_inode = BPF_CORE_READ(socket, file, f_inode, i_ino);
		if (!address)
			address = BPF_CORE_READ(peer, addr);
	}
	if (!address)
		return;
	/* len counts the family too, and for a path its closing NUL. */
	__u32 bytes = BPF_CORE_READ(address, len);

	if (bytes <= 2 || bytes > 2 + SPANTAP_UNIX_PATH_BYTES)
		return;
	event->unix_path_bytes = bytes - 2;
	bpf_probe_read_kernel(event->unix_path, SPANTAP_UNIX_PATH_BYTES, address->name[0].sun_path);
}

/* Everything about a socket that does not change any more once bytes flow. */
static __always_inline void read_identity(struct open_event *event, struct sock *sk)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	event->process_start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	event->netns_inode = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	event->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	BPF_CORE_READ_INTO(&event->comm, task, group_leader, comm);
	if (event->family == AF_UNIX)
		read_unix(event, sk);
	else
		read_inet(event, sk);
}

#endif
