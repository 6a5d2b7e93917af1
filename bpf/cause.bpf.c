// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Probes in proxies, the half of cause_*.h that user-space functions tell. An object of its own,
 * loaded when the first such probe is wanted. Perf-event uprobes are attached to a file, so they
 * fire in every process that maps it: the policy's family decides.
 */
#include "arch.h"
#include "cause.h"
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

static __always_inline int is_family(__u32 tgid, __u32 family)
{
	struct policy policy = policy_of(tgid);

	return policy.family == family && policy_is_watched(policy);
}

/* struct stream *stream_new(struct session *, struct stconn *, struct buffer *), returning. */
SEC("uretprobe")
int haproxy_stream_new(struct pt_regs *ctx)
{
	struct caller caller = current_caller();
	struct haproxy_stream_key key = { .stream = FUNCTION_RESULT(ctx), .tgid = caller.tgid };
	struct owner owner = {};

	if (!is_family(caller.tgid, FAMILY_HAPROXY) || !key.stream)
		return 0;
	struct haproxy_thread *thread = haproxy_thread(caller.tid, 0);
	__u64 inode = thread ? thread->ingress_inode : 0;
	struct connection *conn = connection_of(inode);

	if (!thread || !conn || conn->role != ROLE_SERVER) {
		/* The address may have been another stream's: that one's owner is not ours. */
		bpf_map_delete_elem(&hap_stream_owner, &key);
		count(COUNTER_CAUSE_REFUSED);
		return 0;
	}
	thread->ingress_inode = 0;
	conn->flags &= ~CONNECTION_HEAD_PENDING;
	owner_of(&owner, conn, key.stream);
	struct owner *former = bpf_map_lookup_elem(&hap_stream_owner, &key);

	/* HAProxy uses the memory of streams again: most are known, and overwriting costs less. */
	if (former)
		*former = owner;
	else if (bpf_map_update_elem(&hap_stream_owner, &key, &owner, BPF_ANY))
		count(COUNTER_LOST_CAUSE);
	return 0;
}

/* void back_try_conn_req(struct stream *s): one call per connection attempt of a stream. */
SEC("uprobe")
int haproxy_back_try_conn_req(struct pt_regs *ctx)
{
	struct caller caller = current_caller();

	if (!is_family(caller.tgid, FAMILY_HAPROXY))
		return 0;
	struct haproxy_thread *thread = haproxy_thread(caller.tid, 1);

	if (!thread)
		return 0;
	thread->stream = FUNCTION_ARG0(ctx);
	thread->frame = USER_SP(ctx);
	bpf_probe_read_user(&thread->return_address, sizeof(thread->return_address),
			    (void *)thread->frame);
	return 0;
}

/* persistConn.conn (net.Conn) holds a *net.TCPConn or *net.UnixConn; net/http/transport.go. */
#define GO_PC_CONN_DATA 88
/* net.netFD: pfd.Sysfd, then after poll.FD its family, sotype and isConnected; net/fd_posix.go. */
#define GO_NETFD_SYSFD 16
#define GO_NETFD_FAMILY 56
#define GO_NETFD_SOTYPE 64
#define GO_NETFD_IS_CONNECTED 72

/*
 * The descriptor under a persistConn, -1 when the structure is not the expected one: another Go
 * version, or TLS between. Three words must have the only values they can have.
 */
static __always_inline __s32 go_fd(__u64 pc)
{
	__u64 fd = user_u64(user_u64(pc + GO_PC_CONN_DATA));
	__u64 family = user_u64(fd + GO_NETFD_FAMILY);
	__u64 is_connected = user_u64(fd + GO_NETFD_IS_CONNECTED);

	if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
		return -1;
	if (user_u64(fd + GO_NETFD_SOTYPE) != SOCK_STREAM || (is_connected & 0xff) != 1)
		return -1;
	return user_u32(fd + GO_NETFD_SYSFD);
}

/* Remembers which persistConn writes on its socket: for those dialled before the probes. */
static __always_inline void go_find_socket(__u64 pc, int starts_known)
{
	__s32 fd = go_fd(pc);

	if (fd < 0) {
		count(COUNTER_CAUSE_REFUSED);
		return;
	}
	struct file *file = file_of_any_fd(fd);
	__u64 inode = socket_inode(file);
	struct connection *conn = connection_meet(file, inode, starts_known);

	if (conn && conn->role != ROLE_SERVER)
		conn->program.go_connection = pc;
}

/* func (pc *persistConn) roundTrip(req *transportRequest) (resp *Response, err error) */
SEC("uprobe")
int go_round_trip(struct pt_regs *ctx)
{
	__u32 tgid = current_caller().tgid;
	struct go_key pc = go_key(GO_ARG0(ctx), tgid), g = go_key(GO_G(ctx), tgid);
	struct go_pending fresh = { .is_pending = 1 };
	struct policy policy = policy_of(tgid);

	if (policy.family != FAMILY_GO || !policy_is_watched(policy))
		return 0;
	struct connection *conn = go_ingress(&g);

	if (conn)
		owner_of(&fresh.owner, conn, g.pointer);
	struct go_pending *known = bpf_map_lookup_elem(&go_pending_by_pc, &pc);

	if (!known)
		go_find_socket(pc.pointer, policy.starts_known);
	else if (known->is_pending)
		fresh.is_ambiguous = 1;
	if (known)
		*known = fresh;
	else if (bpf_map_update_elem(&go_pending_by_pc, &pc, &fresh, BPF_ANY))
		count(COUNTER_LOST_CAUSE);
	return 0;
}

/* func (pc *persistConn) writeLoop(): the goroutine that writes this connection's requests. */
SEC("uprobe")
int go_write_loop(struct pt_regs *ctx)
{
	struct go_key g = go_key(GO_G(ctx), current_caller().tgid);
	__u64 pc = GO_ARG0(ctx);

	if (!is_family(g.tgid, FAMILY_GO))
		return 0;
	if (bpf_map_update_elem(&go_pc_by_writer, &g, &pc, BPF_ANY))
		count(COUNTER_LOST_CAUSE);
	return 0;
}
