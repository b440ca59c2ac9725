/* SPDX-License-Identifier: Apache-2.0
 *
 * realloc of an array. reallocarray.wrap has the linker's option.
 */
#include "memtrace_wrap.h"

void *__real_reallocarray(void *block, size_t count, size_t size);
void *__wrap_reallocarray(void *block, size_t count, size_t size);

void *__wrap_reallocarray(void *block, size_t count, size_t size)
{
    if (memtrace_is_off())
        return __real_reallocarray(block, count, size);
    struct memtrace_wrap call;
    size_t bytes = memtrace_wrap_product(count, size);
    struct memtrace_realloc begun = memtrace_wrap_move(&call, MEMTRACE_CALLER(), block, bytes);
    return memtrace_wrap_moved(&call, begun, block, __real_reallocarray(block, count, size), bytes);
}
