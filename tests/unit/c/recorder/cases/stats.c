/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorder in numbers, and recording anew.
 */
#include <pthread.h>
#include <string.h>

#include "cases.h"
#include "reader.h"
#include "world.h"

static struct memtrace_statistics stats_now(void)
{
    struct memtrace_statistics stats;
    memset(&stats, 0xa5, sizeof stats);
    CHECK(memtrace_stats(&stats));
    return stats;
}

static void alloc_number(uintptr_t number)
{
    memtrace_alloc(caller_at(0x100 + number % 4 * 16), block_at(number), 10 + number, 1);
}

void test_stats(void)
{
    struct memtrace_config config = {.names = 6, .live = 32, .stack_bytes = 1024};
    struct memtrace_statistics stats;
    CHECK(!memtrace_stats(&stats) && ring_start(RING_BYTES, &config) != NULL);
    stats = stats_now();
    CHECK(stats.state == MEMTRACE_RECORDING && stats.run == 0 && stats.recorded == 0 && stats.events == 0);
    CHECK(stats.names == 3 && stats.names_room == 6 && stats.events_room == memtrace_ring->events.count);
    CHECK(stats.stack_words == 2 && stats.stack_words_room == 1024 / sizeof(void *));
    CHECK(stats.live_room == (MEMTRACE_LIVE ? 32 : 0) && stats.live_blocks == 0 && stats.live_bytes == 0);
    for (uintptr_t i = 1; i <= 5; i++)
        alloc_number(i);
    memtrace_free(caller_at(0x200), block_at(2), 1);
    for (unsigned i = 0; i < 5; i++)
        memtrace_mark((char[]){(char)('a' + i), 0});
    stats = stats_now();
    CHECK(stats.recorded == 11 && stats.events == 11 && stats.names == 6 && stats.names_full == 2);
    CHECK(stats.stack_words == 2 + 5 * 3); /* each a stack of one frame */
    CHECK(stats.live_blocks == (MEMTRACE_LIVE ? 4 : 0) && stats.live_bytes == (MEMTRACE_LIVE ? 40 + 1 + 3 + 4 + 5 : 0));
    memtrace_stop();
    alloc_number(6);
    stats = stats_now();
    CHECK(stats.state == MEMTRACE_STOPPED && stats.lost_stopped == 0 && stats.recorded == 12);
}

/* Numbers go on where the ring begins again, and where the lap's count does. */
void test_stats_of_many_laps(void)
{
    ring_start_events(8);
    for (uintptr_t i = 1; i <= 18000; i++) {
        alloc_number(i);
        struct reader reader = reader_open(memtrace_ring);
        struct memtrace_statistics stats = stats_now();
        CHECK(stats.recorded == reader.issued && stats.events == (i < 8 ? i : 8));
        reader_close(&reader);
    }
    CHECK(stats_now().recorded >= 18000);
}

/* What came before is told by nobody any more: its events are before the one that says so, the rest is 0. */
void test_reset(void)
{
    struct memtrace_config config = {.names = 6, .live = 32};
    memtrace_reset(); /* before a start it does nothing */
    CHECK(ring_start(RING_BYTES, &config) != NULL);
    for (uintptr_t i = 1; i <= 5; i++)
        alloc_number(i);
    for (unsigned i = 0; i < 5; i++)
        memtrace_mark((char[]){(char)('a' + i), 0});
    memtrace_alloc(caller_at(0x100), block_at(9), SIZE_MAX, 1);
    memtrace_stop();
    alloc_number(6);
    memtrace_reset();
    struct memtrace_statistics stats = stats_now();
    CHECK(stats.state == MEMTRACE_RECORDING && stats.live_blocks == 0 && stats.live_bytes == 0);
    CHECK((stats.lost_stopped | stats.names_full | stats.size_capped | stats.lost_busy | stats.live_full) == 0);
    alloc_number(7);
    struct reader reader = reader_open(memtrace_ring);
    uint64_t anew = reader_last_sequence(&reader, MEMTRACE_CONTROL);
    CHECK(reader_last(&reader, MEMTRACE_CONTROL).address == MEMTRACE_ANEW && anew + 2 == reader.issued);
    CHECK(reader_last_sequence(&reader, MEMTRACE_ALLOC) == anew + 1);
    reader_close(&reader);
    CHECK(stats_now().live_blocks == (MEMTRACE_LIVE ? 1 : 0));
}

void test_reset_of_a_frozen_ring(void)
{
    ring_start_default();
    alloc_number(1);
    memtrace_assert_failed(caller_at(0x400), "text", 1, "function");
    memtrace_reset();
    alloc_number(2);
    CHECK(memtrace_ring->state == MEMTRACE_RECORDING && memtrace_ring->assert_line == 0);
    struct reader reader = reader_open(memtrace_ring);
    CHECK(reader_last(&reader, MEMTRACE_ALLOC).size == 12);
    reader_close(&reader);
    memtrace_assert_failed(caller_at(0x400), "text", 7, "function");
    CHECK(memtrace_ring->state == MEMTRACE_FROZEN && memtrace_ring->assert_line == 7);
}

enum { RESETS = 300, PAIRS = 20000 };

static void *pairs_run(void *argument)
{
    here.core = (unsigned)(uintptr_t)argument;
    here.context = TASK(here.core + 1);
    for (uintptr_t i = 0; i < PAIRS; i++) {
        uintptr_t number = (uintptr_t)here.core << 16 | i % 64;
        memtrace_alloc(caller_at(0x1000 * (here.core + 1)), block_at(number), number + 1, here.core);
        memtrace_free(caller_at(0x1000 * (here.core + 1) + 16), block_at(number), here.core);
    }
    return NULL;
}

/* Nothing is torn, no entry of the live table is one block's address with another one's size, and no block stays. */
void test_reset_while_others_record(void)
{
    pthread_t threads[3];
    struct memtrace_config config = {.live = 64, .stack_bytes = 2048};
    CHECK(ring_start(RING_BYTES, &config) != NULL);
    for (uintptr_t i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, pairs_run, (void *)(i + 1)) == 0);
    for (unsigned i = 0; i < RESETS; i++) {
        memtrace_reset();
        struct memtrace_statistics stats = stats_now();
        CHECK(stats.live_blocks <= 64 && stats.state == MEMTRACE_RECORDING);
    }
    for (unsigned i = 0; i < 3; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    struct reader reader = reader_open(memtrace_ring);
    struct seen seen;
    for (uint64_t sequence = reader_first(&reader); sequence < reader.issued; sequence++) {
        if (reader_event(&reader, sequence, &seen) && seen.kind == MEMTRACE_ALLOC)
            CHECK(block_at((uintptr_t)seen.size - 1) == (void *)(uintptr_t)seen.address && seen.heap == seen.core);
    }
    CHECK(reader_busy(&reader) == 0 && reader.issued >= 6ull * PAIRS);
    reader_close(&reader);
    CHECK(stats_now().live_blocks == 0);
}
