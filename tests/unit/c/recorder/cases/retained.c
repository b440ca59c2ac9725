/* SPDX-License-Identifier: Apache-2.0
 *
 * The ring of the run before: memory that outlives resets, in every state that a reset can leave it in. It comes from the heap, so ASan sees
 * each byte written or read outside of it.
 */
#include <string.h>

#include "cases.h"
#include "reader.h"
#include "world.h"

enum { MEMORY_BYTES = 16384, HALF_BYTES = MEMORY_BYTES / 2, HEADER_BYTES = sizeof(struct memtrace_header) };

static unsigned char *memory;

static void memory_make(int fill)
{
    memory = malloc(MEMORY_BYTES);
    CHECK(memory != NULL);
    memset(memory, fill, MEMORY_BYTES);
}

static void memory_end(void)
{
    free(memory);
    memtrace_ring = NULL;
}

static void reset(void)
{
    const struct memtrace_config config = {.stack_bytes = 1024, .names = 8, .live = 16};
    memtrace_ring = NULL;
    CHECK(memtrace_previous() == NULL && memtrace_init_retained(memory, MEMORY_BYTES, &config));
}

/* A run that leaves `events` events behind, the last of them of `size` bytes. */
static void run_of(unsigned events, size_t size)
{
    for (unsigned i = 1; i <= events; i++)
        memtrace_alloc(caller_at(0x100), block_at(i), i < events ? i : size, 0);
}

static size_t last_size(const struct memtrace_header *ring)
{
    struct reader reader = reader_open(ring);
    size_t size = (size_t)reader_last(&reader, MEMTRACE_ALLOC).size;
    reader_close(&reader);
    return size;
}

/* Each run's ring is there in the next one, as it was left, in memory that held anything at first. */
void test_retained(void)
{
    memory_make(0xa5);
    for (unsigned run = 1; run <= 6; run++) {
        reset();
        CHECK(memtrace_ring->run == run && (memtrace_previous() != NULL) == (run > 1));
        CHECK(memtrace_ring->total_size <= HALF_BYTES && memtrace_ring->names.count == 8);
        if (run > 1) {
            const struct memtrace_header *previous = memtrace_previous();
            CHECK(memtrace_ring->previous == (uintptr_t)previous && previous->run == run - 1);
            CHECK(last_size(previous) == 1000 + run - 1);
        }
        run_of(5000 * (run % 2) + 3, 1000 + run);
        if (run == 3)
            memtrace_assert_failed(caller_at(0x200), "text", 7, "function");
        if (run == 4)
            CHECK(memtrace_previous()->state == MEMTRACE_FROZEN && memtrace_previous()->assert_line == 7);
        CHECK(last_size(memtrace_ring) == 1000 + run);
    }
    memory_end();
}

/* 0 is no number of a run. */
void test_retained_runs_wrap(void)
{
    memory_make(0);
    reset();
    memtrace_ring->run = UINT32_MAX;
    for (uint32_t run = 1; run <= 3; run++) {
        reset();
        CHECK(memtrace_ring->run == run && memtrace_previous()->run == (run > 1 ? run - 1 : UINT32_MAX));
    }
    memory_end();
}

/* What is refused leaves the rings as they were. */
void test_retained_refused(void)
{
    const struct memtrace_config large = {.stack_bytes = HALF_BYTES};
    memory_make(0);
    CHECK(!memtrace_init_retained(NULL, MEMORY_BYTES, NULL) && !memtrace_init_retained(memory + 4, 8192, NULL));
    reset();
    run_of(3, 77);
    reset();
    run_of(3, 78);
    unsigned char *before = malloc(MEMORY_BYTES);
    CHECK(before != NULL);
    memcpy(before, memory, MEMORY_BYTES);
    CHECK(!memtrace_init_retained(memory, MEMORY_BYTES, &large) && !memtrace_init_retained(memory, 900, NULL));
    CHECK(!memtrace_init_retained(memory, 0, NULL) && !memtrace_init_retained(memory, 15, NULL));
    CHECK(memcmp(before, memory, MEMORY_BYTES) == 0);
    CHECK(last_size(memtrace_previous()) == 77 && last_size(memtrace_ring) == 78);
    free(before);
    memory_end();
}

/* The program was updated: its ring is a ring. Its memory was another one: then it is none, unless it lies where one would. */
void test_retained_of_another_build(void)
{
    memory_make(0);
    reset();
    run_of(3, 77);
    memset(memtrace_ring->build_id, 0x17, sizeof memtrace_ring->build_id);
    reset();
    CHECK(last_size(memtrace_previous()) == 77 && memtrace_previous()->build_id[0] == 0x17);
    memtrace_ring = NULL;
    CHECK(memtrace_init_retained(memory, MEMORY_BYTES / 2,
                                 NULL)); /* the newer ring lies behind it, the older is too large */
    CHECK(memtrace_previous() == NULL && memtrace_ring->run == 1);
    memory_end();
}

/* Every byte of a table that is said to be there, for ASan to see. */
static void ring_touch(const struct memtrace_header *ring)
{
    const struct memtrace_table tables[] = {ring->events, ring->stacks, ring->stack_index, ring->live, ring->names};
    unsigned sum = 0;
    CHECK(ring->total_size <= HALF_BYTES);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        CHECK(tables[i].offset >= HEADER_BYTES);
        const unsigned char *bytes = (const unsigned char *)ring + tables[i].offset;
        for (size_t at = 0; at < (size_t)tables[i].entry_size * tables[i].count; at++)
            sum += bytes[at];
    }
    CHECK(sum < UINT32_MAX);
    struct reader reader = reader_open(ring);
    CHECK(reader_kept(&reader) <= ring->events.count);
    reader_close(&reader);
}

/* What a start makes of the memory as it is: a ring to record in, and perhaps one before it, whose tables can be read. */
static void start_survives(void)
{
    reset();
    const struct memtrace_header *previous = memtrace_previous();
    CHECK((void *)memtrace_ring == memory || (void *)memtrace_ring == memory + HALF_BYTES);
    CHECK(previous == NULL || (void *)previous == memory || (void *)previous == memory + HALF_BYTES);
    CHECK(previous != memtrace_ring && memtrace_ring->run != 0);
    run_of(30, 55);
    CHECK(last_size(memtrace_ring) == 55);
    if (previous != NULL)
        ring_touch(previous);
}

/* Each byte of the newer header in turn becomes another one. */
void test_retained_damaged(void)
{
    unsigned char *before = malloc(MEMORY_BYTES);
    CHECK(before != NULL);
    memory_make(0);
    reset();
    run_of(3, 77);
    reset();
    run_of(3, 78);
    memcpy(before, memory, MEMORY_BYTES);
    for (unsigned at = 0; at < HEADER_BYTES; at++) {
        for (unsigned change = 1; change < 256; change *= 2) {
            memcpy(memory, before, MEMORY_BYTES);
            memory[HALF_BYTES + at] ^= (unsigned char)change;
            start_survives();
            if (at < offsetof(struct memtrace_header, total_size))
                CHECK((void *)memtrace_previous() == memory && memtrace_ring->run == 2);
        }
    }
    free(before);
    memory_end();
}

static uint32_t random_next(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    return *state ^= *state << 5;
}

/* Headers that are right in what tells them apart and anything in the rest: more often near to what they could be. */
void test_retained_random(void)
{
    unsigned char *before = malloc(MEMORY_BYTES);
    uint32_t state = 2463534242u;
    unsigned kept = 0;
    CHECK(before != NULL);
    memory_make(0);
    reset();
    run_of(3, 77);
    memcpy(before, memory, MEMORY_BYTES);
    for (unsigned round = 0; round < 20000; round++) {
        memcpy(memory, before, MEMORY_BYTES);
        uint32_t *words = (uint32_t *)(void *)memory;
        enum { FIRST = offsetof(struct memtrace_header, total_size) / 4 };
        for (unsigned changes = 1 + random_next(&state) % 3; changes > 0; changes--) {
            unsigned word = FIRST + random_next(&state) % (round % 2 == 0 ? 24u : HEADER_BYTES / 4 - FIRST);
            uint32_t value = random_next(&state);
            words[word] = round % 4 < 2 ? value : words[word] + value % 64u - 32u;
        }
        start_survives();
        kept += memtrace_previous() != NULL;
    }
    CHECK(kept > 1000 && kept < 15000);
    for (unsigned round = 0; round < 200; round++) {
        for (unsigned at = 0; at < MEMORY_BYTES; at++)
            memory[at] = (unsigned char)random_next(&state);
        start_survives();
        CHECK(memtrace_previous() == NULL);
    }
    free(before);
    memory_end();
}

/* A reset anywhere in a start: what had been written by then is there, the rest is as it was. The run before it is never lost. */
void test_retained_init_cut_short(void)
{
    unsigned char *before = malloc(MEMORY_BYTES);
    unsigned char *after = malloc(MEMORY_BYTES);
    CHECK(before != NULL && after != NULL);
    memory_make(0xa5);
    for (unsigned run = 1; run <= 3; run++) {
        reset();
        run_of(3, 70 + run);
    }
    memcpy(before, memory, MEMORY_BYTES); /* runs 2 and 3 */
    reset();
    memcpy(after, memory, MEMORY_BYTES); /* 4 has begun where 2 was */
    CHECK(memtrace_previous()->run == 3);
    for (unsigned cut = 0; cut <= HALF_BYTES; cut += cut < HEADER_BYTES + 64 ? 1 : 509) {
        for (unsigned from_end = 0; from_end < 2; from_end++) { /* memset may begin at either end */
            memcpy(memory, from_end ? after : before, MEMORY_BYTES);
            memcpy(memory + HALF_BYTES, (from_end ? before : after) + HALF_BYTES, cut);
            reset();
            uint32_t run = memtrace_previous()->run;
            CHECK(run == 3 || run == 4);
            CHECK(memtrace_ring->run == run + 1 && (run == 4 || last_size(memtrace_previous()) == 73));
        }
    }
    free(before);
    free(after);
    memory_end();
}
