/* SPDX-License-Identifier: Apache-2.0
 *
 * Call stacks: walking them, keeping each once, and what happens to those that cannot be walked or kept.
 */
#include <string.h>

#include "cases.h"
#include "reader.h"
#include "world.h"

static void alloc_from(struct memtrace_caller caller)
{
    memtrace_alloc(caller, block_at(1), 1, 0);
}

/* Frames of the newest allocation, and the number of its stack. */
static unsigned newest_stack(uint64_t pcs[32], uint64_t *number)
{
    struct reader reader = reader_open(memtrace_ring);
    uint64_t sequence = reader_last_sequence(&reader, MEMTRACE_ALLOC);
    unsigned depth = reader_stack(&reader, sequence, pcs);
    *number = reader_last(&reader, MEMTRACE_ALLOC).stack;
    reader_close(&reader);
    return depth;
}

static uint64_t check_newest(const uintptr_t *expected, unsigned depth)
{
    uint64_t pcs[32];
    uint64_t number;
    CHECK(newest_stack(pcs, &number) == depth);
    for (unsigned i = 0; i < depth; i++)
        CHECK(pcs[i] == expected[i]);
    return number;
}

static void pcs_fill(uintptr_t *pcs, unsigned count, uintptr_t first)
{
    for (unsigned i = 0; i < count; i++)
        pcs[i] = CODE + first + 0x20 * i;
}

/* Every depth, twice each: found anew and found again. Deeper ones end after MEMTRACE_DEPTH. */
void test_stack_of_many_frames(void)
{
    uintptr_t pcs[40];
    CHECK(ring_start(8 * RING_BYTES, NULL) != NULL);
    for (unsigned depth = 1; depth <= 40; depth++) {
        pcs_fill(pcs, depth, 0x1000u * depth);
        for (unsigned again = 0; again < 2; again++) {
            alloc_from(stack_of(pcs, depth));
            check_newest(pcs, depth < MEMTRACE_DEPTH ? depth : MEMTRACE_DEPTH);
        }
    }
}

void test_stack_is_stored_once(void)
{
    uintptr_t pcs[8];
    ring_start_default();
    pcs_fill(pcs, 8, 0);
    alloc_from(stack_of(pcs, 8));
    uint64_t number = check_newest(pcs, 8);
    uint32_t used = memtrace_ring->stack_words_used;
    for (unsigned i = 0; i < 100; i++) {
        here.core = i % 4;
        here.context = i % 2;
        alloc_from(stack_of(pcs, 8));
        CHECK(check_newest(pcs, 8) == number);
    }
    here.core = 0;
    here.context = 0;
    CHECK(memtrace_ring->stack_words_used == used);
}

/* A hash of 32 bits cannot tell PCs apart that differ above them: only the full comparison does. On 32-bit machines the
 * tiny index makes all stacks meet. */
void test_stacks_of_one_hash(void)
{
    struct memtrace_config config = {.stack_bytes = 512, .names = 8};
    CHECK(ring_start(RING_BYTES, &config) != NULL);
    uintptr_t high = sizeof(uintptr_t) > 4 ? (uintptr_t)1 << (sizeof(uintptr_t) * 8 - 16) : 0x1000;
    uintptr_t first[2] = {CODE, CODE + 0x20};
    uintptr_t second[2] = {CODE, CODE + 0x20 + high};
    for (unsigned again = 0; again < 2; again++) {
        alloc_from(stack_of(first, 2));
        uint64_t number = check_newest(first, 2);
        alloc_from(stack_of(second, 2));
        CHECK(check_newest(second, 2) != number);
    }
}

/* The same PCs, but the chain goes on or ends earlier. */
void test_stack_prefixes(void)
{
    uintptr_t pcs[MEMTRACE_DEPTH];
    ring_start_default();
    pcs_fill(pcs, MEMTRACE_DEPTH, 0);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned depth = 1; depth <= MEMTRACE_DEPTH; depth++) {
            alloc_from(stack_of(pcs, depth));
            check_newest(pcs, depth);
        }
        for (unsigned depth = MEMTRACE_DEPTH; depth >= 1; depth--) {
            alloc_from(stack_of(pcs, depth));
            check_newest(pcs, depth);
        }
    }
}

/* The table fills up; from then on new stacks are one PC, old ones are still whole. */
void test_stacks_full(void)
{
    struct memtrace_config config = {.stack_bytes = 512, .names = 4};
    uintptr_t old[4];
    CHECK(ring_start(RING_BYTES, &config) != NULL);
    pcs_fill(old, 4, 0);
    alloc_from(stack_of(old, 4));
    for (unsigned i = 1; memtrace_ring->stacks_full == 0; i++) {
        uintptr_t pcs[5];
        CHECK(i < 1000);
        pcs_fill(pcs, 5, 0x100u * i);
        alloc_from(stack_of(pcs, 5));
        check_newest(pcs, memtrace_ring->stacks_full == 0 ? 5 : 1);
    }
    alloc_from(stack_of(old, 4));
    check_newest(old, 4);
    here.context = TASK(3);
    uintptr_t pcs[5];
    pcs_fill(pcs, 5, 0x100000);
    uint32_t full = memtrace_ring->stacks_full;
    for (unsigned again = 0; again < 3; again++) {
        alloc_from(stack_of(pcs, 5));
        CHECK(check_newest(pcs, 1) == 0);
    }
    CHECK(memtrace_ring->stacks_full == full + 3);
    here.context = 0;
}

/* Ends a chain of three frames after the first in each way that a stack can be broken. */
static void break_chain(uintptr_t *frame, unsigned way)
{
    uintptr_t end = here.stack.high;
    const uintptr_t next[] = {0,
                              (uintptr_t)frame,
                              (uintptr_t)frame - sizeof *frame,
                              frame[0] + 1,
                              end,
                              end - sizeof *frame,
                              UINTPTR_MAX,
                              UINTPTR_MAX - sizeof *frame + 1,
                              here.stack.low};
    const uintptr_t returns[] = {0, CODE - 1, CODE_END, (uintptr_t)frame};
    unsigned nexts = sizeof next / sizeof *next;
    if (way < nexts)
        frame[0] = next[way];
    else
        frame[5] = returns[way - nexts];
}

/* A quick way may have seen the whole chain just before: it must see the break, too. */
void test_broken_chains(void)
{
    uintptr_t pcs[3];
    ring_start_default();
    for (unsigned way = 0; way < 13; way++) {
        pcs_fill(pcs, 3, 0x1000);
        alloc_from(stack_of(pcs, 3));
        check_newest(pcs, 3);
        for (unsigned again = 0; again < 2; again++) {
            struct memtrace_caller caller = stack_of(pcs, 3);
            break_chain((uintptr_t *)caller.frame - FRAME_WORDS_BELOW, way);
            alloc_from(caller);
            check_newest(pcs, 1);
        }
    }
}

/* A frame that is not on the stack in use gives one PC, and is not read: it lies in no memory at all. */
void test_frame_outside(void)
{
    const uintptr_t nowhere[] = {0, 8, 0x1000, UINTPTR_MAX - 15, UINTPTR_MAX / 2};
    uintptr_t pc = CODE + 0x40;
    ring_start_default();
    for (unsigned i = 0; i < 2 * sizeof nowhere / sizeof *nowhere; i++) {
        struct memtrace_caller caller = stack_of(&pc, 1);
        caller.frame = nowhere[i / 2];
        alloc_from(caller);
        check_newest(&pc, 1);
    }
    struct memtrace_caller caller = stack_of(&pc, 1);
    caller.frame = FRAME_WORDS_BELOW != 0 ? here.stack.low + sizeof(uintptr_t) /* half of it inside */
                                          : here.stack.high - sizeof(uintptr_t);
    alloc_from(caller);
    check_newest(&pc, 1);
}

/* {0, 0}: the port does not know the stack, so nothing of it is read. Nor is a frame that no compiler leaves; both ways. */
void test_frame_unknown(void)
{
    const uintptr_t pcs[] = {CODE + 0x40, CODE + 0x50, CODE + 0x60};
    ring_start_default();
    for (unsigned i = 0; i < 6; i++) {
        struct memtrace_caller caller = stack_of(pcs, 3);
        struct memtrace_span known = here.stack;
        alloc_from(caller); /* so that there is something to guess */
        check_newest(pcs, 3);
        if (i % 2 == 0)
            here.stack = (struct memtrace_span){0, 0};
        else
            caller.frame++;
        alloc_from(caller);
        check_newest(pcs, 1);
        here.stack = known;
    }
}

#define OWN_FRAME __attribute__((noinline, optimize("no-omit-frame-pointer", "no-optimize-sibling-calls")))

static uintptr_t own_pcs[3];

OWN_FRAME static void own_entry(void)
{
    own_pcs[0] = (uintptr_t)__builtin_return_address(0);
    memtrace_alloc(MEMTRACE_CALLER(), block_at(1), 1, 0);
    __asm__ volatile("");
}

OWN_FRAME static void own_middle(void)
{
    own_pcs[1] = (uintptr_t)__builtin_return_address(0);
    own_entry();
    __asm__ volatile("");
}

OWN_FRAME static void own_outer(void)
{
    own_pcs[2] = (uintptr_t)__builtin_return_address(0);
    uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
    here.stack = (struct memtrace_span){(uintptr_t)&frame - 4096, frame + 2 * sizeof(uintptr_t)};
    own_middle();
    __asm__ volatile("");
}

/* This program's own frames, as its compiler lays them out.. */
void test_own_stack(void)
{
    uint64_t pcs[32];
    uint64_t number;
    ring_start_default();
    world_code = (struct memtrace_span){0, UINTPTR_MAX};
    own_outer();
    CHECK(newest_stack(pcs, &number) == 3);
    for (unsigned i = 0; i < 3; i++)
        CHECK(pcs[i] == own_pcs[i]);
}
