/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * The kernel types that the programs touch, and of them only the fields. Written by hand instead
 * of dumped from a running kernel: the build depends on no machine's BTF, and libbpf relocates
 * every access at load (CO-RE), so one object serves 5.10 and later on x86-64 and arm64.
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

/* The part of enum bpf_map_type and of the helper flags that we use: UAPI values. */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
};
enum {
	BPF_ANY = 0,
};
enum {
	BPF_F_MMAPABLE = 1024,
};
enum {
	BPF_RB_NO_WAKEUP = 1,
};

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define IPPROTO_TCP 6
#define IPPROTO_MPTCP 262
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_FIN_WAIT1 4
#define TCP_CLOSE 7
#define TCP_CLOSE_WAIT 8
#define TCP_LAST_ACK 9
#define TCP_LISTEN 10
#define SHUTDOWN_MASK 3
#define PF_KTHREAD 0x00200000
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define MSG_OOB 0x1
#define MSG_PEEK 0x2
#define MSG_TRUNC 0x20
#define MSG_ERRQUEUE 0x2000
#define EPIPE 32
#define ECONNRESET 104
#define ETIMEDOUT 110
#define EINPROGRESS 115

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wpadded"
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	long counter;
} atomic_long_t;

/* Since 6.13 (90ee6ed776c0): counts references beyond the first. */
typedef struct {
	atomic_long_t refcnt;
} file_ref_t;

struct list_head {
	struct list_head *next;
};

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

/* A descriptor in an epoll set, as its process described it. */
struct epoll_event {
	__u64 data;
};

struct epitem {
	struct hlist_node fllink; /* in the file's f_ep, since 5.11 (319c15174757) */
	struct epoll_event event;
};

struct epitem___5_10 {
	struct list_head fllink; /* in the file's f_ep_links */
	struct epoll_event event;
};

struct in6_addr {
	__u8 s6_addr[16];
};

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct super_block {
	__u32 s_dev;
};

struct inode {
	unsigned short i_mode;
	unsigned long i_ino;
	struct super_block *i_sb;
	__s64 i_size;
	__u32 i_generation;
};

struct file {
	struct inode *f_inode;
	void *private_data;
	atomic_long_t f_count;
	struct hlist_head *f_ep;
};

struct file___5_10 {
	struct list_head f_ep_links;
};

struct file___6_13 {
	file_ref_t f_ref;
};

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	unsigned long skc_flags;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
	__u8 sk_shutdown;
	__u32 sk_max_ack_backlog;
	struct socket *sk_socket;
	void *sk_user_data;
};

enum sock_flags {
	SOCK_DEAD,
	SOCK_DONE,
};

struct socket {
	short type;
	struct file *file;
	struct sock *sk;
};

struct proto_ops {
	void (*splice_eof)(struct socket *sock); /* since 6.5 (2bfc66850952) */
};

struct inet_connection_sock {
	const void *icsk_ulp_ops;
};

struct tcp_sock {
	__u32 rcv_nxt;
	__u32 copied_seq;
	__u32 snd_una;
	__u32 snd_nxt;
	__u32 write_seq;
	__u64 bytes_received;
	__u64 bytes_acked;
	__u64 tcp_clock_cache;
};

struct sockaddr_un {
	unsigned short sun_family;
	char sun_path[108];
};

struct unix_address {
	int len;
	struct sockaddr_un name[0];
};

struct unix_sock {
	struct unix_address *addr;
	struct sock *peer;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct atomic_live {
	int counter;
};

struct signal_struct {
	struct atomic_live live;
};

#if defined(__TARGET_ARCH_x86)
struct thread_struct {
	unsigned long fsbase;
};

struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8;
	unsigned long ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	__u64 regs[31];
	__u64 sp;
	__u64 pc;
	__u64 pstate;
	__u64 orig_x0;
	__s32 syscallno;
};
#endif

struct mm_struct {
	unsigned long start_code;
	struct file *exe_file;
};

struct task_struct {
#if defined(__TARGET_ARCH_x86)
	struct thread_struct thread;
#endif
	void *stack;
	int pid;
	int tgid;
	unsigned int flags;
	struct task_struct *group_leader;
	struct task_struct *real_parent;
	__u64 start_boottime;
	struct mm_struct *mm;
	struct files_struct *files;
	struct signal_struct *signal;
	char comm[16];
};

#pragma clang attribute pop

/* User ABI: fixed layouts, never relocated. */
struct user_iovec {
	__u64 base;
	__u64 len;
};

struct user_msghdr {
	__u64 name;
	__u32 name_bytes;
	__u32 _pad;
	__u64 iov;
	__u64 iov_count;
	__u64 control;
	__u64 control_bytes;
	__u32 flags;
	__u32 _pad2;
};

struct user_mmsghdr {
	struct user_msghdr header;
	__u32 len_bytes;
	__u32 _pad;
};

#pragma clang diagnostic pop

#endif
