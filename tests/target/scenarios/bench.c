/* SPDX-License-Identifier: Apache-2.0
 *
 * Random operations under stacks of a known depth, for what an event costs. The samples are taken in glue.c (variant bench); run it
 * with -icount shift=0, where minstret counts instructions exactly.
 */
#include "board.h"
#include "firmware.h"
#include "memtrace.h"
#include "scenarios.h"

enum { DEPTHS = 16, OPERATIONS = 1000, SLOTS = 64 };

static void *slots[SLOTS];
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
    operate(&slots[(choice >> 20) % SLOTS], choice >> 3);
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
