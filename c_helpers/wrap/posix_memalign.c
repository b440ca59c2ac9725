/* SPDX-License-Identifier: Apache-2.0
 *
 * POSIX's way to a block at a rounder address, which newlib has not. posix_memalign.wrap has the linker's option.
 */
#include "memtrace_wrap.h"

int __real_posix_memalign(void **block, size_t alignment, size_t size);
int __wrap_posix_memalign(void **block, size_t alignment, size_t size);

/* What stands in *block after a failure is anybody's. */
int __wrap_posix_memalign(void **block, size_t alignment, size_t size)
{
    struct memtrace_wrap call;
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    int error = __real_posix_memalign(block, alignment, size);
    (void)memtrace_wrap_got(&call, error == 0 ? *block : NULL, size);
    return error;
}
