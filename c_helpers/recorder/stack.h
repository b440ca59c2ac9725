/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of call stacks. stack.c tells the approach.
 */
#ifndef MEMTRACE_STACK_H
#define MEMTRACE_STACK_H

#include "frames.h"
#include "recorder.h"

#define STACK_DEPTH_MASK 0xffu

/* The number of the stack above this caller, entered now if it is new; 0, and counted, if the table has no room for it. */
uint32_t stack_intern(struct recorder *ring, struct memtrace_caller caller);

/* Is this entry of the table the stack above the caller? All its PCs, and the chain ends where they do, before the 0 behind them. A PC that equals one of the table is code: that
 * was asked when it entered. */
static inline bool stack_is_above(const memtrace_word *entry, struct memtrace_caller caller, uintptr_t limit)
{
    if (entry[1] != caller.pc)
        return false;
    const memtrace_word *stored = entry + 2;
    for (uintptr_t frame = caller.frame;; stored++) {
        uintptr_t next = frame_next(frame, limit);
        if (!frame_is_above(limit, frame, next))
            return *stored == 0;
        uintptr_t pc = frame_pc(frame, next);
        if (pc != *stored || pc == 0)
            return *stored == 0 && (stored > entry + MEMTRACE_DEPTH || !pc_is_code(pc));
        frame = next;
    }
}

#endif
