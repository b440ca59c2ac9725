/* SPDX-License-Identifier: Apache-2.0
 *
 * A firmware whose stacks a debugger compares with those that were recorded: code of many shapes that allocates, in a task of its
 * own. Each allocation is recorded with its number in place of its size, so that it is found again, and some of them by chance
 * stop at stacks_look.
 */
#include "program.h"

#include <reent.h>
#include <stdbool.h>
#include <string.h>

#include "board.h"
#include "memtrace.h"
#include "rtos.h"

enum {
    RING_BYTES = 512 * 1024,
    STACK_BYTES = 128 * 1024,
    SMALL = 128,
    SMALL_BYTES = 320,
    LARGE = 16,
    LARGE_BYTES = 4096
};

static _Alignas(8) char ring[RING_BYTES] __attribute__((section(".bss.ring")));
static _Alignas(16) char stack[STACK_BYTES];
static _Alignas(8) char small[SMALL][SMALL_BYTES];
static _Alignas(8) char large[LARGE][LARGE_BYTES];
static bool small_taken[SMALL];
static bool large_taken[LARGE];
static struct task task;
static uint32_t allocations;
static uint32_t chance = 0x2545f491u;

/* A place for a breakpoint. */
__attribute__((noipa)) void stacks_look(uint32_t number)
{
    (void)number;
}

uint32_t stacks_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static void *block_take(char *blocks, bool *taken, unsigned count, size_t bytes)
{
    for (unsigned i = 0; i < count; i++) {
        if (!taken[i]) {
            taken[i] = true;
            return blocks + i * bytes;
        }
    }
    return NULL;
}

static void *block_new(size_t size)
{
    return size <= SMALL_BYTES   ? block_take(small[0], small_taken, SMALL, SMALL_BYTES)
           : size <= LARGE_BYTES ? block_take(large[0], large_taken, LARGE, LARGE_BYTES)
                                 : NULL;
}

static void block_end(const char *block)
{
    if (block >= small[0] && block < small[SMALL])
        small_taken[(size_t)(block - small[0]) / SMALL_BYTES] = false;
    if (block >= large[0] && block < large[LARGE])
        large_taken[(size_t)(block - large[0]) / LARGE_BYTES] = false;
}

static inline __attribute__((always_inline)) void *recorded(struct memtrace_caller caller, size_t size)
{
    void *block = block_new(size);
    uint32_t number = ++allocations;
    memtrace_alloc(caller, block, number, 0);
    if (stacks_random(&chance) % 8 == 0)
        stacks_look(number);
    return block;
}

void *malloc(size_t size)
{
    return recorded(MEMTRACE_CALLER(), size);
}

void *stacks_new(struct memtrace_caller caller, size_t size)
{
    return recorded(caller, size);
}

void free(void *block)
{
    if (block != NULL)
        block_end(block);
}

/* What newlib calls within. */
void *_malloc_r(struct _reent *reent, size_t size)
{
    (void)reent;
    return recorded(MEMTRACE_CALLER(), size);
}

void *_calloc_r(struct _reent *reent, size_t count, size_t size)
{
    (void)reent;
    void *block = recorded(MEMTRACE_CALLER(), count * size);
    return block != NULL ? memset(block, 0, count * size) : NULL;
}

void _free_r(struct _reent *reent, void *block)
{
    (void)reent;
    free(block);
}

static void run(void)
{
    for (uint32_t seed = 1; seed <= 40; seed++) {
        stacks_c(seed);
        stacks_cpp(seed);
        stacks_made(seed, 9);
    }
    stacks_done();
    board_exit(BOARD_PASSED);
}

__attribute__((noipa)) void stacks_done(void)
{
}

int main(void)
{
    if (!memtrace_init(ring, sizeof ring, NULL))
        board_exit(BOARD_MISPLACED);
    task_create(&task, "stacks", run, stack, sizeof stack);
    scheduler_run();
    return 0;
}
