/* SPDX-License-Identifier: GPL-2.0-only OR MIT
 *
 * What differs by architecture: system call numbers, where their arguments still are at sys_exit,
 * and which register holds what at a user-space function's entry. arm64 is built, untested.
 */
#ifndef SPANTAP_ARCH_H
#define SPANTAP_ARCH_H

#include "vmlinux.h"

#if defined(__TARGET_ARCH_x86)

#define NR_READ 0
#define NR_WRITE 1
#define NR_READV 19
#define NR_WRITEV 20
#define NR_SENDFILE 40
#define NR_CONNECT 42
#define NR_ACCEPT 43
#define NR_SENDTO 44
#define NR_RECVFROM 45
#define NR_SENDMSG 46
#define NR_RECVMSG 47
#define NR_SHUTDOWN 48
#define NR_SPLICE 275
#define NR_ACCEPT4 288
#define NR_RECVMMSG 299
#define NR_SENDMMSG 307

/* x86-64 keeps number and arguments in pt_regs until the return to user space. */
#define SYSCALL_NUMBER(from) ((from)->orig_ax)
#define SYSCALL_ARG0(from) ((from)->di)
#define SYSCALL_ARG1(from) ((from)->si)
#define SYSCALL_ARG2(from) ((from)->dx)
#define SYSCALL_ARG3(from) ((from)->r10)
/* A 32-bit program (__USER32_CS) has other numbers and structures: ignored. */
#define SYSCALL_IS_COMPAT(from) ((from)->cs == 0x23)

#define USER_SP(from) ((from)->sp)
#define FUNCTION_ARG0(from) ((from)->di)
#define FUNCTION_RESULT(from) ((from)->ax)
/* Go's register ABI (ABIInternal, Go 1.17 and later): g and the first integer argument. */
#define GO_G(from) ((from)->r14)
#define GO_ARG0(from) ((from)->ax)

#elif defined(__TARGET_ARCH_arm64)

#define NR_READ 63
#define NR_WRITE 64
#define NR_READV 65
#define NR_WRITEV 66
#define NR_SENDFILE 71
#define NR_SPLICE 76
#define NR_ACCEPT 202
#define NR_CONNECT 203
#define NR_SENDTO 206
#define NR_RECVFROM 207
#define NR_SHUTDOWN 210
#define NR_SENDMSG 211
#define NR_RECVMSG 212
#define NR_ACCEPT4 242
#define NR_RECVMMSG 243
#define NR_SENDMMSG 269

/* arm64 overwrites x0 with the result; orig_x0 keeps the first argument. */
#define SYSCALL_NUMBER(from) ((__u32)(from)->syscallno)
#define SYSCALL_ARG0(from) ((from)->orig_x0)
#define SYSCALL_ARG1(from) ((from)->regs[1])
#define SYSCALL_ARG2(from) ((from)->regs[2])
#define SYSCALL_ARG3(from) ((from)->regs[3])
/* PSR_MODE32_BIT */
#define SYSCALL_IS_COMPAT(from) ((from)->pstate & 0x10)

#define USER_SP(from) ((from)->sp)
#define FUNCTION_ARG0(from) ((from)->regs[0])
#define FUNCTION_RESULT(from) ((from)->regs[0])
#define GO_G(from) ((from)->regs[28])
#define GO_ARG0(from) ((from)->regs[0])

#else
#error "unknown architecture"
#endif

#endif
