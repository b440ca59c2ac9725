/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <asm/unistd.h>
#define SYS_close __NR_close
#define SYS_dup __NR_dup
#define SYS_dup3 __NR_dup3
#define SYS_fcntl __NR_fcntl
#define SYS_futex __NR_futex
#define SYS_getpid __NR_getpid
#define SYS_getppid __NR_getppid
#define SYS_gettid __NR_gettid
#define SYS_ioctl __NR_ioctl
#define SYS_mremap __NR_mremap
#define SYS_munmap __NR_munmap
#define SYS_openat __NR_openat
#define SYS_read __NR_read
#define SYS_rt_sigprocmask __NR_rt_sigprocmask
#define SYS_tgkill __NR_tgkill
#define SYS_write __NR_write
#ifdef __NR_mmap2
#define SYS_mmap2 __NR_mmap2
#endif
#ifdef __NR_mmap
#define SYS_mmap __NR_mmap
#endif
