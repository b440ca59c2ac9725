/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting and stopping, filters, a host's requests, the failed assertion, and memory that no ring fits into.
 */
#include <string.h>

#include "cases.h"
#include "reader.h"
#include "world.h"

static void alloc_one(void)
{
    memtrace_alloc(caller_at(0x100), block_at(1), 100, 1);
}

static void free_one(void)
{
    memtrace_free(caller_at(0x200), block_at(1), 1);
}

static void realloc_one(void)
{
    struct memtrace_realloc begun = memtrace_realloc_begin(caller_at(0x300), block_at(1), 10, 1);
    memtrace_realloc_end(begun, block_at(1), block_at(2), 10, 1);
}

static uint32_t count_of(unsigned kind)
{
    struct reader reader = reader_open(memtrace_ring);
    uint32_t count = reader_count(&reader, kind);
    reader_close(&reader);
    return count;
}

static uint64_t issued_now(void)
{
    struct reader reader = reader_open(memtrace_ring);
    uint64_t issued = reader.issued;
    reader_close(&reader);
    return issued;
}

void test_stop_and_start(void)
{
    ring_start_default();
    alloc_one();
    memtrace_stop();
    uint64_t issued = issued_now();
    alloc_one();
    free_one();
    realloc_one();
    memtrace_mark("unheard");
    memtrace_stop();
    CHECK(memtrace_is_off() && issued_now() == issued && memtrace_ring->lost_stopped == 0);
    memtrace_start();
    CHECK(!memtrace_is_off());
    alloc_one();
    free_one();
    CHECK(count_of(MEMTRACE_ALLOC) == 2 && count_of(MEMTRACE_FREE) == 1 && memtrace_ring->lost_stopped == 0);
}

void test_frees_only(void)
{
    ring_start_default();
    memtrace_frees_only();
    alloc_one();
    memtrace_alloc(caller_at(0x100), NULL, 1, 0);
    free_one();
    realloc_one();
    memtrace_mark("heard");
    CHECK(count_of(MEMTRACE_ALLOC) == 0 && count_of(MEMTRACE_ALLOC_FAILED) == 0 && memtrace_ring->filtered == 2);
    CHECK(count_of(MEMTRACE_FREE) == 1 && count_of(MEMTRACE_REALLOC_BEGIN) == 1 && count_of(MEMTRACE_REALLOC_END) == 1);
    CHECK(count_of(MEMTRACE_MARK) == 1 && memtrace_ring->lost_stopped == 0);
}

/* Writes what a host writes, then lets the next event obey. */
static void request(enum memtrace_request asked)
{
    uint32_t done = memtrace_ring->request_done;
    memtrace_ring->request = asked;
    free_one();
    CHECK(memtrace_ring->request_done == done + 1);
}

void test_requests(void)
{
    ring_start_default();
    alloc_one();
    alloc_one();
    request(MEMTRACE_REQUEST_STOP);
    CHECK(memtrace_ring->state == MEMTRACE_STOPPED && memtrace_ring->lost_stopped == 0);
    request(MEMTRACE_REQUEST_MARK); /* obeyed, but there is nothing to write it into */
    CHECK(count_of(MEMTRACE_MARK) == 0);
    request(MEMTRACE_REQUEST_START);
    CHECK(memtrace_ring->state == MEMTRACE_RECORDING && count_of(MEMTRACE_FREE) == 1);
    request(MEMTRACE_REQUEST_FREES_ONLY);
    CHECK(memtrace_ring->state == MEMTRACE_FREES_ONLY && count_of(MEMTRACE_FREE) == 2);
    memcpy(memtrace_ring->request_name, "from the host, 20 ch", MEMTRACE_NAME_BYTES);
    request(MEMTRACE_REQUEST_MARK);
    struct reader reader = reader_open(memtrace_ring);
    uint32_t number = (uint32_t)reader_last(&reader, MEMTRACE_MARK).address;
    CHECK(memcmp(reader_name(&reader, number)->text, "from the host, 20 ch", MEMTRACE_NAME_BYTES) == 0);
    reader_close(&reader);
    request((enum memtrace_request)99); /* unknown: taken, and nothing else */
    CHECK(memtrace_ring->state == MEMTRACE_FREES_ONLY);
}

/* Done is what was obeyed: the event that obeys says it after the mark is in the ring. */
static void look_at_request(void)
{
    CHECK(memtrace_ring->request_done == 0);
    if ((int32_t)memtrace_ring->request > 0) /* it is still to be taken */
        world_interrupt = look_at_request;
}

void test_request_is_done_last(void)
{
    ring_start_default();
    memtrace_ring->request = MEMTRACE_REQUEST_STOP;
    world_interrupt = look_at_request;
    free_one();
    CHECK(world_interrupt == NULL && memtrace_ring->request_done == 1);
}

#if MEMTRACE_FILTERS

static void check_filter(bool alloc_passes)
{
    uint32_t allocs = count_of(MEMTRACE_ALLOC);
    uint32_t filtered = memtrace_ring->filtered;
    uint32_t frees = count_of(MEMTRACE_FREE);
    uint32_t reallocs = count_of(MEMTRACE_REALLOC_END);
    alloc_one();
    free_one();
    realloc_one();
    CHECK(count_of(MEMTRACE_ALLOC) == allocs + alloc_passes && memtrace_ring->filtered == filtered + !alloc_passes);
    CHECK(count_of(MEMTRACE_FREE) == frees + 1 && count_of(MEMTRACE_REALLOC_END) == reallocs + 1);
    CHECK(memtrace_ring->lost_stopped == 0);
}

void test_filter_size(void)
{
    ring_start_default();
    check_filter(true);
    memtrace_filter_size(101);
    check_filter(false);
    CHECK(memtrace_ring->min_size == 101);
    memtrace_filter_size(100);
    check_filter(true);
    memtrace_filter_size(0);
    CHECK(memtrace_ring->request == 0); /* the quick way again */
    check_filter(true);
}

void test_filter_heaps(void)
{
    ring_start_default();
    memtrace_filter_heaps(~2u);
    check_filter(false);
    memtrace_filter_heaps(2u);
    check_filter(true);
    memtrace_filter_size(1);
    memtrace_filter_heaps(UINT32_MAX);
    CHECK((int32_t)memtrace_ring->request < 0);
    memtrace_filter_size(0);
    CHECK(memtrace_ring->request == 0);
    check_filter(true);
}

/* By handle, seen before or not; the fixed contexts by their numbers. */
void test_filter_tasks(void)
{
    const uintptr_t wanted[] = {TASK(1), MEMTRACE_CONTEXT_ISR};
    ring_start_default();
    here.context = TASK(2);
    check_filter(true);
    memtrace_filter_tasks(wanted, 2);
    check_filter(false);
    here.context = TASK(1);
    check_filter(true);
    here.context = MEMTRACE_CONTEXT_ISR;
    check_filter(true);
    here.context = MEMTRACE_CONTEXT_STARTUP;
    check_filter(false);
    memtrace_filter_tasks(NULL, 0);
    CHECK(memtrace_ring->request == 0);
    check_filter(true);
    here.context = 0;
}

#endif

static unsigned stops;

/* The recorder's own is weak. */
void memtrace_assert_stop(void)
{
    stops++;
    CHECK(memtrace_ring == NULL || memtrace_ring->state == MEMTRACE_FROZEN);
}

void test_assert(void)
{
    char text[200];
    memset(text, 't', sizeof text);
    text[199] = '\0';
    ring_start_default();
    memtrace_stop(); /* an assertion is recorded all the same */
    memtrace_assert_failed(caller_at(0x500), text, 0x1234, "a_function_of_more_than_thirty_two_letters");
    struct reader reader = reader_open(memtrace_ring);
    uint64_t pcs[32];
    CHECK(stops == 1 && reader.header.assert_line == 0x1234 && reader.header.state == MEMTRACE_FROZEN);
    CHECK(memcmp(reader.header.assert_text, text, MEMTRACE_ASSERT_TEXT_BYTES) == 0);
    CHECK(memcmp(reader.header.assert_function, "a_function_of_more_than_thirty_t", 32) == 0);
    CHECK(reader_last(&reader, MEMTRACE_ASSERT).size == 0x1234);
    CHECK(reader_last_sequence(&reader, MEMTRACE_ASSERT) == reader.header.assert_head);
    CHECK(reader_stack(&reader, reader.header.assert_head, pcs) == 1 && pcs[0] == CODE + 0x500);
    reader_close(&reader);
    memtrace_assert_failed(caller_at(0x600), "second", 2, "second"); /* only the first counts */
    alloc_one();
    memtrace_stop();
    memtrace_frees_only();
    CHECK(stops == 1 && memtrace_ring->assert_line == 0x1234 && memtrace_ring->state == MEMTRACE_FROZEN);
    CHECK(issued_now() == reader.issued && memtrace_ring->lost_stopped == 1);
    memtrace_start();
    alloc_one();
    CHECK(count_of(MEMTRACE_ALLOC) == 1);
}

/* Who gives no text gets an empty one: newlib's __assert_func has no function's name in old dialects of C. */
void test_null_texts(void)
{
    ring_start_default();
    memtrace_mark(NULL);
    memtrace_mark("");
    memtrace_control(MEMTRACE_REQUEST_MARK, NULL);
    CHECK(count_of(MEMTRACE_MARK) == 3 && memtrace_ring->names_full == 0);
    struct reader reader = reader_open(memtrace_ring);
    CHECK(reader_name(&reader, (uint32_t)reader_last(&reader, MEMTRACE_MARK).address)->text[0] == '\0');
    reader_close(&reader);
    memtrace_assert_failed(caller_at(0x400), "text", 7, NULL);
    CHECK(memtrace_ring->state == MEMTRACE_FROZEN && memtrace_ring->assert_line == 7);
    CHECK(strcmp(memtrace_ring->assert_text, "text") == 0 && memtrace_ring->assert_function[0] == '\0');
    memtrace_start();
    memtrace_assert_failed(caller_at(0x400), NULL, 8, "function");
    CHECK(memtrace_ring->state == MEMTRACE_FROZEN && memtrace_ring->assert_line == 8);
    CHECK(memtrace_ring->assert_text[0] == '\0'); /* nothing of the first one's */
    memtrace_start();
    memtrace_assert_failed(caller_at(0x400), "t", 9, "f");
    const char text[MEMTRACE_ASSERT_TEXT_BYTES] = "t", function[MEMTRACE_ASSERT_FUNCTION_BYTES] = "f";
    CHECK(memcmp(memtrace_ring->assert_text, text, sizeof text) == 0); /* NULs to the end, as the format says */
    CHECK(memcmp(memtrace_ring->assert_function, function, sizeof function) == 0);
}

void test_before_init(void)
{
    stops = 0;
    ring_end();
    alloc_one();
    free_one();
    realloc_one();
    memtrace_start();
    memtrace_stop();
    memtrace_frees_only();
    memtrace_mark("early");
    memtrace_task_deleted(TASK(1));
#if MEMTRACE_FILTERS
    memtrace_filter_size(1);
    memtrace_filter_heaps(1);
    memtrace_filter_tasks(NULL, 0);
#endif
    memtrace_assert_failed(caller_at(0x500), "text", 1, "function");
    CHECK(memtrace_ring == NULL && stops == 1);
}

void test_init_refusals(void)
{
    static _Alignas(16) char memory[RING_BYTES + 16];
    const struct memtrace_config refused[] = {
        {.names = 2},
        {.names = 251},
        {.stack_bytes = 8},
        {.stack_bytes = RING_BYTES},
        {.stack_bytes = SIZE_MAX},
        {.names = UINT32_MAX},
        {.stack_bytes = RING_BYTES + 1},
    };
    for (unsigned i = 0; i < sizeof refused / sizeof *refused; i++)
        CHECK(!memtrace_init(memory, RING_BYTES, &refused[i]) && memtrace_ring == NULL);
#if MEMTRACE_LIVE
    const struct memtrace_config live[] = {{.live = RING_BYTES}, {.live = UINT32_MAX}, {.live = UINT32_MAX / 16 + 2}};
    for (unsigned i = 0; i < sizeof live / sizeof *live; i++)
        CHECK(!memtrace_init(memory, RING_BYTES, &live[i]) && memtrace_ring == NULL);
#endif
    for (unsigned off = 1; off < _Alignof(struct memtrace_header); off++)
        CHECK(!memtrace_init(memory + off, RING_BYTES, NULL) && memtrace_ring == NULL);
    CHECK(!memtrace_init(NULL, RING_BYTES, NULL) && memtrace_ring == NULL);
    CHECK(memtrace_init(memory, RING_BYTES, NULL));
    memtrace_ring = NULL;
}

/* What is refused changes nothing: neither the ring that records, wherever the other memory lies, nor that memory. */
void test_init_refused_again(void)
{
    static _Alignas(8) unsigned char other[RING_BYTES];
    struct memtrace_config too_much = {.stack_bytes = RING_BYTES};
    ring_start_default();
    alloc_one();
    memset(other, 0x5a, sizeof other);
    struct memtrace_header *ring = memtrace_ring;
    struct reader before = reader_open(ring);
    CHECK(!memtrace_init(ring, RING_BYTES, &too_much) && !memtrace_init(ring, 1000, NULL));
    CHECK(!memtrace_init(other, RING_BYTES, &too_much) && !memtrace_init(other, 1000, NULL));
    struct reader after = reader_open(ring);
    CHECK(memtrace_ring == ring && memcmp(before.bytes, after.bytes, ring->total_size) == 0);
    for (unsigned i = 0; i < sizeof other; i++)
        CHECK(other[i] == 0x5a);
    reader_close(&before);
    reader_close(&after);
    free_one();
    CHECK(count_of(MEMTRACE_ALLOC) == 1 && count_of(MEMTRACE_FREE) == 1);
}

/* Every table within the memory, one behind the other, none over another. */
static void check_layout(size_t bytes)
{
    const struct memtrace_header *header = memtrace_ring;
    const struct memtrace_table *tables = &header->events;
    CHECK(header->total_size <= bytes && header->events.count >= 8);
    for (unsigned i = 0; i < 5; i++) {
        const struct memtrace_table *table = &tables[i];
        uint32_t end = table->offset + table->entry_size * table->count;
        CHECK(table->count == 0 || (table->offset >= header->header_size && end <= header->total_size));
        for (unsigned j = 0; j < i; j++) {
            uint32_t other_end = tables[j].offset + tables[j].entry_size * tables[j].count;
            CHECK(table->count == 0 || tables[j].count == 0 || end <= tables[j].offset || other_end <= table->offset);
        }
    }
}

/* From nothing to enough, one size after the other: refused or sound. ASan watches the ends of the memory. */
void test_init_sizes(void)
{
    unsigned fits = 0;
    for (size_t bytes = 1; bytes < 6000; bytes++) {
        struct memtrace_config config = {.stack_bytes = bytes % 3 == 0 ? 0 : 128 + bytes % 7,
                                         .names = (unsigned)(4 + bytes % 5),
                                         .live = bytes % 2 == 0 ? 0 : (unsigned)(bytes % 40)};
        if (ring_start(bytes, bytes % 5 == 0 ? NULL : &config) == NULL) {
            CHECK(memtrace_ring == NULL);
            continue;
        }
        fits++;
        check_layout(bytes);
        for (unsigned i = 0; i < 40; i++) {
            alloc_one();
            realloc_one();
        }
    }
    CHECK(fits > 1000);
}
