/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of call stacks: each stored once, named by its number.
 *
 * Approach: an arena that only grows, and an open-addressed hash table of numbers in front of it. A stack is compared by its
 * key (depth, 24 bits of hash) and then in full. Entering one needs no lock: its words are reserved, written, and then
 * published by putting its number into a free slot; who loses that race may find that the winner entered the same stack.
 * Rejected: a parent-linked tree of PCs (smaller, but a search and a race for every frame); evicting old stacks (events
 * name them).
 * Cost: docs/PERFORMANCE.md. A lost race leaves one stack's words in the arena unused.
 * Assumptions: none about the hash but speed. Frames may be overwritten by others between two walks: each checks anew.
 */
#include "stack.h"

#define PROBES 8u
#define HASH_FACTOR 1663u /* odd, so that no PC's low bits are lost */

enum frames_step { FRAMES_COMPARE, FRAMES_STORE };

/* The word in front of a stack's PCs: its hash and depth. */
static uint32_t frames_key(struct memtrace_span stack, struct memtrace_caller caller)
{
    uint32_t hash = (uint32_t)caller.pc;
    uint32_t depth = 1;
    uintptr_t frame = caller.frame;
    if (!frame_is_inside(stack, frame))
        return hash << STACK_DEPTH_BITS | depth;
    for (; depth < MEMTRACE_DEPTH && frame_has_next(stack, frame); depth++) {
        frame = frame_next(frame);
        hash = hash * HASH_FACTOR + (uint32_t)frame_pc(frame);
    }
    return hash << STACK_DEPTH_BITS | depth;
}

/* Compares or stores as many PCs as the entry's key says. */
static bool frames_visit(struct memtrace_span stack, struct memtrace_caller caller, memtrace_word *entry, enum frames_step step)
{
    uintptr_t pc = caller.pc;
    uintptr_t frame = caller.frame;
    for (uint32_t left = (uint32_t)*entry & STACK_DEPTH_MASK;;) {
        entry++;
        if (step == FRAMES_STORE)
            *entry = pc;
        else if (*entry != pc)
            return false;
        if (--left == 0)
            return true;
        uintptr_t next = frame_next(frame);
        if (!frame_is_above(stack, frame, next))
            return false;
        frame = next;
        pc = frame_pc(frame);
    }
}

/* Words of the arena, or 0. */
static uint32_t arena_reserve(struct recorder *ring, uint32_t words)
{
    uint32_t limit = ring->header.stacks.count - words;
    if (u32_load(&ring->header.stack_words_used) > limit)
        return 0;
    uint32_t number = u32_add(&ring->header.stack_words_used, words);
    return number <= limit ? number : 0;
}

static uint32_t stack_store(struct recorder *ring, struct memtrace_span stack, struct memtrace_caller caller, uint32_t key)
{
    uint32_t number = arena_reserve(ring, (key & STACK_DEPTH_MASK) + 1);
    if (number != 0) {
        ring->arena[number] = key;
        (void)frames_visit(stack, caller, &ring->arena[number], FRAMES_STORE);
    }
    return number;
}

static uint32_t index_load(const uint32_t *slot)
{
    return __atomic_load_n(slot, ORDER_BY_ADDRESS);
}

/* Its number, entered now if it is new; 0, and counted, if the table has no room for it. */
uint32_t stack_intern(struct recorder *ring, struct memtrace_caller caller)
{
    struct memtrace_span stack = memtrace_port_stack();
    uint32_t key = frames_key(stack, caller);
    uint32_t own = 0;
    for (uint32_t probe = 0; probe < PROBES; probe++) {
        uint32_t *slot = &ring->stack_index[((key >> STACK_DEPTH_BITS) + probe) & ring->index_mask];
        uint32_t number = index_load(slot);
        if (number == 0) {
            own = own != 0 ? own : stack_store(ring, stack, caller, key);
            if (own == 0)
                break;
            if (u32_replace(slot, 0, own))
                return own;
            number = index_load(slot);
        }
        memtrace_word *entry = &ring->arena[number];
        if (*entry == key && frames_visit(stack, caller, entry, FRAMES_COMPARE))
            return number;
    }
    counter_add(&ring->header.stacks_full);
    return 0;
}
