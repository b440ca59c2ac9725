/* SPDX-License-Identifier: Apache-2.0
 *
 * How an AArch64 function leaves its return address and its caller's frame behind: a frame record of two words, to which
 * x29 points (Procedure Call Standard, 6.4.6).
 *
 * Assumptions: -fno-omit-frame-pointer; return addresses are not signed (-mbranch-protection=none).
 */
#ifndef MEMTRACE_ARCH_AARCH64_H
#define MEMTRACE_ARCH_AARCH64_H

#include <stdint.h>

#ifdef MEMTRACE_RECORDER

#define MEMTRACE_ARCH_ID MEMTRACE_ARCH_AARCH64
#define MEMTRACE_ABI_ID (MEMTRACE_DEPTH == 1 ? MEMTRACE_ABI_CALLER_ONLY : MEMTRACE_ABI_FRAME_POINTER)
#define FRAME_ALIGNMENT 8u
#define FRAME_BYTES_BELOW 0u
#define FRAME_BYTES_ABOVE (2u * sizeof(uintptr_t))
#define FRAME_PC_ALIGNMENT 4u
#define ATOMIC_STORES_PLAIN 0

static inline void frames_save(void)
{
}

static inline uintptr_t frames_region(void)
{
    return 0;
}

static inline uintptr_t frame_code(uintptr_t pc)
{
    return pc;
}

static inline uintptr_t frame_pc(uintptr_t frame, uintptr_t next)
{
    (void)frame;
    return ((const uintptr_t *)next)[1];
}

static inline uintptr_t frame_next(uintptr_t frame, uintptr_t limit)
{
    (void)limit;
    return ((const uintptr_t *)frame)[0];
}

#endif

#endif
