// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * One empty program for each kind of hook. `spantap doctor` loads and attaches them one by one
 * (native/probe.c) and says which this kernel has.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

SEC("tp_btf/sock_send_length")
int probe_socket(void *ctx)
{
	/* Does not load below 6.5, see socket.bpf.c. */
	return bpf_core_field_offset(struct proto_ops, splice_eof) == 0;
}

SEC("tp_btf/sys_exit")
int probe_sys_exit(void *ctx)
{
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_close")
int probe_enter_close(void *ctx)
{
	return 0;
}

SEC("tp_btf/sched_process_exec")
int probe_sched(void *ctx)
{
	return 0;
}

SEC("uprobe")
int probe_uprobe(void *ctx)
{
	return 0;
}

SEC("uretprobe")
int probe_uretprobe(void *ctx)
{
	return 0;
}

SEC("uprobe.multi")
int probe_uprobe_multi(void *ctx)
{
	return 0;
}
