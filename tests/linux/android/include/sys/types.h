/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <linux/types.h>
#include <stddef.h>
#include <stdint.h>
typedef long ssize_t;
typedef long long off64_t;
#if defined(__LP64__) || _FILE_OFFSET_BITS == 64
typedef long long off_t;
#else
typedef long off_t;
#endif
typedef int pid_t;
#if defined(__LP64__)
typedef __kernel_old_time_t time_t;
#else
typedef long time_t;
#endif
typedef unsigned mode_t;
typedef __kernel_ulong_t ino_t;
#if defined(__LP64__)
typedef unsigned long dev_t;
#else
typedef unsigned dev_t;
#endif
