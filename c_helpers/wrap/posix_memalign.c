/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks at rounder addresses as POSIX and C11 ask for them. posix_memalign.wrap has the linker's options. newlib has no posix_memalign,
 * and its aligned_alloc calls one that the program must have.
 */
#include "memtrace_wrap.h"

void *__real_aligned_alloc(size_t alignment, size_t size);
int __real_posix_memalign(void **block, size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int __wrap_posix_memalign(void **block, size_t alignment, size_t size);

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    if (memtrace_is_off())
        return __real_aligned_alloc(alignment, size);
    struct memtrace_wrap call;
    memtrace_entry_seen(MEMTRACE_ENTRY_ALIGNED);
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real_aligned_alloc(alignment, size), size);
}

/* What stands in *block after a failure is anybody's. */
int __wrap_posix_memalign(void **block, size_t alignment, size_t size)
{
    if (memtrace_is_off())
        return __real_posix_memalign(block, alignment, size);
    struct memtrace_wrap call;
    memtrace_entry_seen(MEMTRACE_ENTRY_ALIGNED);
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    int error = __real_posix_memalign(block, alignment, size);
    (void)memtrace_wrap_got(&call, error == 0 ? *block : NULL, size);
    return error;
}
