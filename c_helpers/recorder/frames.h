/* SPDX-License-Identifier: Apache-2.0
 *
 * Walking a chain of frames that may be damaged, or no chain at all.
 *
 * Approach: the next frame must lie above the one before it, aligned, inside the stack in use, and return to code; the walk
 * ends where that fails. One walk measures (depth, hash); comparing and storing PCs walk again, so that no list of PCs
 * takes room on somebody's interrupt stack.
 * Rejected: PCs in an array (64 bytes of stack); proving by the instruction before the return address that it was a call
 * (reads code, which a flash cache may not serve now).
 * Cost: docs/explanation/performance.md, instructions a further frame.
 * Assumptions: the first frame is the one that MEMTRACE_CALLER stands in, so it can be read. Code without frame pointers
 * leaves something else in their register, which nearly always fails the tests; MEMTRACE_DEPTH=1 leaves no doubt.
 */
#ifndef MEMTRACE_FRAMES_H
#define MEMTRACE_FRAMES_H

#include "recorder.h"

_Static_assert(MEMTRACE_DEPTH >= 1 && MEMTRACE_DEPTH <= 32, "frames a stack");

/* The highest address that a frame above `frame` may have; 0: it is not in the stack in use, nothing above it is known. */
static inline uintptr_t frames_limit(uintptr_t frame)
{
    struct memtrace_span stack = memtrace_port_stack();
    bool inside = frame >= stack.low + FRAME_BYTES_BELOW && frame <= stack.high &&
                  (FRAME_BYTES_ABOVE == 0 || stack.high - frame > FRAME_BYTES_ABOVE - 1u);
    return inside && frame % FRAME_ALIGNMENT == 0 ? stack.high - FRAME_BYTES_ABOVE : 0;
}

/* May the frame that another one names be read? Always further up, so every walk ends. */
static inline bool frame_is_above(uintptr_t limit, uintptr_t frame, uintptr_t next)
{
    return next <= limit && next > frame && next % FRAME_ALIGNMENT == 0;
}

static inline bool pc_is_code(uintptr_t pc)
{
    return pc % FRAME_PC_ALIGNMENT == 0 && memtrace_port_is_code(frame_code(pc));
}

#endif
