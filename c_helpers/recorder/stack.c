/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of call stacks: each stored once, named by its number.
 *
 * Approach: an arena that only grows. Stacks of one hash value form a list, whose first number stands in the index; so no
 * stack is refused while the arena has room. A stack is compared in full. Entering one needs no lock: its words are
 * reserved, written, and then published by putting its number in front of the list; who loses that race looks again. A
 * list's numbers fall, because each was reserved after the one that it points to was seen: so a search ends, whatever
 * somebody's stray write made of the arena.
 * Rejected: open addressing (full at some probe while there is room, or slots for the smallest stacks that could come); a
 * parent-linked tree of PCs (smaller, but a search and a race for every frame); evicting old stacks (events name them).
 * Cost: docs/explanation/performance.md. A lost race for the same stack leaves one stack's words in the arena unused.
 * Assumptions: none about the hash but speed. Frames may be overwritten by others between two walks: each checks anew.
 */
#include "stack.h"

#include "ring.h"

#define HASH_FACTOR 2654435761u /* Knuth's: its product's upper bits depend on all of a PC's */

#ifdef FRAME_RULES
#include FRAME_RULES

/* The code is asked once, while its answer is remembered. */
static __attribute__((noinline)) uint32_t frame_rule(uintptr_t pc)
{
    struct rule *known = &recorder_get()->rules[pc / 2 % RULES];
    uint32_t rule = known->rule;
    if ((known->mixed ^ (rule >> 8 | rule << 24)) != pc) {
        rule = frame_rule_find(pc);
        known->rule = rule;
        known->mixed = (uint32_t)pc ^ (rule >> 8 | rule << 24);
    }
    return rule;
}

/* Puts the frame above in the place of one; false: the chain ends. */
static inline bool frame_climb(struct memtrace_caller *caller, uintptr_t limit)
{
    if (MEMTRACE_DEPTH == 1)
        return false;
    uint32_t rule = frame_rule(caller->pc);
    caller->frame = frame_above(caller->frame, rule);
    if (rule == 0 || caller->frame > limit)
        return false;
    caller->pc = frame_return(caller->frame, rule);
    return pc_is_code(caller->pc) && frame_is_called(caller->pc);
}
#else
static inline bool frame_climb(struct memtrace_caller *caller, uintptr_t limit)
{
    uintptr_t next = frame_next(caller->frame, limit);
    if (!frame_is_above(limit, caller->frame, next))
        return false;
    *caller = (struct memtrace_caller){frame_pc(caller->frame, next), next};
    return pc_is_code(caller->pc);
}
#endif

#if RULES_STORED
static void rules_store(memtrace_word *entry, uint32_t depth)
{
    uint16_t *rules = (uint16_t *)(void *)&entry[depth + 2];
    for (uint32_t i = 0; i < depth; i++)
        rules[i] = (uint16_t)frame_rule(entry[1 + i]);
}
#else
static inline void rules_store(memtrace_word *entry, uint32_t depth)
{
    (void)entry, (void)depth;
}
#endif

enum visit { VISIT_NONE, VISIT_COMPARE, VISIT_STORE };

/* Hash and depth of the stack above a caller, its PCs compared with those behind `entry` or written there; 0: they differ. */
static __attribute__((noinline)) uint32_t frames_walk(struct memtrace_caller caller, uintptr_t limit,
                                                      memtrace_word *entry, uint32_t most, enum visit visit)
{
    uint32_t hash = 0;
    uint32_t depth = 0;
    for (;;) {
        hash = (hash + (uint32_t)caller.pc) * HASH_FACTOR;
        entry++; // cppcheck-suppress nullPointerArithmetic
        if (visit == VISIT_STORE)
            *entry = caller.pc;
        if (visit != VISIT_NONE && *entry != caller.pc)
            return 0;
        if (++depth == most || limit == 0 || !frame_climb(&caller, limit))
            break;
    }
    return (hash & ~STACK_DEPTH_MASK) | depth;
}

uint32_t stack_intern(struct recorder *ring, struct memtrace_caller caller)
{
    frames_save();
    uintptr_t limit = frames_limit(caller.frame);
    uint32_t key = frames_walk(caller, limit, ring->arena, MEMTRACE_DEPTH, VISIT_NONE);
    uint32_t depth = key & STACK_DEPTH_MASK;
    uint32_t *place = &ring->stack_index[(uint64_t)key * ring->header.stack_index.count >> 32];
    for (;;) {
        uint32_t first = __atomic_load_n(place, MEMTRACE_ORDER_BY_ADDRESS);
        uint32_t number = first;
        for (uint32_t before = UINT32_MAX; number != 0 && number < before;
             number = (uint32_t)(ring->arena[before] >> STACK_BITS)) {
            memtrace_word *entry = &ring->arena[number];
            if ((*entry & STACK_DEPTH_MASK) == depth && frames_walk(caller, limit, entry, depth, VISIT_COMPARE) == key)
                return number;
            before = number;
        }
        uint32_t words = depth + 2 + rule_words(depth);
        uint32_t last = ring->header.stacks.count - words;
        uint32_t own = u32_load(&ring->header.stack_words_used);
        if (own <= last)
            own = u32_add(&ring->header.stack_words_used, words);
        if (own > last) {
            counter_add(&ring->header.stacks_full);
            return 0;
        }
        ring->arena[own] = (memtrace_word)first << STACK_BITS | depth;
        (void)frames_walk(caller, limit, &ring->arena[own], depth, VISIT_STORE);
        rules_store(&ring->arena[own], depth);
        if (u32_replace(place, first, own))
            return own;
    }
}
