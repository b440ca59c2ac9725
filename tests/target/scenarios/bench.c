/* SPDX-License-Identifier: Apache-2.0
 *
 * Random operations under stacks of a known depth, for what an event costs. The samples are taken in glue.c (variant bench); run it
 * with -icount shift=0, where minstret counts instructions exactly.
 */
#include "board.h"
#include "firmware.h"
#include "memtrace.h"
#include "scenarios.h"

#ifndef BENCH_SLOTS
#define BENCH_SLOTS 64
#endif

enum { DEPTHS = 16, OPERATIONS = 1000, OFF_CALLS = 100 };

static void *slots[BENCH_SLOTS]; /* half of them hold a block */
static uint32_t state = 0x12345678u;

static void depth_set(unsigned depth)
{
#ifdef MEMTRACE_TEST_BENCH
    bench_depth = (uint8_t)depth;
#else
    (void)depth;
#endif
}

/* With the wrapper around the allocator: the whole call, less what the allocator took of it, and less the counting in there. */
#ifdef MEMTRACE_TEST_BENCH_RTOS
#define CALLED(kind, within, statement) \
    do { \
        bench_within = 0; \
        uint32_t before = board_instructions(); \
        statement; \
        uint32_t all = board_instructions() - before; \
        bench_note(all - bench_within - (within)*bench_counting, kind); \
    } while (0)
#else
#define CALLED(kind, within, statement) statement
#endif

/* Two call sites for each kind: stacks differ at their innermost frame. */
static inline __attribute__((always_inline)) void operate(void **slot, uint32_t choice)
{
    if (*slot == NULL) {
        if (choice % 2 == 0) {
            CALLED(MEMTRACE_ALLOC, 1, *slot = malloc(16 + choice % 500));
        } else {
            CALLED(MEMTRACE_ALLOC, 1, *slot = malloc(16 + choice % 100));
        }
    } else if (choice % 8 == 0) {
        void *moved = realloc(*slot, 16 + choice % 700);
        if (moved != NULL) {
            *slot = moved;
        }
    } else if (choice % 2 == 0) {
        CALLED(MEMTRACE_FREE, 2, free(*slot));
        *slot = NULL;
    } else {
        CALLED(MEMTRACE_FREE, 2, free(*slot));
        *slot = NULL;
    }
}

/* Frames left including this one. */
SCENARIO static void descend(uintptr_t frames)
{
    if (frames > 1) {
        descend(frames - 1);
        return;
    }
    uint32_t choice = random_next(&state);
    operate(&slots[(choice >> 20) % BENCH_SLOTS], choice >> 3);
}

SCENARIO void test_bench(void)
{
#ifdef MEMTRACE_TEST_BENCH
    bench_calibrate();
#endif
    for (unsigned depth = 1; depth <= DEPTHS; depth++) {
        depth_set(depth);
        for (unsigned i = 0; i < OPERATIONS; i++) {
            board_call_root(descend, depth);
        }
    }
    depth_set(0);
}

/* Compiled as a program's own wrappers are, not as the scenarios. */
#define WRAPPER __attribute__((noinline, optimize("optimize-sibling-calls")))

/* What a stopped recorder costs: depth 1 stands for its own calls, 2 for a wrapped call, less the same call without the wrapper. */
static void *__attribute__((noinline)) real_alloc(size_t size)
{
    __asm__ volatile("" : "+r"(size));
    return slots;
}

static void __attribute__((noinline)) real_free(void *block)
{
    __asm__ volatile("" : : "r"(block) : "memory");
}

static void *WRAPPER wrapped_alloc(size_t size)
{
    if (memtrace_is_off())
        return real_alloc(size);
    void *block = real_alloc(size);
    memtrace_alloc(MEMTRACE_CALLER(), block, size, 0);
    return block;
}

static void WRAPPER wrapped_free(void *block)
{
    if (memtrace_is_off()) {
        real_free(block);
        return;
    }
    memtrace_free(MEMTRACE_CALLER(), block, 0);
    real_free(block);
}

#ifdef MEMTRACE_TEST_BENCH
#define TAKEN(cost, statement) \
    do { \
        uint32_t before = board_instructions(); \
        statement; \
        (cost) = board_instructions() - before; \
    } while (0)

static void wrapped_note(uint32_t wrapped, uint32_t real, unsigned kind)
{
    bench_note(wrapped - real + bench_overhead, kind);
}
#endif

SCENARIO void test_bench_off(void)
{
#ifdef MEMTRACE_TEST_BENCH
    uint32_t cost, real;
    void *block;
    memtrace_stop();
    bench_calibrate();
    for (unsigned i = 0; i < OFF_CALLS; i++) {
        depth_set(1);
        TAKEN(cost, memtrace_alloc(MEMTRACE_CALLER(), slots, sizeof slots, 0));
        bench_note(cost, MEMTRACE_ALLOC);
        TAKEN(cost, memtrace_free(MEMTRACE_CALLER(), slots, 0));
        bench_note(cost, MEMTRACE_FREE);
        depth_set(2);
        TAKEN(cost, block = wrapped_alloc(i));
        TAKEN(real, block = real_alloc(i));
        wrapped_note(cost, real, MEMTRACE_ALLOC);
        TAKEN(cost, wrapped_free(block));
        TAKEN(real, real_free(block));
        wrapped_note(cost, real, MEMTRACE_FREE);
    }
    depth_set(0);
#else
    real_free(real_alloc(0));
    wrapped_free(wrapped_alloc(0));
#endif
}
