/* SPDX-License-Identifier: Apache-2.0
 *
 * Walking a chain of frames that may be damaged, or no chain at all.
 *
 * Approach: the next frame must lie above the one before it, aligned, inside the stack in use, and return to code; the walk
 * ends where that fails. One walk measures (depth, hash); comparing and storing PCs walk again, so that no list of PCs
 * takes room on somebody's interrupt stack.
 * Rejected: PCs in an array (64 bytes of stack); proving by the instruction before the return address that it was a call
 * (reads code, which a flash cache may not serve now).
 * Cost: docs/PERFORMANCE.md, instructions a further frame.
 * Assumptions: code without frame pointers leaves something else in their register, which nearly always fails the tests;
 * MEMTRACE_DEPTH=1 leaves no doubt.
 */
#ifndef MEMTRACE_FRAMES_H
#define MEMTRACE_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "atomic.h"
#include "memtrace.h"

#if defined(__riscv)
#include "../arch/riscv.h"
#elif defined(__x86_64__) || defined(__i386__)
#include "../arch/x86.h"
#else
#error "memtrace: no arch/ file for this architecture"
#endif

_Static_assert(MEMTRACE_DEPTH >= 1 && MEMTRACE_DEPTH <= 32, "frames a stack");

#define MEMTRACE_ABI_ID (MEMTRACE_DEPTH == 1 ? MEMTRACE_ABI_CALLER_ONLY : MEMTRACE_ABI_FRAME_POINTER)

/* May the first frame be read? */
static inline bool frame_is_inside(struct memtrace_span stack, uintptr_t frame)
{
    return frame - FRAME_BYTES_BELOW >= stack.low && frame + FRAME_BYTES_ABOVE <= stack.high;
}

/* May the frame that another one names be read? Always further up, so every walk ends. */
static inline bool frame_is_above(struct memtrace_span stack, uintptr_t frame, uintptr_t next)
{
    return next > frame && next <= stack.high - FRAME_BYTES_ABOVE && next % FRAME_ALIGNMENT == 0;
}

/* Does the chain go on behind `frame`? */
static inline bool frame_has_next(struct memtrace_span stack, uintptr_t frame)
{
    uintptr_t next = frame_next(frame);
    if (!frame_is_above(stack, frame, next))
        return false;
    uintptr_t pc = frame_pc(next);
    return pc % FRAME_PC_ALIGNMENT == 0 && memtrace_port_is_code(pc);
}

#endif
