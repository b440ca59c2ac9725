/* SPDX-License-Identifier: Apache-2.0
 *
 * The ring as it wraps, and its clock as it runs: what a reader makes of sequence numbers, links and times.
 */
#include "cases.h"
#include "reader.h"
#include "world.h"

static void alloc_number(uintptr_t number)
{
    memtrace_alloc(caller_at(0x100), block_at(number), 1, 0);
}

/* All events that a ring of `count` can hold are there, and each has its own number. */
static void check_newest_kept(uint64_t issued)
{
    struct reader reader = reader_open(memtrace_ring);
    CHECK(reader.issued == issued && memtrace_ring->lost_busy == 0);
    for (uint64_t sequence = reader_first(&reader); sequence < issued; sequence++) {
        struct seen seen;
        CHECK(reader_event(&reader, sequence, &seen) && seen.address == (uintptr_t)block_at((uintptr_t)sequence));
    }
    reader_close(&reader);
}

void test_wrap(void)
{
    static const uint32_t sizes[] = {8, 9, 13, 64, 100};
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ring_start_events(sizes[i]);
        for (uintptr_t number = 0; number < 1000; number++) {
            check_newest_kept(number);
            alloc_number(number);
        }
    }
}

/* The lap has 12 bits: through its end three times, with a look at each turn. */
void test_laps_wrap(void)
{
    ring_start_events(11);
    for (uintptr_t number = 0; number < 3 * 4096 * 11 + 100; number++) {
        if (number % (2048 * 11) < 3 || number % (2048 * 11) > 2048 * 11 - 3 || number % 997 == 0)
            check_newest_kept(number);
        alloc_number(number);
    }
}

static uint64_t issued_now(void)
{
    struct reader reader = reader_open(memtrace_ring);
    uint64_t issued = reader.issued;
    reader_close(&reader);
    return issued;
}

/* A reallocation with `between` other events in it, begun at slot `start` of the ring. */
static void check_link(uint32_t events, uint32_t start, uint32_t between)
{
    ring_start_events(events);
    for (uintptr_t i = 0; i < start; i++)
        alloc_number(i);
    struct memtrace_realloc begun = memtrace_realloc_begin(caller_at(0x200), block_at(1), 10, 0);
    uint64_t begin = issued_now() - 1;
    for (uintptr_t i = 0; i < between; i++)
        alloc_number(i);
    memtrace_realloc_end(begun, block_at(1), block_at(2), 10, 0);
    struct reader reader = reader_open(memtrace_ring);
    int64_t link = reader_link(&reader, reader.issued - 1);
    CHECK(link == (between < events - 1 ? (int64_t)begin : LINK_NONE));
    reader_close(&reader);
}

void test_realloc_across_wrap(void)
{
    for (uint32_t start = 0; start < 40; start++) {
        for (uint32_t between = 0; between < 30; between++)
            check_link(13, start, between);
    }
    check_link(13, 13 * 4095 + 5, 12 - 1); /* across the end of the lap's 12 bits */
}

/* Farther than the field can say: no link, rather than a wrong one. */
void test_realloc_too_far(void)
{
    struct memtrace_config config = {.stack_bytes = 1024, .names = 16};
    CHECK(ring_start((size_t)70000 * 32, &config) != NULL);
    struct memtrace_realloc begun = memtrace_realloc_begin(caller_at(0x200), block_at(1), 10, 0);
    for (uintptr_t i = 0; i < 0x10000; i++)
        alloc_number(i);
    memtrace_realloc_end(begun, block_at(1), block_at(2), 10, 0);
    struct reader reader = reader_open(memtrace_ring);
    int64_t link = reader_link(&reader, reader.issued - 1);
    CHECK(link == 0 || link == LINK_NONE);
    CHECK(link == 0 || reader.header.stack_bits == 16);
    reader_close(&reader);
}

/* Who has to turn the lap sleeps, while the others go many laps on: each still gets the slot of its number. */
void test_head_not_turned(void)
{
    ring_start_events(8);
    alloc_number(0);
    memtrace_ring->head = 100003;
    for (uintptr_t number = 100003; number < 100003 + 5; number++) {
        alloc_number(number);
        struct reader reader = reader_open(memtrace_ring);
        struct seen seen;
        CHECK(reader.issued > number && reader_event(&reader, number, &seen));
        CHECK(seen.address == (uintptr_t)block_at(number));
        reader_close(&reader);
    }
}

/* Every event's time comes out again, whatever lies between two events. */
static void check_times(const uint64_t *times, unsigned count)
{
    struct reader reader = reader_open(memtrace_ring);
    unsigned found = 0;
    for (uint64_t sequence = 0; sequence < reader.issued; sequence++) {
        struct seen seen;
        CHECK(reader_event(&reader, sequence, &seen));
        if (seen.kind == MEMTRACE_SYNC || seen.kind == MEMTRACE_TIME)
            continue;
        CHECK(reader_time(&reader, sequence) == times[found]);
        found++;
    }
    CHECK(found == count);
    reader_close(&reader);
}

static void times_record(const uint64_t *gaps, unsigned count, uint64_t *times)
{
    for (unsigned i = 0; i < count; i++) {
        world_time += gaps[i];
        times[i] = world_time;
        alloc_number(i);
    }
}

void test_time_gaps(void)
{
    const uint64_t gaps[] = {0, 1,          2047, 2047,       2048, 2049,       4095, 4096, 4097, 8191, 1 << 20, 1,
                             1, 0x7fffffff, 3,    0x80000000, 5,    0x90000000, 0,    2046, 2047, 6,    100000};
    enum { COUNT = sizeof gaps / sizeof *gaps };
    uint64_t times[COUNT];
    world_time = 1000;
    ring_start_default();
    times_record(gaps, COUNT, times);
    check_times(times, COUNT);
}

/* Two cores read the clock and reserve in another order: neither makes the other's time wrong, nor a record of its own. */
void test_time_of_two_cores(void)
{
    uint64_t times[64];
    world_time = 100000;
    ring_start_default();
    alloc_number(0);
    uint32_t before = (uint32_t)issued_now();
    for (unsigned i = 0; i < 64; i++) {
        here.core = i % 2;
        world_time += i % 2 == 0 ? 40 : (uint64_t)-30;
        times[i] = world_time;
        alloc_number(i);
    }
    here.core = 0;
    struct reader reader = reader_open(memtrace_ring);
    CHECK(reader.issued == before + 64);
    for (unsigned i = 0; i < 64; i++)
        CHECK(reader_time(&reader, before + i) == times[i]);
    reader_close(&reader);
}

void test_time_beyond_32_bits(void)
{
    const uint64_t gaps[] = {0, 100, 0x1ffff, 0x80, 0x80, 0x80, 2000, 2000};
    enum { COUNT = sizeof gaps / sizeof *gaps };
    uint64_t times[COUNT];
    world_time = ((uint64_t)7 << 32) - 0x20100;
    ring_start_default();
    times_record(gaps, COUNT, times);
    CHECK(world_time > (uint64_t)7 << 32);
    check_times(times, COUNT);
    for (unsigned i = 0; i < 1000; i++) { /* past a wrap with no gap in it */
        world_time += 0x7ff;
        alloc_number(i);
    }
    struct reader reader = reader_open(memtrace_ring);
    CHECK(reader_time(&reader, reader.issued - 1) == world_time);
    reader_close(&reader);
}
