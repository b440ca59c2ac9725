/* SPDX-License-Identifier: Apache-2.0
 *
 * How an Arm Cortex-M function (Thumb code, M0 to M33) leaves its return address and its caller's frame behind.
 *
 * Nothing on the stack says where a frame begins, but the function's code does (thumb.h). A frame is named by the stack pointer at its
 * function's call, so the allocator's entry, whose end the compiler knows, needs no search. Return addresses are kept without their
 * lowest bit, which only says that the code is Thumb's.
 * Cost: a load of what the code said, and of the return address, for each further frame; the code is read once for each stack.
 * Assumptions: a return address lies on the stack that is in use. Where an exception begins lies 0xfffffffx, which is no code.
 */
#ifndef MEMTRACE_ARCH_ARM_H
#define MEMTRACE_ARCH_ARM_H

#include <stdint.h>

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
#define MEMTRACE_ABI_ID (MEMTRACE_DEPTH == 1 ? MEMTRACE_ABI_CALLER_ONLY : MEMTRACE_ABI_CODE)
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

#define FRAME_RULES "../arch/thumb.h"

#endif

#endif
