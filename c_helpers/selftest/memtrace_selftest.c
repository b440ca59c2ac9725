/* SPDX-License-Identifier: Apache-2.0
 *
 * The self-test of the hooks. memtrace_selftest.h says how it is used.
 *
 * Approach: each entry is called by a function of its own, and what was recorded meanwhile is read as a reader of the ring does. A hook
 * works if just one event there is the entry's: of its kind, for that block, of the size that was asked for, and called by
 * that function. An entry that calls another one which has a hook is told apart by the caller.
 * Rejected: the bits of header.entries alone (a hook with the wrong size, or one frame too deep, sets them, too).
 * Cost: 1.5 KiB of code, 200 bytes of stack; two events an entry.
 * Assumptions: other tasks record fewer events meanwhile than the ring has room for. A function of this file has less than 256 bytes.
 */
#include "memtrace_selftest.h"

#include <stdlib.h>

#include "../sinks/ring_view.h"

#ifndef MEMTRACE_SELFTEST_ALLOC
#define MEMTRACE_SELFTEST_ALLOC(size) malloc(size)
#endif
#ifndef MEMTRACE_SELFTEST_FREE
#define MEMTRACE_SELFTEST_FREE(block) free(block)
#endif
#ifndef MEMTRACE_SELFTEST_CALLOC
#define MEMTRACE_SELFTEST_CALLOC(count, size) calloc(count, size)
#endif
#ifndef MEMTRACE_SELFTEST_REALLOC
#define MEMTRACE_SELFTEST_REALLOC(block, size) realloc(block, size)
#endif
#ifndef MEMTRACE_SELFTEST_ALIGNED
#define MEMTRACE_SELFTEST_ALIGNED(alignment, size) MEMTRACE_SELFTEST_NONE
#endif
#ifndef MEMTRACE_SELFTEST_FREES
#define MEMTRACE_SELFTEST_FREES 1
#endif
#ifndef MEMTRACE_SELFTEST_ASSERT
#define MEMTRACE_SELFTEST_ASSERT 0
#endif

#ifndef MEMTRACE_SELFTEST_ASSERT_TEXT
#define MEMTRACE_SELFTEST_ASSERT_TEXT "the allocator was compiled without memtrace_tlsf_assert.h"
#endif
#ifndef MEMTRACE_SELFTEST_ROUNDING
#define MEMTRACE_SELFTEST_ROUNDING 0u
#endif

#define FUNCTION_BYTES 256u

enum { SIZE = MEMTRACE_SELFTEST_SIZE, PARTS = 3, PART = 21, ALIGNMENT = 32, GROWN = 93 };

static char none;
void *const memtrace_selftest_none = &none;

/* Called by its address, and the statement behind each call keeps its frame: its code is the caller. */
#define ENTRY __attribute__((noinline)) static
#define KEEP(block) __asm__ volatile("" : "+r"(block) : : "memory")

ENTRY void *block_alloc(void *unused)
{
    (void)unused;
    void *block = MEMTRACE_SELFTEST_ALLOC(SIZE);
    KEEP(block);
    return block;
}

ENTRY void *block_calloc(void *unused)
{
    (void)unused;
    void *block = MEMTRACE_SELFTEST_CALLOC(PARTS, PART);
    KEEP(block);
    return block;
}

ENTRY void *block_align(void *unused)
{
    (void)unused;
    void *block = MEMTRACE_SELFTEST_ALIGNED(ALIGNMENT, SIZE);
    KEEP(block);
    return block;
}

ENTRY void *block_grow(void *block)
{
    (void)block;
    block = MEMTRACE_SELFTEST_REALLOC(block, GROWN);
    KEEP(block);
    return block;
}

ENTRY void *block_free(void *block)
{
    MEMTRACE_SELFTEST_FREE(block);
    __asm__ volatile("" : : : "memory");
    return NULL;
}

__attribute__((weak)) void *memtrace_selftest_new(void *unused);
__attribute__((weak)) void *memtrace_selftest_delete(void *block);

__attribute__((weak)) void memtrace_tlsf_assertion(struct memtrace_caller caller, const char *text, unsigned line,
                                                   const char *function);

/* Where the events of a call begin. */
struct watch {
    struct view view;
    struct place from;
};

static struct watch watch_begin(void)
{
    struct watch watch = {.view = view_of(memtrace_ring)};
    watch.from = place_of(&watch.view, view_issued(&watch.view));
    return watch;
}

/* Is the event's caller this function? One whose stack found no room in the table is taken to be. */
static bool is_called_by(const struct view *view, const struct fields *fields, uintptr_t function)
{
    const memtrace_word *pcs = NULL;
    unsigned depth = stack_pcs(view, fields->stack, &pcs);
    return depth == 0 || frame_code((uintptr_t)pcs[0]) - function < FUNCTION_BYTES;
}

/* Was this recorded since, once? */
static bool is_recorded(const struct watch *watch, enum memtrace_kind kind, const void *block, size_t size,
                        uintptr_t function)
{
    uint64_t end = view_issued(&watch->view);
    unsigned count = 0;
    bool fits = false;
    for (struct place place = watch->from; place.number < end; place = place_next(&watch->view, place)) {
        struct fields fields;
        if (slot_read(&watch->view, place, &fields) != SLOT_EVENT || fields.kind != kind ||
            fields.address != (uintptr_t)block)
            continue;
        count++;
        fits = (fields.size_heap & SIZE_MAX_RECORDED) - size <= MEMTRACE_SELFTEST_ROUNDING &&
               is_called_by(&watch->view, &fields, function);
    }
    return count == 1 && fits;
}

/* The address at which a function's code begins; Arm's pointers to functions are odd. */
static uintptr_t code_of(void *(*function)(void *))
{
    return (uintptr_t)function & ~(uintptr_t)1;
}

/* Calls one entry: an allocation of `size` bytes, or (0) a free. What it missed is added to `missing`. An allocation that fails tells
 * nothing. */
static void *entry_call(void *(*function)(void *), void *block, size_t size, enum memtrace_entry entry,
                        uint32_t *missing)
{
    struct watch watch = watch_begin();
    void *got = function(block);
    enum memtrace_kind kind = entry == MEMTRACE_ENTRY_REALLOC ? MEMTRACE_REALLOC_BEGIN : MEMTRACE_ALLOC;
    const void *told = entry == MEMTRACE_ENTRY_REALLOC ? block : got;
    if (size == 0) {
        kind = MEMTRACE_FREE;
        told = block;
    } else if (got == memtrace_selftest_none || got == NULL) {
        return NULL;
    }
    if (!is_recorded(&watch, kind, told, size, code_of(function)))
        *missing |= entry;
    return got;
}

/* An entry that gives a block, and then the block back, which has been tested. */
static void entry_try(void *(*function)(void *), enum memtrace_entry entry, size_t size, uint32_t *missing)
{
    void *block = entry_call(function, NULL, size, entry, missing);
    if (block != NULL && MEMTRACE_SELFTEST_FREES)
        (void)block_free(block);
}

static void realloc_try(uint32_t *missing)
{
    void *block = block_alloc(NULL);
    void *grown = block != NULL ? entry_call(block_grow, block, GROWN, MEMTRACE_ENTRY_REALLOC, missing) : NULL;
    if (MEMTRACE_SELFTEST_FREES)
        (void)block_free(grown != NULL ? grown : block);
}

uint32_t memtrace_selftest(void)
{
    uint32_t missing = 0;
    if (memtrace_ring == NULL || u32_load(&memtrace_ring->request) != 0)
        return MEMTRACE_SELFTEST_OFF;
    void *block = entry_call(block_alloc, NULL, SIZE, MEMTRACE_ENTRY_ALLOC, &missing);
    if (block != NULL && MEMTRACE_SELFTEST_FREES)
        (void)entry_call(block_free, block, 0, MEMTRACE_ENTRY_FREE, &missing);
    entry_try(block_calloc, MEMTRACE_ENTRY_CALLOC, (size_t)PARTS * PART, &missing);
    entry_try(block_align, MEMTRACE_ENTRY_ALIGNED, SIZE, &missing);
    realloc_try(&missing);
    if (memtrace_selftest_new != NULL) {
        block = entry_call(memtrace_selftest_new, NULL, SIZE, MEMTRACE_ENTRY_NEW, &missing);
        (void)entry_call(memtrace_selftest_delete, block, 0, MEMTRACE_ENTRY_NEW, &missing);
    }
    if (MEMTRACE_SELFTEST_ASSERT && memtrace_tlsf_assertion == NULL)
        missing |= MEMTRACE_ENTRY_ASSERT;
    return missing;
}

const char *memtrace_selftest_text(uint32_t missing)
{
    static const struct {
        uint32_t bit;
        const char *text;
    } texts[] = {
        {MEMTRACE_SELFTEST_OFF, "the hooks were not tested: the recorder is off, or a filter keeps something out"},
        {MEMTRACE_ENTRY_ALLOC, "the hook of malloc is missing or wrong"},
        {MEMTRACE_ENTRY_FREE, "the hook of free is missing or wrong"},
        {MEMTRACE_ENTRY_REALLOC, "the hook of realloc is missing or wrong"},
        {MEMTRACE_ENTRY_CALLOC, "the hook of calloc is missing or wrong"},
        {MEMTRACE_ENTRY_ALIGNED, "the hook of aligned allocations is missing or wrong"},
        {MEMTRACE_ENTRY_NEW, "the hook of operator new or delete is missing or wrong"},
        {MEMTRACE_ENTRY_ASSERT, MEMTRACE_SELFTEST_ASSERT_TEXT},
    };
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if ((missing & texts[i].bit) != 0)
            return texts[i].text;
    }
    return "every hook works";
}
