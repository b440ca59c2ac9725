/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks at rounder addresses. aligned.wrap has the linker's options.
 */
#include "memtrace_wrap.h"

void *__real_memalign(size_t alignment, size_t size);
void *__real_valloc(size_t size);
void *__real_pvalloc(size_t size);
void *__wrap_memalign(size_t alignment, size_t size);
void *__wrap_valloc(size_t size);
void *__wrap_pvalloc(size_t size);

void *__wrap_memalign(size_t alignment, size_t size)
{
    if (memtrace_is_off())
        return __real_memalign(alignment, size);
    struct memtrace_wrap call;
    memtrace_entry_seen(MEMTRACE_ENTRY_ALIGNED);
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real_memalign(alignment, size), size);
}

void *__wrap_valloc(size_t size)
{
    if (memtrace_is_off())
        return __real_valloc(size);
    struct memtrace_wrap call;
    memtrace_entry_seen(MEMTRACE_ENTRY_ALIGNED);
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real_valloc(size), size);
}

void *__wrap_pvalloc(size_t size)
{
    if (memtrace_is_off())
        return __real_pvalloc(size);
    struct memtrace_wrap call;
    memtrace_entry_seen(MEMTRACE_ENTRY_ALIGNED);
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real_pvalloc(size), size);
}
