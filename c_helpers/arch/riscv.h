/* SPDX-License-Identifier: Apache-2.0
 *
 * How a RISC-V function that keeps a frame pointer leaves its return address and its caller's frame behind.
 *
 * Approach: inline readers of one frame, as arch.h lists them; recorder/frames.h does the walking and the distrusting for every
 * architecture.
 * Rejected: a walker per architecture in a file of its own: a call and its saved registers cost more than a frame's walk.
 * Cost: two loads a frame.
 * Assumptions: the psABI's frame record: return address at fp[-1], the caller's fp at fp[-2]; stacks aligned to 16, with the ABIs for
 * sixteen registers (ilp32e, lp64e) to a word.
 */
#ifndef MEMTRACE_ARCH_RISCV_H
#define MEMTRACE_ARCH_RISCV_H

#include <stdint.h>

#ifdef MEMTRACE_RECORDER

#define MEMTRACE_ARCH_ID MEMTRACE_ARCH_RISCV
#define MEMTRACE_ABI_ID (MEMTRACE_DEPTH == 1 ? MEMTRACE_ABI_CALLER_ONLY : MEMTRACE_ABI_FRAME_POINTER)
#ifdef __riscv_abi_rve
#define FRAME_ALIGNMENT ((unsigned)sizeof(uintptr_t))
#else
#define FRAME_ALIGNMENT 16u
#endif
#define FRAME_BYTES_BELOW (2u * sizeof(uintptr_t))
#define FRAME_BYTES_ABOVE 0u
#define FRAME_PC_ALIGNMENT 2u /* with or without compressed instructions */
#define ATOMIC_STORES_PLAIN 1 /* GCC 12 makes an amoswap of an atomic store; amoswap.aq orders */

#define ATOMIC_NEXT(place) atomic_next(place)

/* GCC 12 puts a fence in front, which the instruction's own bits spare. */
static inline uint32_t atomic_next(uint32_t *place)
{
    uint32_t old;
    __asm__ volatile("amoadd.w.aqrl %0, %2, %1" : "=r"(old), "+A"(*place) : "r"(1) : "memory");
    return old;
}

#define ATOMIC_SWAP(place, value) atomic_swap(place, value)

#if __riscv_xlen == 64
#define AMOSWAP "amoswap.d.aq"
#else
#define AMOSWAP "amoswap.w.aq"
#endif

/* GCC 12 puts a copy of the value in front. */
static inline uintptr_t atomic_swap(const void *place, uintptr_t value)
{
    uintptr_t old;
    __asm__ volatile(AMOSWAP " %0, %2, (%1)" : "=&r"(old) : "r"(place), "r"(value) : "memory");
    return old;
}

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
    return ((const uintptr_t *)next)[-1];
}

static inline uintptr_t frame_next(uintptr_t frame, uintptr_t limit)
{
    (void)limit;
    return ((const uintptr_t *)frame)[-2];
}

#endif

#endif
