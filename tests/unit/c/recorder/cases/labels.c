/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of heaps and modules, and the tags of events.
 */
#include <string.h>

#include "cases.h"
#include "reader.h"
#include "world.h"

/* The last entry of this kind for this number: its key and text; false: there is none. */
static bool label_of(unsigned kind, unsigned number, struct memtrace_name *found)
{
    struct reader reader = reader_open(memtrace_ring);
    bool any = false;
    for (uint32_t entry = MEMTRACE_CONTEXT_FIRST_TASK; entry < reader.header.names.count; entry++) {
        const struct memtrace_name *name = reader_name(&reader, entry);
        if (name->kind == kind && (name->key & 0xffu) == number) {
            *found = *name;
            any = true;
        }
    }
    reader_close(&reader);
    return any;
}

static unsigned names_used(void)
{
    struct reader reader = reader_open(memtrace_ring);
    uint32_t entry = MEMTRACE_CONTEXT_FIRST_TASK;
    while (entry < reader.header.names.count && reader_name(&reader, entry)->kind != MEMTRACE_NAME_NONE)
        entry++;
    reader_close(&reader);
    return entry;
}

void test_heap_names(void)
{
    struct memtrace_name name;
    CHECK(!memtrace_name_heap(1, "early", MEMTRACE_MEMORY_INTERNAL, 0));
    ring_start_default();
    CHECK(memtrace_name_heap(0, "DRAM", MEMTRACE_MEMORY_INTERNAL, 0x80000804u));
    CHECK(memtrace_name_heap(31, "a name of twenty lett", MEMTRACE_MEMORY_EXTERNAL, 0));
    for (unsigned again = 0; again < 3; again++)
        CHECK(memtrace_name_heap(0, "DRAM", MEMTRACE_MEMORY_INTERNAL, 0x80000804u));
    CHECK(names_used() == MEMTRACE_CONTEXT_FIRST_TASK + 2);
    CHECK(label_of(MEMTRACE_NAME_HEAP, 0, &name) && strcmp(name.text, "DRAM") == 0);
    CHECK(name.key >> MEMTRACE_KEY_MEMORY_SHIFT == ((uint64_t)0x80000804u << 24 | MEMTRACE_MEMORY_INTERNAL));
    CHECK(name.key >> MEMTRACE_KEY_CAPABILITIES_SHIFT == 0x80000804u);
    CHECK(label_of(MEMTRACE_NAME_HEAP, 31, &name) && memcmp(name.text, "a name of twenty let", 20) == 0);
    CHECK(name.key == (31u | MEMTRACE_MEMORY_EXTERNAL << MEMTRACE_KEY_MEMORY_SHIFT));
    CHECK(memtrace_name_heap(0, "internal", MEMTRACE_MEMORY_INTERNAL, 0));
    CHECK(label_of(MEMTRACE_NAME_HEAP, 0, &name) && strcmp(name.text, "internal") == 0);
}

void test_tag_names(void)
{
    struct memtrace_name name;
    CHECK(!memtrace_name_tag(1, "early"));
    ring_start_default();
    CHECK(memtrace_name_tag(7, "network") && memtrace_name_tag(255, NULL) && memtrace_name_tag(7, "network"));
    CHECK(memtrace_name_heap(7, "network", MEMTRACE_MEMORY_UNKNOWN, 0)); /* a heap may be called as a module is */
    memtrace_mark("network");
    CHECK(names_used() == MEMTRACE_CONTEXT_FIRST_TASK + 4);
    CHECK(label_of(MEMTRACE_NAME_TAG, 7, &name) && strcmp(name.text, "network") == 0 && name.key == 7);
    CHECK(label_of(MEMTRACE_NAME_TAG, 255, &name) && name.text[0] == '\0' && !label_of(MEMTRACE_NAME_TAG, 8, &name));
}

void test_names_of_numbers_full(void)
{
    struct memtrace_config config = {.names = 5};
    struct memtrace_name name;
    CHECK(ring_start(RING_BYTES, &config) != NULL);
    CHECK(memtrace_name_tag(1, "one") && memtrace_name_heap(2, "two", MEMTRACE_MEMORY_HOST, 0x77u));
    CHECK(!memtrace_name_heap(3, "three", MEMTRACE_MEMORY_HOST, 0x77u) && memtrace_ring->names_full == 1);
    CHECK(memtrace_name_tag(1, "one") && !label_of(MEMTRACE_NAME_HEAP, 3, &name));
    struct reader reader = reader_open(memtrace_ring);
    CHECK(reader_name(&reader, MEMTRACE_CONTEXT_OTHER)->key == 0 || MEMTRACE_QUICK);
    CHECK((uint32_t)(reader_name(&reader, MEMTRACE_CONTEXT_OTHER)->key >> 32) != 0x77u);
    reader_close(&reader);
}

/* A port may number its tasks: one that ends takes no module's or heap's name along. */
void test_no_task_is_a_number(void)
{
    struct memtrace_name name;
    ring_start_default();
    CHECK(memtrace_name_tag(7, "network") && memtrace_name_heap(9, "pool", MEMTRACE_MEMORY_UNKNOWN, 0));
    memtrace_task_deleted(7);
    memtrace_task_deleted(9);
    CHECK(label_of(MEMTRACE_NAME_TAG, 7, &name) && label_of(MEMTRACE_NAME_HEAP, 9, &name));
}

#if MEMTRACE_TAGS

/* The tag of what is recorded now, again and again from one place: by the slow way first, then by the quick one. */
static unsigned tag_now(void)
{
    unsigned tag = 0;
    for (unsigned again = 0; again < 3; again++) {
        memtrace_alloc(caller_at(0x100), block_at(1), 1, 0);
        struct reader reader = reader_open(memtrace_ring);
        struct seen seen = reader_last(&reader, MEMTRACE_ALLOC);
        CHECK(again == 0 || seen.tag == tag);
        CHECK(seen.stack != 0 && (here.context <= 1 || seen.context >= MEMTRACE_CONTEXT_FIRST_TASK));
        tag = seen.tag;
        reader_close(&reader);
    }
    return tag;
}

/* Every kind of event that a module causes has its tag, the live table's entry, too. */
void test_tags(void)
{
    struct memtrace_config config = {.live = 64};
    CHECK(memtrace_tag(3) == 0 && ring_start(RING_BYTES, &config) != NULL);
    CHECK(tag_now() == 0 && memtrace_tag(3) == 0 && tag_now() == 3 && memtrace_tag(255) == 3 && tag_now() == 255);
    memtrace_alloc(caller_at(0x100), NULL, 9, 0);
    struct memtrace_realloc begun = memtrace_realloc_begin(caller_at(0x300), block_at(1), 77, 1);
    CHECK(memtrace_tag(4) == 255);
    memtrace_realloc_end(begun, block_at(1), block_at(2), 77, 1); /* of the module that began it */
    memtrace_free(caller_at(0x200), block_at(3), 0);
    struct reader reader = reader_open(memtrace_ring);
    CHECK(reader_last(&reader, MEMTRACE_ALLOC_FAILED).tag == 255);
    CHECK(reader_last(&reader, MEMTRACE_REALLOC_BEGIN).tag == 255 &&
          reader_last(&reader, MEMTRACE_REALLOC_END).tag == 255);
    CHECK(reader_last(&reader, MEMTRACE_FREE).tag == 4);
    CHECK(reader_link(&reader, reader_last_sequence(&reader, MEMTRACE_REALLOC_END)) >= 0);
    struct seen seen;
    uint32_t sequence = 0;
    bool moving = false;
    if (MEMTRACE_LIVE) {
        CHECK(reader_live(&reader, (uintptr_t)block_at(2), &seen, &sequence, &moving) && seen.tag == 255);
    }
    reader_close(&reader);
    CHECK(memtrace_tag(0) == 4 && tag_now() == 0);
}

/* Each task has its own, and keeps it while others run; who gets a deleted one's entry begins without one. */
void test_tags_of_tasks(void)
{
    ring_start_default();
    for (unsigned task = 1; task <= 5; task++) {
        here.context = TASK(task);
        CHECK(memtrace_tag(10 + task) == 0);
    }
    for (unsigned task = 1; task <= 5; task++) {
        here.context = TASK(task);
        CHECK(tag_now() == 10 + task && memtrace_tag(10 + task) == 10 + task);
    }
    memtrace_task_deleted(TASK(5));
    CHECK(tag_now() == 0 && memtrace_tag(1) == 0);
    here.context = 0;
    CHECK(tag_now() == 0);
}

/* What stands for several of which one may interrupt another has none. */
void test_tags_in_interrupts(void)
{
    struct memtrace_config config = {.names = 4};
    CHECK(ring_start(RING_BYTES, &config) != NULL);
    here.context = 1;
    CHECK(memtrace_tag(3) == 0 && tag_now() == 0 && memtrace_tag(4) == 0);
    here.context = TASK(1);
    CHECK(memtrace_tag(3) == 0 && tag_now() == 3);
    here.context = TASK(2); /* finds the names full */
    CHECK(memtrace_tag(4) == 0 && memtrace_tag(4) == 0);
    here.context = TASK(1);
    CHECK(tag_now() == 3);
    here.context = 0;
}

#endif
