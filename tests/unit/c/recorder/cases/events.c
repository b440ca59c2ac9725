/* SPDX-License-Identifier: Apache-2.0
 *
 * Each kind of event, from its call to its bytes.
 */
#include <string.h>

#include "cases.h"
#include "reader.h"
#include "world.h"

static struct seen last_of(unsigned kind)
{
    struct reader reader = reader_open(memtrace_ring);
    struct seen seen = reader_last(&reader, kind);
    reader_close(&reader);
    return seen;
}

static uint64_t last_caller(unsigned kind)
{
    struct reader reader = reader_open(memtrace_ring);
    uint64_t pcs[32];
    CHECK(reader_stack(&reader, reader_last_sequence(&reader, kind), pcs) == 1);
    reader_close(&reader);
    return pcs[0];
}

void test_alloc_and_free(void)
{
    ring_start_default();
    here.context = MEMTRACE_CONTEXT_ISR;
    for (uintptr_t i = 1; i <= 3; i++) { /* more than once: the first may go another way than the rest */
        memtrace_alloc(caller_at(0x100), block_at(i), 100 + i, 31);
        struct seen seen = last_of(MEMTRACE_ALLOC);
        CHECK(seen.address == (uintptr_t)block_at(i) && seen.size == 100 + i && seen.heap == 31);
        CHECK(seen.context == MEMTRACE_CONTEXT_ISR && seen.tag == 0 && seen.core == 0);
        CHECK(last_caller(MEMTRACE_ALLOC) == CODE + 0x100);
        memtrace_free(caller_at(0x200), block_at(i), 2);
        seen = last_of(MEMTRACE_FREE);
        CHECK(seen.address == (uintptr_t)block_at(i) && seen.size == 0 && seen.heap == 2);
        CHECK(last_caller(MEMTRACE_FREE) == CODE + 0x200);
    }
    memtrace_free(caller_at(0x200), NULL, 0);
    struct reader reader = reader_open(memtrace_ring);
    CHECK(reader.issued == 6 && reader_kept(&reader) == 6);
    reader_close(&reader);
}

void test_alloc_failed(void)
{
    ring_start_default();
    memtrace_alloc(caller_at(0x100), NULL, 12345, 3);
    struct seen seen = last_of(MEMTRACE_ALLOC_FAILED);
    CHECK(seen.address == 0 && seen.size == 12345 && seen.heap == 3);
    CHECK(last_caller(MEMTRACE_ALLOC_FAILED) == CODE + 0x100);
}

/* An allocator may answer so who wants nothing: there is nothing that could fail. */
void test_alloc_of_nothing(void)
{
    ring_start_default();
    memtrace_alloc(caller_at(0x100), NULL, 0, 3);
    struct reader reader = reader_open(memtrace_ring);
    CHECK(reader.issued == 0);
    reader_close(&reader);
    memtrace_alloc(caller_at(0x100), block_at(1), 0, 3);
    CHECK(last_of(MEMTRACE_ALLOC).size == 0);
}

/* Nobody knows who called: the event has its context and no stack, whatever the frame is. */
void test_caller_unknown(void)
{
    ring_start_default();
    here.context = TASK(1);
    for (unsigned i = 0; i < 3; i++) {
        memtrace_alloc((struct memtrace_caller){0, 0x20041234}, block_at(1), 10, 1);
        struct seen seen = last_of(MEMTRACE_ALLOC);
        CHECK(seen.context == MEMTRACE_CONTEXT_FIRST_TASK && seen.stack == 0 && seen.tag == 0 && seen.size == 10);
    }
    here.context = 0;
    struct reader reader = reader_open(memtrace_ring);
    CHECK(reader_count(&reader, MEMTRACE_CALLER) == 0 && memtrace_ring->stacks_full == 0);
    reader_close(&reader);
}

static void reallocate(void *old, void *new, size_t size)
{
    struct memtrace_realloc begun = memtrace_realloc_begin(caller_at(0x300), old, size, 1);
    memtrace_realloc_end(begun, old, new, size, 1);
}

void test_realloc(void)
{
    ring_start_default();
    here.context = TASK(1);
    for (uintptr_t i = 1; i <= 3; i++) {
        reallocate(block_at(i), block_at(i + 100), 50 + i);
        struct reader reader = reader_open(memtrace_ring);
        uint64_t end = reader_last_sequence(&reader, MEMTRACE_REALLOC_END);
        struct seen begin = reader_last(&reader, MEMTRACE_REALLOC_BEGIN);
        struct seen seen = reader_last(&reader, MEMTRACE_REALLOC_END);
        CHECK(begin.address == (uintptr_t)block_at(i) && begin.size == 50 + i && begin.heap == 1);
        CHECK(seen.address == (uintptr_t)block_at(i + 100) && seen.size == 50 + i && seen.heap == 1);
        CHECK(seen.context == begin.context && seen.context >= MEMTRACE_CONTEXT_FIRST_TASK);
        CHECK(reader_link(&reader, end) == (int64_t)reader_last_sequence(&reader, MEMTRACE_REALLOC_BEGIN));
        CHECK(last_caller(MEMTRACE_REALLOC_BEGIN) == CODE + 0x300);
        reader_close(&reader);
    }
}

/* realloc(NULL, n) is an allocation, realloc(p, 0) a free; a library that gives a block for 0 bytes has allocated it. */
void test_realloc_of_nothing(void)
{
    ring_start_default();
    reallocate(NULL, block_at(7), 70);
    CHECK(last_of(MEMTRACE_ALLOC).address == (uintptr_t)block_at(7) && last_of(MEMTRACE_ALLOC).size == 70);
    CHECK(last_caller(MEMTRACE_ALLOC) == CODE + 0x300);
    reallocate(NULL, NULL, 71);
    CHECK(last_of(MEMTRACE_ALLOC_FAILED).size == 71);
    reallocate(block_at(7), NULL, 0);
    CHECK(last_of(MEMTRACE_FREE).address == (uintptr_t)block_at(7));
    struct reader reader = reader_open(memtrace_ring);
    CHECK(reader.issued == 3);
    reader_close(&reader);
    reallocate(block_at(8), block_at(9), 0);
    CHECK(last_of(MEMTRACE_FREE).address == (uintptr_t)block_at(8));
    CHECK(last_of(MEMTRACE_ALLOC).address == (uintptr_t)block_at(9) && last_of(MEMTRACE_ALLOC).size == 0);
}

void test_realloc_that_failed(void)
{
    ring_start_default();
    reallocate(block_at(1), NULL, 1000);
    struct seen seen = last_of(MEMTRACE_REALLOC_END);
    CHECK(seen.address == 0 && seen.size == 1000);
}

void test_mark(void)
{
    ring_start_default();
    memtrace_mark("boot done");
    memtrace_mark("a name of exactly 20");
    memtrace_mark("boot done");
    struct reader reader = reader_open(memtrace_ring);
    struct seen first;
    struct seen second;
    struct seen third;
    CHECK(reader.issued == 3 && reader_event(&reader, 0, &first) && reader_event(&reader, 1, &second));
    CHECK(reader_event(&reader, 2, &third) && first.address == third.address && first.address != second.address);
    const struct memtrace_name *name = reader_name(&reader, (uint32_t)first.address);
    CHECK(first.kind == MEMTRACE_MARK && name->kind == MEMTRACE_NAME_MARK && strcmp(name->text, "boot done") == 0);
    name = reader_name(&reader, (uint32_t)second.address);
    CHECK(memcmp(name->text, "a name of exactly 20", sizeof name->text) == 0);
    reader_close(&reader);
}

void test_control_events(void)
{
    ring_start_default();
    memtrace_stop();
    CHECK(last_of(MEMTRACE_CONTROL).address == MEMTRACE_STOPPED && memtrace_ring->state == MEMTRACE_STOPPED);
    memtrace_start();
    CHECK(last_of(MEMTRACE_CONTROL).address ==
          (MEMTRACE_STOPPED << MEMTRACE_CONTROL_BEFORE_SHIFT | MEMTRACE_RECORDING));
    CHECK(memtrace_ring->state == MEMTRACE_RECORDING);
    memtrace_frees_only();
    CHECK(last_of(MEMTRACE_CONTROL).address == MEMTRACE_FREES_ONLY && memtrace_ring->state == MEMTRACE_FREES_ONLY);
}

void test_size_capped(void)
{
    ring_start_default();
    size_t most = SIZE_MAX >> MEMTRACE_HEAP_BITS;
    CHECK(most >= 33u << 20); /* a block of 33 MB must fit */
    memtrace_alloc(caller_at(0x100), block_at(1), most, 5);
    CHECK(last_of(MEMTRACE_ALLOC).size == most && memtrace_ring->size_capped <= 1);
    uint32_t before = memtrace_ring->size_capped;
    memtrace_alloc(caller_at(0x100), block_at(1), most + 1, 5);
    CHECK(last_of(MEMTRACE_ALLOC).size == most && last_of(MEMTRACE_ALLOC).heap == 5);
    CHECK(memtrace_ring->size_capped == before + 1);
    memtrace_alloc(caller_at(0x100), block_at(1), SIZE_MAX, 0);
    CHECK(last_of(MEMTRACE_ALLOC).size == most && last_of(MEMTRACE_ALLOC).heap == 0);
}

void test_header(void)
{
    static const unsigned char magic[8] = {0x89, 'M', 'E', 'M', 'T', 'R', 'C', '\n'};
    ring_start_default();
    const struct memtrace_header *header = memtrace_ring;
    unsigned bits = 8u * header->pointer_size;
    CHECK(memcmp(header->magic, magic, sizeof magic) == 0 && header->byte_order == MEMTRACE_LITTLE);
    CHECK(header->pointer_size == sizeof(void *) && header->event_size == 4 * sizeof(void *));
    CHECK(header->version == 1 && header->header_size == sizeof *header && header->flags == 0);
    CHECK(header->arch == MEMTRACE_ARCH_X86 && header->abi == MEMTRACE_ABI_FRAME_POINTER);
    CHECK(header->size_bits + MEMTRACE_HEAP_BITS == bits);
    CHECK((unsigned)header->stack_bits + header->context_bits + MEMTRACE_TAG_BITS == bits);
    CHECK((unsigned)header->time_bits + header->seq_bits + header->core_bits + MEMTRACE_KIND_BITS == bits);
    CHECK(header->tick_hz == MEMTRACE_PORT_TICK_HZ && header->build_id[0] == 0xb1 && header->build_id[19] == 0xb1);
    CHECK(header->events.entry_size == header->event_size && header->names.entry_size == 32);
    CHECK(header->total_size <= RING_BYTES && header->total_size + header->event_size > RING_BYTES);
}

void test_cores(void)
{
    ring_start_default();
    for (unsigned core = 0; core < MEMTRACE_PORT_CORES; core++) {
        here.core = core;
        memtrace_alloc(caller_at(0x100), block_at(core), 1, 0);
        CHECK(last_of(MEMTRACE_ALLOC).core == core);
    }
    here.core = 0;
}
