/* SPDX-License-Identifier: Apache-2.0
 *
 * The C library's allocator with the recorder in front: the linker calls these (-Wl,--wrap=malloc,...).
 */
#include <stddef.h>

#include "memtrace.h"

void *__real_malloc(size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void __wrap_free(void *block);

void *__wrap_malloc(size_t size)
{
    void *block = __real_malloc(size);
    memtrace_alloc(MEMTRACE_CALLER(), block, size, 0);
    return block;
}

void __wrap_free(void *block)
{
    memtrace_free(MEMTRACE_CALLER(), block, 0);
    __real_free(block);
}
