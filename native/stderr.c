// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Debian builds libbpf.a for executables (-fPIE): the only thing in it that cannot be linked into
 * a shared object is its direct reference to libc's `stderr` variable. The build renames that
 * reference (tools/build), and this is the variable behind the new name. Only libbpf's default
 * printer uses it, which we replace.
 */
#include <stdio.h>

extern FILE *spantap_stderr;
__attribute__((visibility("hidden"))) FILE *spantap_stderr;

__attribute__((constructor)) static void set_stderr(void)
{
	spantap_stderr = stderr;
}
