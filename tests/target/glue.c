/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorder in front of the allocator, as a port has it: malloc and its family are ours, heap_caps_* are wrapped by the
 * linker (--wrap), and the allocator's sources know of neither. Each entry gives MEMTRACE_CALLER() of itself, so that the
 * first frame of every stack is the allocator's user.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "firmware.h"
#include "heap_caps.h"
#include "memtrace.h"

void *__real_heap_caps_malloc(size_t size, uint32_t caps);
void *__real_heap_caps_calloc(size_t count, size_t size, uint32_t caps);
void *__real_heap_caps_realloc(void *pointer, size_t size, uint32_t caps);
void __real_heap_caps_free(void *pointer);
void *__wrap_heap_caps_malloc(size_t size, uint32_t caps);
void *__wrap_heap_caps_calloc(size_t count, size_t size, uint32_t caps);
void *__wrap_heap_caps_realloc(void *pointer, size_t size, uint32_t caps);
void __wrap_heap_caps_free(void *pointer);

#ifdef MEMTRACE_TEST_BENCH
struct bench_sample bench_samples[BENCH_SAMPLES];
uint32_t bench_count;
uint8_t bench_depth;
uint32_t bench_overhead;
uint32_t bench_within;
uint32_t bench_counting;

void bench_note(uint32_t instructions, unsigned kind)
{
    if (bench_depth != 0 && bench_count < BENCH_SAMPLES) {
        bench_samples[bench_count] = (struct bench_sample){(uint16_t)instructions, (uint8_t)kind, bench_depth};
        bench_count++;
    }
}

/* Macros: they stand around statements, one around the recorder's call, the other around the allocator's. */
#ifdef MEMTRACE_TEST_BENCH_RTOS
#define MEASURED(kind, statement) statement
#define WITHIN(statement) \
    do { \
        uint32_t entered = board_instructions(); \
        statement; \
        bench_within += board_instructions() - entered; \
    } while (0)
#else
#define MEASURED(kind, statement) \
    do { \
        uint32_t before = board_instructions(); \
        statement; \
        bench_note(board_instructions() - before, kind); \
    } while (0)
#define WITHIN(statement) statement
#endif

void bench_calibrate(void)
{
    uint32_t before = board_instructions();
    bench_overhead = board_instructions() - before;
    before = board_instructions();
    WITHIN((void)before);
    uint32_t all = board_instructions() - before;
    bench_counting = all > bench_within + bench_overhead ? all - bench_within - bench_overhead : 0;
}
#else
#define MEASURED(kind, statement) statement
#define WITHIN(statement) statement
#endif

/* Inlined everywhere: the frame that MEMTRACE_CALLER() names must be the entry's own. */
#define GLUE static inline __attribute__((always_inline))

GLUE void *recorded_malloc(struct memtrace_caller caller, size_t size, uint32_t caps)
{
    void *pointer;
    unsigned heap;
    WITHIN(pointer = __real_heap_caps_malloc(size, caps); heap = heap_caps_number(pointer, caps));
    MEASURED(MEMTRACE_ALLOC, memtrace_alloc(caller, pointer, size, heap));
    return pointer;
}

GLUE void *recorded_calloc(struct memtrace_caller caller, size_t count, size_t size, uint32_t caps)
{
    void *pointer = __real_heap_caps_calloc(count, size, caps);
    unsigned heap = heap_caps_number(pointer, caps);
    size_t total;
    bool too_large = __builtin_mul_overflow(count, size, &total);
    MEASURED(MEMTRACE_ALLOC, memtrace_alloc(caller, pointer, too_large ? SIZE_MAX : total, heap));
    return pointer;
}

GLUE void *recorded_realloc(struct memtrace_caller caller, void *pointer, size_t size, uint32_t caps)
{
    struct memtrace_realloc begun;
    unsigned heap = heap_caps_number(pointer, caps);
    MEASURED(MEMTRACE_REALLOC_BEGIN, begun = memtrace_realloc_begin(caller, pointer, size, heap));
    void *result = __real_heap_caps_realloc(pointer, size, caps);
    heap = heap_caps_number(result, caps);
    MEASURED(MEMTRACE_REALLOC_END, memtrace_realloc_end(begun, pointer, result, size, heap));
    return result;
}

GLUE void recorded_free(struct memtrace_caller caller, void *pointer)
{
    unsigned heap;
    WITHIN(heap = heap_caps_number(pointer, 0));
    MEASURED(MEMTRACE_FREE, memtrace_free(caller, pointer, heap));
    WITHIN(__real_heap_caps_free(pointer));
}

void *__wrap_heap_caps_malloc(size_t size, uint32_t caps)
{
    return recorded_malloc(MEMTRACE_CALLER(), size, caps);
}

void *__wrap_heap_caps_calloc(size_t count, size_t size, uint32_t caps)
{
    return recorded_calloc(MEMTRACE_CALLER(), count, size, caps);
}

void *__wrap_heap_caps_realloc(void *pointer, size_t size, uint32_t caps)
{
    return recorded_realloc(MEMTRACE_CALLER(), pointer, size, caps);
}

void __wrap_heap_caps_free(void *pointer)
{
    recorded_free(MEMTRACE_CALLER(), pointer);
}

void *malloc(size_t size)
{
    return recorded_malloc(MEMTRACE_CALLER(), size, MALLOC_CAP_DEFAULT);
}

void *calloc(size_t count, size_t size)
{
    return recorded_calloc(MEMTRACE_CALLER(), count, size, MALLOC_CAP_DEFAULT);
}

void *realloc(void *pointer, size_t size)
{
    return recorded_realloc(MEMTRACE_CALLER(), pointer, size, MALLOC_CAP_DEFAULT);
}

void free(void *pointer)
{
    recorded_free(MEMTRACE_CALLER(), pointer);
}
