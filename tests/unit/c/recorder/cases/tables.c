/* SPDX-License-Identifier: Apache-2.0
 *
 * What is kept beside the events: names of tasks and marks, and the blocks that live.
 */
#include <string.h>

#include "cases.h"
#include "reader.h"
#include "world.h"

/* The context's number in the newest event of the task, and the name behind it. */
static unsigned context_of(uintptr_t handle, char name[MEMTRACE_NAME_BYTES + 1])
{
    here.context = handle;
    memtrace_alloc(caller_at(0x100), block_at(1), 1, 0);
    here.context = 0;
    struct reader reader = reader_open(memtrace_ring);
    unsigned context = reader_last(&reader, MEMTRACE_ALLOC).context;
    const struct memtrace_name *entry = reader_name(&reader, context);
    CHECK(context < MEMTRACE_CONTEXT_FIRST_TASK || entry->kind == MEMTRACE_NAME_CONTEXT);
    memcpy(name, entry->text, MEMTRACE_NAME_BYTES);
    name[MEMTRACE_NAME_BYTES] = '\0';
    reader_close(&reader);
    return context;
}

void test_contexts(void)
{
    char name[MEMTRACE_NAME_BYTES + 1];
    ring_start_default();
    for (unsigned again = 0; again < 3; again++) {
        CHECK(context_of(0, name) == MEMTRACE_CONTEXT_STARTUP);
        CHECK(context_of(1, name) == MEMTRACE_CONTEXT_ISR);
        unsigned first = context_of(TASK(1), name);
        CHECK(first >= MEMTRACE_CONTEXT_FIRST_TASK && strcmp(name, "task 1") == 0);
        unsigned second = context_of(TASK(2), name);
        CHECK(second >= MEMTRACE_CONTEXT_FIRST_TASK && second != first && strcmp(name, "task 2") == 0);
        CHECK(context_of(TASK(7), name) >= MEMTRACE_CONTEXT_FIRST_TASK && name[0] == '\0'); /* no name of its own */
        CHECK(context_of(TASK(1), name) == first);
    }
    struct reader reader = reader_open(memtrace_ring);
    struct seen seen = reader_last(&reader, MEMTRACE_ALLOC);
    CHECK((uintptr_t)reader_name(&reader, seen.context)->key == TASK(1));
    reader_close(&reader);
}

/* 32 entries, three of them fixed: the tasks that come too late are "other", and counted. */
void test_contexts_full(void)
{
    char name[MEMTRACE_NAME_BYTES + 1];
    ring_start_default();
    for (unsigned task = 8; task < 8 + 29; task++)
        CHECK(context_of(TASK(task), name) >= MEMTRACE_CONTEXT_FIRST_TASK);
    CHECK(memtrace_ring->names_full == 0);
    for (unsigned task = 40; task < 50; task++)
        CHECK(context_of(TASK(task), name) == MEMTRACE_CONTEXT_OTHER);
    CHECK(memtrace_ring->names_full >= 10 && context_of(TASK(8), name) >= MEMTRACE_CONTEXT_FIRST_TASK);
    CHECK(strcmp(name, "task 8") == 0);
}

/* A deleted task's number stays its name's: old events say it. Its handle may be another task's, its name come again. */
void test_task_deleted(void)
{
    char name[MEMTRACE_NAME_BYTES + 1];
    ring_start_default();
    unsigned first = context_of(TASK(1), name);
    memtrace_task_deleted(TASK(1));
    unsigned second = context_of(TASK(2), name);
    CHECK(second != first && strcmp(name, "task 2") == 0);
    CHECK(context_of(TASK(1), name) == first && strcmp(name, "task 1") == 0);
    memtrace_task_deleted(TASK(99));     /* never seen */
    for (unsigned i = 0; i < 200; i++) { /* a worker that comes and goes takes no second entry */
        CHECK(context_of(TASK(3), name) != first && strcmp(name, "task 3") == 0);
        memtrace_task_deleted(TASK(3));
    }
    CHECK(memtrace_ring->names_full == 0);
}

/* No task has the handles of the fixed contexts, which are the keys of marks and free entries, too. */
void test_no_task_deleted(void)
{
    ring_start_default();
    memtrace_mark("a mark");
    memtrace_task_deleted(0);
    memtrace_task_deleted(1);
    struct reader reader = reader_open(memtrace_ring);
    for (uint32_t number = MEMTRACE_CONTEXT_FIRST_TASK; number < reader.header.names.count; number++)
        CHECK(reader_name(&reader, number)->key == 0);
    reader_close(&reader);
}

void test_marks_full(void)
{
    char name[8];
    ring_start_default();
    for (unsigned i = 0; i < 60; i++) {
        snprintf(name, sizeof name, "m%u", i);
        memtrace_mark(name);
    }
    struct reader reader = reader_open(memtrace_ring);
    struct seen seen = reader_last(&reader, MEMTRACE_MARK);
    CHECK(reader_count(&reader, MEMTRACE_MARK) == 60 && (uint32_t)seen.address == MEMTRACE_CONTEXT_OTHER);
    CHECK(memtrace_ring->names_full == 60 - 29);
    reader_close(&reader);
    memtrace_mark("m3");
    reader = reader_open(memtrace_ring);
    CHECK(strcmp(reader_name(&reader, (uint32_t)reader_last(&reader, MEMTRACE_MARK).address)->text, "m3") == 0);
    reader_close(&reader);
}

#if MEMTRACE_LIVE

static void live_start(unsigned entries)
{
    struct memtrace_config config = {.live = entries};
    CHECK(ring_start(RING_BYTES, &config) != NULL);
}

static bool live_at(uintptr_t number, struct seen *seen, bool *moving)
{
    uint32_t sequence = 0;
    struct reader reader = reader_open(memtrace_ring);
    bool found = reader_live(&reader, (uintptr_t)block_at(number), seen, &sequence, moving);
    struct seen event;
    if (found && !*moving && reader_event(&reader, sequence, &event))
        CHECK(event.address == (uintptr_t)block_at(number) && event.size == seen->size);
    reader_close(&reader);
    return found;
}

static bool lives(uintptr_t number)
{
    struct seen seen;
    bool moving = false;
    return live_at(number, &seen, &moving) && !moving;
}

static void alloc_number(uintptr_t number)
{
    memtrace_alloc(caller_at(0x100), block_at(number), 10 + number, 1);
}

static void free_number(uintptr_t number)
{
    memtrace_free(caller_at(0x200), block_at(number), 1);
}

static uint32_t live_count(void)
{
    struct reader reader = reader_open(memtrace_ring);
    uint32_t count = reader_live_count(&reader);
    reader_close(&reader);
    return count;
}

/* Owners outlive the ring: the block's event is long gone, its entry says what it said. */
void test_live(void)
{
    struct seen seen;
    bool moving = false;
    live_start(64);
    here.context = TASK(1);
    alloc_number(1);
    here.context = 0;
    for (uintptr_t i = 0; i < 5000; i++) {
        alloc_number(2 + i % 20);
        free_number(2 + i % 20);
    }
    CHECK(live_count() == 1 && live_at(1, &seen, &moving) && !moving);
    CHECK(seen.size == 11 && seen.heap == 1 && seen.context >= MEMTRACE_CONTEXT_FIRST_TASK && seen.stack != 0);
    free_number(1);
    CHECK(live_count() == 0 && memtrace_ring->live_full == 0);
    alloc_number(3);
    alloc_number(3); /* its free was not seen: the newer owner counts */
    CHECK(live_count() == 1 && lives(3));
}

void test_live_realloc(void)
{
    struct seen seen;
    bool moving = false;
    live_start(64);
    alloc_number(1);
    struct memtrace_realloc begun = memtrace_realloc_begin(caller_at(0x300), block_at(1), 77, 1);
    CHECK(live_at(1, &seen, &moving) && moving);
    memtrace_realloc_end(begun, block_at(1), block_at(2), 77, 1);
    CHECK(!live_at(1, &seen, &moving) && live_at(2, &seen, &moving) && !moving && seen.size == 77 && seen.stack != 0);
    begun = memtrace_realloc_begin(caller_at(0x300), block_at(2), 99, 1);
    memtrace_realloc_end(begun, block_at(2), NULL, 99, 1);
    CHECK(live_at(2, &seen, &moving) && !moving && seen.size == 77); /* it failed: the old block lives on as it was */
    begun = memtrace_realloc_begin(caller_at(0x300), block_at(2), 50, 1);
    memtrace_realloc_end(begun, block_at(2), block_at(2), 50, 1);
    CHECK(live_at(2, &seen, &moving) && !moving && seen.size == 50 && live_count() == 1);
    begun = memtrace_realloc_begin(caller_at(0x300), block_at(2), 0, 1);
    memtrace_realloc_end(begun, block_at(2), NULL, 0, 1);
    CHECK(live_count() == 0);
}

/* All of a sequence number that an entry has room for. */
void test_live_sequence(void)
{
    struct seen seen;
    bool moving = false;
    live_start(64);
    memtrace_ring->laps_high = 1u << 22;
    alloc_number(1);
    struct reader reader = reader_open(memtrace_ring);
    CHECK(reader.issued > (uint64_t)1 << 33);
    CHECK(live_at(1, &seen, &moving) && seen.words[3] == (uintptr_t)(reader.issued - 1));
    reader_close(&reader);
}

/* More blocks than entries: each is in the table or counted. */
void test_live_full(void)
{
    live_start(32);
    for (uintptr_t i = 0; i < 200; i++)
        alloc_number(i);
    CHECK(live_count() + memtrace_ring->live_full == 200 && live_count() > 16);
    for (uintptr_t i = 0; i < 200; i++)
        free_number(i);
    CHECK(live_count() == 0);
    alloc_number(5);
    CHECK(lives(5));
}

/* No phantom owners: while it is stopped or frozen the table stays as it was, evidence; a start empties it. */
void test_live_while_stopped(void)
{
    struct seen seen;
    bool moving = false;
    live_start(64);
    alloc_number(1);
    alloc_number(2);
    struct memtrace_realloc begun = memtrace_realloc_begin(caller_at(0x300), block_at(2), 9, 1);
    memtrace_stop();
    memtrace_realloc_end(begun, block_at(2), block_at(6), 9, 1);
    free_number(1);
    alloc_number(4);
    begun = memtrace_realloc_begin(caller_at(0x300), block_at(1), 9, 1);
    CHECK(live_count() == 2 && lives(1) && live_at(2, &seen, &moving) && moving);
    memtrace_start();
    CHECK(live_count() == 0);
    memtrace_realloc_end(begun, block_at(1), block_at(7), 9, 1);
    alloc_number(3);
    CHECK(live_count() == 1);
    memtrace_assert_failed(caller_at(0x400), "text", 1, "function");
    free_number(3);
    CHECK(lives(3));
    memtrace_start();
    CHECK(live_count() == 0);
}

#endif
