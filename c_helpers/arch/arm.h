/* SPDX-License-Identifier: Apache-2.0
 *
 * How an Arm Cortex-M function (Thumb code, M0 to M33) leaves its return address and its caller's frame behind.
 *
 * A frame is named by the stack pointer at its function's call. Return addresses are kept without their lowest bit, which only
 * says that the code is Thumb's.
 */
#ifndef MEMTRACE_ARCH_ARM_H
#define MEMTRACE_ARCH_ARM_H

#include <stdint.h>

#if defined(__arm__) && !defined(__thumb__)
#error "memtrace: on Arm it knows Thumb code only (-mthumb)"
#endif

static inline __attribute__((always_inline)) struct memtrace_caller memtrace_caller_here(void)
{
#ifdef __clang__ /* whose frame's address is that of the saved r7; lr lies above it, and there the frame ends */
    struct memtrace_caller caller = MEMTRACE_CALLER_OF(__builtin_return_address(0), __builtin_frame_address(0));
    caller.frame += 2 * sizeof(uintptr_t);
#else
    struct memtrace_caller caller = MEMTRACE_CALLER_OF(__builtin_return_address(0), __builtin_dwarf_cfa());
#endif
    caller.pc &= ~1u;
    return caller;
}

#define MEMTRACE_CALLER() memtrace_caller_here()

#ifdef MEMTRACE_RECORDER

#define MEMTRACE_ARCH_ID MEMTRACE_ARCH_ARM
#define MEMTRACE_ABI_ID MEMTRACE_ABI_CALLER_ONLY
#define FRAME_ALIGNMENT 8u
#define FRAME_BYTES_BELOW 0u
#define FRAME_BYTES_ABOVE 0u
#define FRAME_PC_ALIGNMENT 2u
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
    (void)frame, (void)next;
    return 0;
}

static inline uintptr_t frame_next(uintptr_t frame, uintptr_t limit)
{
    (void)frame, (void)limit;
    return 0;
}

#endif

#endif
