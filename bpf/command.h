/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * What user space asks of the kernel side about one connection. A map write from user space would
 * overwrite positions that count meanwhile, so the change is made by a program that is never
 * attached, only run (BPF_PROG_TEST_RUN of a raw tracepoint program, since 5.10).
 */
#ifndef SPANTAP_COMMAND_H
#define SPANTAP_COMMAND_H

enum command {
	COMMAND_NGINX_CONNECTION = 1, /* argument: address of the socket's ngx_connection_t */
	COMMAND_IGNORE = 2,	      /* deliver nothing more of this socket */
	COMMAND_END_SUSPECT = 3,      /* no process holds the socket: see sweep.bpf.c */
};

#endif
