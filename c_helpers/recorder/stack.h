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

/* Behind a stack's last word, which is 0, stand its PCs' rules, two to a word: what the quick way compares a stack by. */
#if MEMTRACE_QUICK && MEMTRACE_DEPTH > 1 && defined(FRAME_RULES)
#define RULES_STORED 1
#else
#define RULES_STORED 0
#endif

static inline uint32_t rule_words(uint32_t depth)
{
    return RULES_STORED ? (depth + 1) / 2 : 0;
}

#ifdef FRAME_RULES
/* Where the frame above begins, and where the return address is: a rule's upper bits count bytes, its lower ones how many words below. */
static inline uintptr_t frame_above(uintptr_t frame, uint32_t rule)
{
    return frame + (rule & ~7u);
}

static inline uintptr_t frame_return(uintptr_t above, uint32_t rule)
{
    return *(const uintptr_t *)(above - (rule & 7u) * sizeof(uintptr_t)) - 1u;
}
#endif

/* Is this entry of the table the stack above the caller? All its PCs, and the chain ends where they do, before the 0 behind them. A PC that equals one of the table is code: that
 * was asked when it entered. */
static inline bool stack_is_above(const memtrace_word *entry, struct memtrace_caller caller, uintptr_t limit)
{
    if (MEMTRACE_DEPTH == 1 || entry[1] != caller.pc)
        return entry[1] == caller.pc;
    const memtrace_word *stored = entry + 2;
#ifdef FRAME_RULES
    const uint16_t *rules = (const uint16_t *)(const void *)&stored[*entry & STACK_DEPTH_MASK];
    for (uintptr_t frame = caller.frame;; stored++) {
        uint32_t rule = *rules++;
        frame = frame_above(frame, rule);
        if (rule == 0 || frame > limit)
            return *stored == 0;
        uintptr_t pc = frame_return(frame, rule);
        if (pc != *stored || pc == 0)
            return *stored == 0 && (stored > entry + MEMTRACE_DEPTH || !pc_is_code(pc));
    }
#else
    for (uintptr_t frame = caller.frame;; stored++) {
        uintptr_t next = frame_next(frame, limit);
        if (!frame_is_above(limit, frame, next))
            return *stored == 0;
        uintptr_t pc = frame_pc(frame, next);
        if (pc != *stored || pc == 0)
            return *stored == 0 && (stored > entry + MEMTRACE_DEPTH || !pc_is_code(pc));
        frame = next;
    }
#endif
}

#endif
