/* SPDX-License-Identifier: Apache-2.0
 *
 * CONFIG_MEMTRACE_USAGE_ONLY: how much each heap holds and held at most, without a ring.
 *
 * Approach: wrappers of what heap_caps calls of multi_heap, which is once for each block; a heap's number is its module's
 * (memtrace_usage.h), its name is the chip's.
 * Cost: 44 bytes of RAM a module, two look-ups of the block's size an allocation and its free.
 */
#include "memtrace_esp_idf.h"
#include "memtrace_port.h"
#include "memtrace_usage.h"
#include "multi_heap.h"

void *__real_multi_heap_malloc(multi_heap_handle_t heap, size_t size);
void *__real_multi_heap_aligned_alloc(multi_heap_handle_t heap, size_t size, size_t alignment);
void *__real_multi_heap_aligned_alloc_offs(multi_heap_handle_t heap, size_t size, size_t alignment, size_t offset);
void *__real_multi_heap_realloc(multi_heap_handle_t heap, void *block, size_t size);
void __real_multi_heap_free(multi_heap_handle_t heap, void *block);
void *__wrap_multi_heap_malloc(multi_heap_handle_t heap, size_t size);
void *__wrap_multi_heap_aligned_alloc(multi_heap_handle_t heap, size_t size, size_t alignment);
void *__wrap_multi_heap_aligned_alloc_offs(multi_heap_handle_t heap, size_t size, size_t alignment, size_t offset);
void *__wrap_multi_heap_realloc(multi_heap_handle_t heap, void *block, size_t size);
void __wrap_multi_heap_free(multi_heap_handle_t heap, void *block);

static void *got(multi_heap_handle_t heap, void *block)
{
    if (block != NULL)
        memtrace_usage_alloc(memtrace_port_heap(block), multi_heap_get_allocated_size(heap, block));
    return block;
}

void *__wrap_multi_heap_malloc(multi_heap_handle_t heap, size_t size)
{
    return got(heap, __real_multi_heap_malloc(heap, size));
}

void *__wrap_multi_heap_aligned_alloc(multi_heap_handle_t heap, size_t size, size_t alignment)
{
    return got(heap, __real_multi_heap_aligned_alloc(heap, size, alignment));
}

void *__wrap_multi_heap_aligned_alloc_offs(multi_heap_handle_t heap, size_t size, size_t alignment, size_t offset)
{
    return got(heap, __real_multi_heap_aligned_alloc_offs(heap, size, alignment, offset));
}

void *__wrap_multi_heap_realloc(multi_heap_handle_t heap, void *block, size_t size)
{
    size_t before = block != NULL ? multi_heap_get_allocated_size(heap, block) : 0;
    void *moved = __real_multi_heap_realloc(heap, block, size);
    if (before != 0 && (moved != NULL || size == 0))
        memtrace_usage_free(memtrace_port_heap(block), before);
    return got(heap, moved);
}

void __wrap_multi_heap_free(multi_heap_handle_t heap, void *block)
{
    if (block != NULL)
        memtrace_usage_free(memtrace_port_heap(block), multi_heap_get_allocated_size(heap, block));
    __real_multi_heap_free(heap, block);
}
