/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * What user space asks of the kernel side. A map write from user space would overwrite what
 * programs change meanwhile (positions, policies of forked processes), so the change is made by a
 * program that is never attached, only run (BPF_PROG_TEST_RUN of a raw tracepoint program, since
 * 5.10).
 */
#ifndef SPANTAP_COMMAND_H
#define SPANTAP_COMMAND_H

/*
 * `subject` is a socket's inode, or a tgid for policies. They return 0, or 1 when a map is full;
 * COMMAND_FORGET returns 1 when a close event follows (after the next sweep if the ring is full) or
 * is on its way already, COMMAND_WALK_ALONE when there is no such number.
 */
enum command {
	COMMAND_KNOW = 1,	 /* the socket was opened before it could be watched */
	COMMAND_IGNORE = 2,	 /* deliver nothing more of this socket */
	COMMAND_END_SUSPECT = 3, /* no process holds the socket: see sweep.bpf.c */
	COMMAND_SET_POLICY = 4,	 /* argument: watch | family << 8 | starts_known << 16 */
	COMMAND_CLEAR_POLICY = 5,
	COMMAND_FORGET = 6,	  /* the socket is gone */
	COMMAND_STARTS_KNOWN = 7, /* all older sockets of the host are known */
	COMMAND_WALK_ALONE = 8,	  /* subject: number of a walk whose probes are gone */
};

#endif
