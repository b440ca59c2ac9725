/* SPDX-License-Identifier: Apache-2.0
 *
 * C's four. malloc.wrap has the linker's options.
 */
#include "memtrace_wrap.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void __wrap_free(void *block);

void *__wrap_malloc(size_t size)
{
    if (memtrace_is_off())
        return __real_malloc(size);
    struct memtrace_wrap call;
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real_malloc(size), size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    if (memtrace_is_off())
        return __real_calloc(count, size);
    struct memtrace_wrap call;
    memtrace_entry_seen(MEMTRACE_ENTRY_CALLOC);
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real_calloc(count, size), memtrace_wrap_product(count, size));
}

void *__wrap_realloc(void *block, size_t size)
{
    if (memtrace_is_off())
        return __real_realloc(block, size);
    struct memtrace_wrap call;
    struct memtrace_realloc begun = memtrace_wrap_move(&call, MEMTRACE_CALLER(), block, size);
    return memtrace_wrap_moved(&call, begun, block, __real_realloc(block, size), size);
}

void __wrap_free(void *block)
{
    if (memtrace_is_off()) {
        __real_free(block);
        return;
    }
    struct memtrace_wrap call;
    memtrace_wrap_give(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR, block);
    __real_free(block);
    memtrace_wrap_end(&call);
}
