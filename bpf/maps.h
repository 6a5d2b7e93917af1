/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * The maps that several objects share, and the configuration. The loader creates them with the
 * first object and hands the same maps to the others by name (native/objects.c), so every object
 * includes this file and sees the same state.
 *
 * Sizes here are defaults; the loader sets those that src/config/limits.ts names.
 */
#ifndef SPANTAP_MAPS_H
#define SPANTAP_MAPS_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "event.h"
#include "settings.h"
#include "sniff.h"
#include "traffic.h"
#include "walk_layout.h"

const volatile struct config config SEC(".rodata.config") = {};

/*
 * Written by user space at any time. Global data of an array map that the loader shares among the
 * objects: reading it takes no look-up.
 */
volatile struct traffic traffic SEC(".data.traffic") = { .excluded = CLASS_SKIPPED };

struct policy {
	__u8 watch;	   /* enum policy_watch */
	__u8 family;	   /* enum policy_family */
	__u8 starts_known; /* 1: sockets that are not known were opened since it is watched */
	__u8 _pad;
};

/*
 * Which processes are wanted and which program they run.
 * key: tgid. Inserted by user space (discovery), and by fork for the child of an entry. Deleted
 * at exit of the thread group, reset at exec. 8192: as many processes with a policy of their
 * own; all others have the default. Full: a fork's child has the default policy until user space
 * sets one (COUNTER_LOST_POLICY).
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct policy);
} policy_by_tgid SEC(".maps");

#define POLICY_SLOTS 16384

/* Some process of this slot has a policy: look into policy_by_tgid. No process has this number. */
#define SLOT_SHARED 0xffffffff

struct policy_slot {
	__u32 tgid; /* 0: no process of this slot has a policy */
	struct policy policy;
};

/*
 * What is tested first at every system call: an array look-up is a few instructions, one in
 * policy_by_tgid some 40 ns. key: tgid modulo POLICY_SLOTS. Written and emptied wherever
 * policy_by_tgid is. Twice its size: tgids are given out in sequence, so few meet. Two processes in
 * one slot share it for good, which costs them the look-up there.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, POLICY_SLOTS);
	__type(key, __u32);
	__type(value, struct policy_slot);
} policy_slots SEC(".maps");

struct host {
	__u64 starts_known; /* as in struct policy, for processes without an entry */
};

/* What holds for all processes. key: 0. Set by user space (COMMAND_STARTS_KNOWN), never reset. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct host);
} host_state SEC(".maps");

enum connection_state {
	STATE_SNIFFING = 0, /* nothing but HTTP beginnings so far: undecided */
	STATE_HTTP = 1,	    /* an HTTP/1 message was seen: its bytes are delivered */
	STATE_SKIPPED = 2,  /* not HTTP, or ignored by user space: nothing more is delivered */
};

enum connection_flag {
	CONNECTION_START_SEEN = 1 << 0,
	CONNECTION_OPEN_SENT = 1 << 1,	  /* its EVENT_OPEN is in a ring */
	CONNECTION_SNIFF_MORE = 1 << 2,	  /* this turn began like HTTP, more bytes needed */
	CONNECTION_BOUND = 1 << 3,	  /* `bound` was filled at connect */
	CONNECTION_HEAD_PENDING = 1 << 4, /* HAProxy: read a head that no stream has taken yet */
	CONNECTION_CLOSED = 1 << 5,	  /* over, but its close event has found the ring full */
	CONNECTION_WITHDRAWN = 1 << 6,	  /* excluded; user space does not know it any more */
	CONNECTION_COUNTED = 1 << 7,	  /* skipped, and its bytes are still counted */
	CONNECTION_WALKED = 1 << 8, /* HAProxy: nobody asks which thread read it, see is_alone */
};

/* Last direction of a connection on which no byte was seen. */
#define DIRECTION_NONE 0xff

/* An owner that the settings exclude. */
#define OWNER_EXCLUDED (~0ull)

/* The ingress request that program state names: what a data event's cause_* fields carry. */
struct owner {
	__u64 connection_id; /* or OWNER_EXCLUDED */
	__u64 read_position;
	__u64 write_position;
	__u64 token;
};

/* HAProxy: where the structures of a socket are, as its circles last showed. */
struct haproxy_place {
	__u64 connection; /* struct connection */
	__u64 mux;	  /* struct h1c, of connections that the proxy opened; 0 unknown */
	__u32 walk;	  /* number, see walk_haproxy.h */
	__u32 _pad;
};

struct connection {
	__u64 inode; /* of the socket; 0: nobody uses this slot */
	__u64 id;
	__u64 position[2];   /* by enum event_direction; every byte, also those not copied */
	__u32 read_sequence; /* TCP, seen in the socket: number of position 0, 0 unknown */
	__u8 peer;	     /* enum peer_flag */
	__u8 classes;	     /* enum traffic_class */
	__u8 protocol;	     /* enum event_protocol */
	__u8 _pad;
	union {
		struct owner bound; /* HAProxy with CONNECTION_BOUND: owner of the connect() */
		struct haproxy_place haproxy;
		__u64 nginx_connection; /* nginx: address of its ngx_connection_t */
		__u64 go_connection;	/* Go: address of the persistConn that writes on it */
	} program;
	__u32 turns;
	__u32 turn_copied_bytes;
	struct sniff_state sniff; /* of this turn, while it is undecided */
	__u8 sniff_tries;
	__u8 state;	     /* enum connection_state */
	__u8 role;	     /* enum event_role */
	__u8 last_direction; /* enum event_direction or DIRECTION_NONE */
	__u16 flags;	     /* enum connection_flag */
	__u8 is_suspect;     /* a sweep has not found its socket so far */
	__u8 has_overflow;   /* of a slot: some of its connections are in conn_by_inode */
};

/*
 * Every TCP and Unix stream socket that a watched process used, by the inode number of the socket:
 * it survives dup, fork and passing of descriptors, and is not used again before a 32-bit counter
 * wraps. Inserted at connect, accept or first use. Deleted at close of the last descriptor, and by
 * the loader's sweep for sockets that ended otherwise (killed process, dup2).
 *
 * Two maps. conn_slots: key inode modulo its size; inode numbers are given out in sequence, so
 * sockets that live at the same time seldom meet in one slot, and an array look-up is a few
 * instructions where one in a hash is some 50 ns. conn_by_inode: those whose slot was taken.
 * Sizes: limits.kernelConnectionsMax rounded up to a power of two, and an eighth of that. Full:
 * the socket is not seen, each of its calls counts COUNTER_LOST_CONNECTION.
 *
 * Two CPUs that enter two sockets into one slot at the same moment may leave it to the second: the
 * first is then entered anew at its next use, as one whose start was not seen.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct connection);
} conn_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct connection);
} conn_by_inode SEC(".maps");

struct counters {
	__u64 values[COUNTER_MAX];
};

/*
 * key: 0; value: a count for each of enum event_counter, one set per CPU. Added to by programs,
 * summed up by user space, never reset. Records in `rings` are counted there.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counters);
} counters SEC(".maps");

/* Who makes the call: asked once, since each question is a helper call. */
struct caller {
	__u32 tgid;
	__u32 tid;
};

/* Which kind of hook saw a call. */
enum call_hook {
	HOOK_SYSCALL = 0, /* at its exit: every connect and accept is seen as well */
	HOOK_SOCKET = 1,  /* in the socket: first bytes tell whether the beginning was seen */
};

/* One finished system call. `iov_count` 0: `buffer` holds the bytes; else it is the iovec array. */
struct call {
	__u64 file;  /* of the socket */
	__u64 inode; /* of the socket, 0: the descriptor is no socket */
	struct caller caller;
	__u64 buffer;
	__u64 iov_count;
	__u64 len_bytes;
	__u64 wanted_bytes; /* third argument: what read asked for */
	__u64 argument3;    /* fourth argument */
	__u64 sp;	    /* user stack pointer */
	__u64 goroutine;    /* Go: address of the current g */
	__u64 time_ns;	    /* CLOCK_MONOTONIC, 0: when its event is written */
	__u32 fd;
	__u16 error;
	__u16 flags; /* enum event_data_flag */
	__u8 direction;
	__u8 family;	   /* enum policy_family of the process */
	__u8 starts_known; /* of its policy */
	__u8 hook;	   /* enum call_hook */
	__u8 _pad[4];
};

/* iovecs that are read at once: each read of user memory has its price, whatever its size. */
#define IOVECS_READ 8

/* Where reading of a call's buffers has got to. */
struct cursor {
	__u64 iov;	 /* user address of the next iovec that is not in `iovecs` */
	__u64 iov_count; /* from there on */
	__u64 base;	 /* user address of the next byte */
	__u64 base_bytes;
	__u64 call_bytes; /* of the call, not yet in an event */
	__u64 skip_bytes; /* to be passed over before the next copy */
	__u32 quota;	  /* bytes that may still be copied in this turn */
	__u32 filled;	  /* bytes in the payload */
	__u32 iovec;	  /* next one in `iovecs` */
	__u32 iovecs_end;
	__u32 is_fault;
	__u32 is_tail; /* the limit is reached: only the last bytes are copied */
	struct user_iovec iovecs[IOVECS_READ]; /* valid between the two */
};

/* ngx_connection_t, as far as it is read (cause_nginx.h). */
struct ngx_connection {
	__u64 data;
	__u64 read;
	__u64 write;
	__s32 fd;
	__u32 _pad;
	__u64 between[6];
	__u64 log; /* 0x50 */
};

/* ngx_http_request_t. */
struct ngx_request {
	__u32 signature; /* "HTTP" */
	__u32 _pad;
	__u64 connection;
	__u64 between[6];
	__u64 upstream_no_cache; /* 0x40: upstream when built without --with-http-cache */
	__u64 upstream;		 /* 0x48 */
};

/* ngx_log_t, and what is allocated behind it. A power of two. */
struct ngx_log {
	__u64 before[5];
	__u64 data; /* 0x28 */
	__u64 behind[26];
};

/*
 * Where records are put together, and what else is too large for the stack (512 bytes for a
 * program and all that it calls). The programs that use it run with preemption disabled and do
 * not nest. `payload` is twice a chunk so that (offset < chunk) + (length <= chunk) is in bounds
 * without a check.
 */
struct scratch {
	__u64 connections; /* allocated on this CPU */
	__u64 task_stack;  /* of the current task */
	__u64 regs_offset; /* of a task's registers in its stack, 0 not known yet */
	struct call call;  /* argument of deliver() */
	struct cursor cursor;
	struct user_msghdr header;
	struct user_mmsghdr message;
	struct connection fresh;
	struct sniff_state head;	      /* HAProxy: of the read that is looked at */
	struct ngx_connection upstream;	      /* nginx: connection written on */
	struct ngx_request request;	      /* its request */
	struct ngx_connection client;	      /* connection of that request */
	struct ngx_log log;		      /* of that connection */
	__u64 block[HAPROXY_BLOCK_BYTES / 8]; /* HAProxy: beginning of a structure */
	struct owner owner;		      /* answer of haproxy_walk() */
	__u64 owner_flags;		      /* of it, enum event_cause_flag */
	struct open_event open;
	struct data_event data;
	__u8 payload[2 * SPANTAP_CHUNK_BYTES];
};

/*
 * key: number of the CPU, whose programs alone use the value. One for each possible CPU, for good.
 * An ordinary array because per-CPU values end at 32 KiB.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* set by the loader */
	__type(key, __u32);
	__type(value, struct scratch);
} scratch_by_cpu SEC(".maps");

/* Atomic: a program in a softirq may come upon one that counts on the same CPU. */
static __always_inline void count_by(enum event_counter counter, __u64 amount)
{
	__u32 zero = 0;
	struct counters *sums = bpf_map_lookup_elem(&counters, &zero);

	if (sums)
		__sync_fetch_and_add(&sums->values[counter], amount);
}

static __always_inline void count(enum event_counter counter)
{
	count_by(counter, 1);
}

static __always_inline struct scratch *scratch(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&scratch_by_cpu, &cpu);
}

/*
 * What newer kernels let a program read without a helper call, which costs 10 to 30 ns each:
 * bpf_get_current_task_btf since 5.11 (3ca1032ab7ab), bpf_rdonly_cast since 6.2 (a35b9af4ec2c).
 * Where the kernel lacks them those branches are dead code.
 */
enum bpf_func_id___newer {
	BPF_FUNC_get_current_task_btf = 1000,
};

#define HAS_TASK_BTF                                                                               \
	bpf_core_enum_value_exists(enum bpf_func_id___newer, BPF_FUNC_get_current_task_btf)

extern void *bpf_rdonly_cast(const void *object, __u32 btf_id) __ksym __weak;

static __always_inline struct caller caller_of(const struct task_struct *task)
{
	return (struct caller){ .tgid = task->tgid, .tid = task->pid };
}

static __always_inline struct caller current_caller(void)
{
	if (HAS_TASK_BTF)
		return caller_of(bpf_get_current_task_btf());
	__u64 both = bpf_get_current_pid_tgid();

	return (struct caller){ .tgid = both >> 32, .tid = both };
}

/* `time_ns` 0: now. */
static __always_inline void fill_header_at(struct event_header *header, __u32 kind,
					   __u32 size_bytes, struct caller caller, __u64 time_ns)
{
	header->kind = kind;
	header->size_bytes = size_bytes;
	header->time_ns = time_ns ? time_ns : bpf_ktime_get_ns();
	header->tgid = caller.tgid;
	header->tid = caller.tid;
}

static __always_inline void fill_header(struct event_header *header, __u32 kind, __u32 size_bytes,
					struct caller caller)
{
	fill_header_at(header, kind, size_bytes, caller, 0);
}

static __always_inline struct policy_slot *policy_slot(__u32 tgid)
{
	__u32 index = tgid % POLICY_SLOTS;

	return bpf_map_lookup_elem(&policy_slots, &index);
}

static __always_inline int policy_set(__u32 tgid, const struct policy *policy)
{
	struct policy_slot *slot = policy_slot(tgid);

	if (bpf_map_update_elem(&policy_by_tgid, &tgid, policy, BPF_ANY)) {
		count(COUNTER_LOST_POLICY);
		return 0;
	}
	if (!slot)
		return 0;
	if (slot->tgid == 0 || slot->tgid == tgid) {
		slot->policy = *policy;
		slot->tgid = tgid;
	} else {
		slot->tgid = SLOT_SHARED;
	}
	return 1;
}

static __always_inline void policy_delete(__u32 tgid)
{
	struct policy_slot *slot = policy_slot(tgid);

	bpf_map_delete_elem(&policy_by_tgid, &tgid);
	if (slot && slot->tgid == tgid)
		slot->tgid = 0;
}

/* All zero, the default, for a process without an entry. */
static __always_inline struct policy policy_of(__u32 tgid)
{
	const struct policy none = {};
	struct policy_slot *slot = policy_slot(tgid);

	if (slot && slot->tgid == tgid)
		return slot->policy;
	if (!slot || slot->tgid != SLOT_SHARED)
		return none;
	struct policy *policy = bpf_map_lookup_elem(&policy_by_tgid, &tgid);

	return policy ? *policy : none;
}

static __always_inline int policy_is_watched(struct policy policy)
{
	return policy.watch == WATCH_YES || (policy.watch == WATCH_DEFAULT && config.watch_all);
}

#endif
