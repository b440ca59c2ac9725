/* SPDX-License-Identifier: Apache-2.0
 *
 * How a windowed Xtensa function (ESP32, S2, S3) leaves its return address and its caller's frame behind; see arch/riscv.h
 * for the approach.
 *
 * A frame is named by its function's stack pointer. Under it lies the base-save area of its *caller*: the caller's a0
 * (where that one returns to) at sp[-4] and a1 (its stack pointer) at sp[-3]. The hardware writes it when the window is
 * spilled, so frames_save() spills before every walk.
 * PCs are kept as they stand in a0: the top two bits say by how much the call moved the window, a host puts the code's in
 * their place (docs/reference/format.md).
 * Rejected: reading the registers of the other windows by ROTW (interrupts off for the walk); masking PCs here (three
 * instructions a frame, and a host can do it).
 * Cost: two loads a frame, and per event the spill: some 25 instructions a live window, there and back.
 * Assumptions: WOE is set and the window vectors are in place, as for any C. A task's code lies in one region of 1 GiB.
 */
#ifndef MEMTRACE_ARCH_XTENSA_WINDOWED_H
#define MEMTRACE_ARCH_XTENSA_WINDOWED_H

#include <stdint.h>

/* The return address as the call left it, and the stack pointer, which names the frame. */
static inline __attribute__((always_inline)) struct memtrace_caller memtrace_caller_here(void)
{
    struct memtrace_caller caller;
    __asm__("mov %0, a0\n\tmov %1, a1" : "=&r"(caller.pc), "=r"(caller.frame));
    return caller;
}

#define MEMTRACE_CALLER() memtrace_caller_here()

#ifdef MEMTRACE_RECORDER

#define MEMTRACE_ARCH_ID MEMTRACE_ARCH_XTENSA
#define MEMTRACE_ABI_ID MEMTRACE_ABI_XTENSA_WINDOWED
#define FRAME_ALIGNMENT 16u
#define FRAME_BYTES_BELOW 16u
#define FRAME_BYTES_ABOVE 0u
#define FRAME_PC_ALIGNMENT 1u /* instructions have two or three bytes */
#define ATOMIC_STORES_PLAIN 0

void memtrace_windows_spill(void); /* arch/xtensa_windowed.S */

/* Brings the callers' registers to the stack, but for those of the last functions: the allocator's entry and the recorder. */
static inline void frames_save(void)
{
    if (MEMTRACE_DEPTH > 1)
        memtrace_windows_spill();
}

/* The region that this code is in, and the address there that a kept PC stands for. */
static inline uintptr_t frames_region(void)
{
    return (uintptr_t)memtrace_windows_spill & ~(UINTPTR_MAX >> 2);
}

static inline uintptr_t frame_code(uintptr_t pc)
{
    return pc != 0 ? (pc & UINTPTR_MAX >> 2) | frames_region() : 0;
}

static inline uintptr_t frame_next(uintptr_t frame, uintptr_t limit)
{
    (void)limit;
    return ((const uintptr_t *)frame)[-3];
}

static inline uintptr_t frame_pc(uintptr_t frame, uintptr_t next)
{
    (void)next;
    return ((const uintptr_t *)frame)[-4];
}

#endif

#endif
