/* SPDX-License-Identifier: Apache-2.0
 *
 * Does a stack of the table stand above this caller? The quick way's question; stack.c tells the approach.
 */
#ifndef MEMTRACE_STACK_H
#define MEMTRACE_STACK_H

#include "frames.h"
#include "ring.h"

#define STACK_DEPTH_BITS 8u
#define STACK_DEPTH_MASK ((1u << STACK_DEPTH_BITS) - 1u)

/* All its PCs, and the chain ends where they do. A PC that equals one of the table is code: that was asked when it entered. */
static inline bool stack_is_above(const struct recorder *ring, memtrace_word number, struct memtrace_caller caller)
{
    const memtrace_word *pcs = &ring->arena[number] + 1;
    if (pcs[0] != caller.pc)
        return false;
    if (MEMTRACE_DEPTH == 1)
        return true;
    struct memtrace_span stack = memtrace_port_stack();
    uintptr_t frame = caller.frame;
    uint32_t depth = (uint32_t)pcs[-1] & STACK_DEPTH_MASK;
    if (!frame_is_inside(stack, frame))
        return depth == 1;
    for (const memtrace_word *last = &pcs[depth - 1]; pcs != last;) {
        uintptr_t next = frame_next(frame);
        if (!frame_is_above(stack, frame, next) || *++pcs != frame_pc(next))
            return false;
        frame = next;
    }
    return !frame_has_next(stack, frame) || depth == MEMTRACE_DEPTH;
}

#endif
