/* SPDX-License-Identifier: Apache-2.0 */
#include "heap_trace.h"

#include <string.h>

#include "board.h"

#define COPIED offsetof(heap_trace_record_t, RECORD_LINK)
#if IDF_FORM == 51
#define RECORD_LINK tailq
#elif IDF_LISTED
#define RECORD_LINK tailq_list
#endif

#if IDF_FORM >= 54
typedef enum { TRACING_STARTED, TRACING_STOPPED, TRACING_ALLOC_PAUSED, TRACING_UNKNOWN } tracing_state_t;
static tracing_state_t tracing = TRACING_UNKNOWN;
#define TAKES_ALLOCATIONS (tracing == TRACING_STARTED)
#define TAKES_FREES (tracing == TRACING_STARTED || tracing == TRACING_ALLOC_PAUSED)
#else
static bool tracing;
#define TAKES_ALLOCATIONS tracing
#define TAKES_FREES tracing
#define TRACING_STARTED true
#define TRACING_STOPPED false
#define TRACING_ALLOC_PAUSED false
#endif

static heap_trace_mode_t mode;
static size_t total_allocations;
static size_t total_frees;

#if IDF_FORM == 44
static heap_trace_record_t *buffer;
static size_t total_records;
static size_t count;
static bool has_overflowed;
#define BOOK(name) name
#define capacity total_records
#else
struct record_list {
    heap_trace_record_t *tqh_first;
    heap_trace_record_t **tqh_last;
};

typedef struct {
    heap_trace_record_t *buffer;
#if IDF_LISTED
    struct record_list list;
    struct record_list unused;
#endif
    size_t capacity;
    size_t count;
    size_t high_water_mark;
    bool has_overflowed;
} records_t;

static records_t records;
#define BOOK(name) records.name
#endif

/* The first frame is the caller of the wrap: reader, recorder and wrap are left out. */
#ifdef __XTENSA__
#pragma GCC diagnostic ignored "-Wframe-address"
extern const char board_code_start[];
extern const char board_code_end[];

#define FRAME(number) \
    do { \
        const char *place = __builtin_return_address(number + 2); \
        if (number >= IDF_DEPTH || place < board_code_start || place >= board_code_end) { \
            return; \
        } \
        callers[number] = (void *)(uintptr_t)place; \
    } while (0)

static __attribute__((noipa)) void stack_read(void **callers)
{
    FRAME(0);
    FRAME(1);
    FRAME(2);
    FRAME(3);
    FRAME(4);
    FRAME(5);
}
#else
static __attribute__((noipa)) void stack_read(void **callers)
{
    uintptr_t *frame = __builtin_frame_address(0);
    const struct board_running *bounds = &board_running[board_core()];
    for (int i = -2; i < IDF_DEPTH && (uintptr_t)frame > bounds->low && (uintptr_t)frame < bounds->high; i++) {
        if (i >= 0) {
            callers[i] = (void *)frame[-1];
        }
        frame = (uintptr_t *)frame[-2];
    }
}
#endif

#if IDF_LISTED
static void list_append(struct record_list *list, heap_trace_record_t *record)
{
    record->RECORD_LINK.tqe_next = NULL;
    record->RECORD_LINK.tqe_prev = list->tqh_last;
    *list->tqh_last = record;
    list->tqh_last = &record->RECORD_LINK.tqe_next;
}

static void list_remove(struct record_list *list, heap_trace_record_t *record)
{
    if (record->RECORD_LINK.tqe_next != NULL) {
        record->RECORD_LINK.tqe_next->RECORD_LINK.tqe_prev = record->RECORD_LINK.tqe_prev;
    } else {
        list->tqh_last = record->RECORD_LINK.tqe_prev;
    }
    *record->RECORD_LINK.tqe_prev = record->RECORD_LINK.tqe_next;
}

static void books_open(void)
{
    records.list = (struct record_list){NULL, &records.list.tqh_first};
    records.unused = (struct record_list){NULL, &records.unused.tqh_first};
    for (size_t i = 0; i < records.capacity; i++) {
        list_append(&records.unused, &records.buffer[i]);
    }
}

static void record_drop(heap_trace_record_t *record)
{
    list_remove(&records.list, record);
    record->address = NULL;
    record->size = 0;
    record->RECORD_LINK.tqe_next = records.unused.tqh_first; /* last freed, first used: places tell no order */
    record->RECORD_LINK.tqe_prev = &records.unused.tqh_first;
    if (records.unused.tqh_first != NULL) {
        records.unused.tqh_first->RECORD_LINK.tqe_prev = &record->RECORD_LINK.tqe_next;
    } else {
        records.unused.tqh_last = &record->RECORD_LINK.tqe_next;
    }
    records.unused.tqh_first = record;
    records.count--;
}

static void record_drop_oldest(void)
{
    record_drop(records.list.tqh_first);
}

static void record_append(const heap_trace_record_t *record)
{
    heap_trace_record_t *place = records.unused.tqh_first;
    list_remove(&records.unused, place);
    memcpy(place, record, COPIED);
    list_append(&records.list, place);
    records.count++;
}

/* With a hash map of queues the oldest record of an address is met first, else the newest. */
static heap_trace_record_t *record_find(const void *address)
{
    heap_trace_record_t *found = NULL;
    for (heap_trace_record_t *record = records.list.tqh_first; record != NULL; record = record->RECORD_LINK.tqe_next) {
        if (record->address == address && (found == NULL || IDF_FORM != 51)) {
            found = record;
        }
    }
    return found;
}
#else
static void books_open(void)
{
}

static void record_drop(heap_trace_record_t *record)
{
    size_t behind = (size_t)(&BOOK(buffer)[BOOK(count)] - record) - 1;
    memmove(record, record + 1, behind * sizeof *record);
    BOOK(count)--;
}

static void record_drop_oldest(void)
{
    record_drop(BOOK(buffer));
}

static void record_append(const heap_trace_record_t *record)
{
    BOOK(buffer)[BOOK(count)] = *record;
    BOOK(count)++;
}

static heap_trace_record_t *record_find(const void *address)
{
    for (size_t i = BOOK(count); i > 0; i--) {
        if (BOOK(buffer)[i - 1].address == address) {
            return &BOOK(buffer)[i - 1];
        }
    }
    return NULL;
}
#endif

void heap_trace_init_standalone(heap_trace_record_t *place, size_t number)
{
    BOOK(buffer) = place;
    BOOK(capacity) = number;
}

void heap_trace_start(heap_trace_mode_t wanted)
{
    mode = wanted;
    memset(BOOK(buffer), 0, BOOK(capacity) * sizeof *BOOK(buffer));
    BOOK(count) = 0;
    BOOK(has_overflowed) = false;
    total_allocations = 0;
    total_frees = 0;
    books_open();
    tracing = TRACING_STARTED;
}

void heap_trace_stop(void)
{
    tracing = TRACING_STOPPED;
}

void heap_trace_alloc_pause(void)
{
    tracing = TRACING_ALLOC_PAUSED;
}

bool heap_trace_overflowed(size_t *frees)
{
    *frees = total_frees;
    return BOOK(has_overflowed);
}

void heap_trace_record_alloc(void *address, size_t size)
{
    heap_trace_record_t record = {.ccount = board_time() & ~3u, .address = address, .size = size};
    if (!TAKES_ALLOCATIONS || address == NULL) {
        return;
    }
    stack_read(record.alloced_by);
    if (BOOK(count) == BOOK(capacity)) {
        BOOK(has_overflowed) = true;
        record_drop_oldest();
    }
    record_append(&record);
    total_allocations++;
}

void heap_trace_record_free(void *address)
{
    heap_trace_record_t *record = NULL;
    if (!TAKES_FREES || address == NULL) {
        return;
    }
    total_frees++;
    record = record_find(address);
    if (record == NULL) {
        return;
    }
    if (mode == HEAP_TRACE_LEAKS) {
        record_drop(record);
        return;
    }
    memset(record->freed_by, 0, sizeof record->freed_by);
    stack_read(record->freed_by);
#if IDF_FORM >= 55
    record->freed = true;
#endif
}
