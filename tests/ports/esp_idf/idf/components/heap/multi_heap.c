/* SPDX-License-Identifier: Apache-2.0
 *
 * multi_heap over tlsf.c. Its own check ends in abort(), without an assertion.
 */
#include <stdlib.h>

#include "heap_private.h"

#if CONFIG_HEAP_POISONING_DISABLED && !CONFIG_HEAP_TLSF_USE_ROM_IMPL
multi_heap_handle_t multi_heap_register(void *start, size_t size) __attribute__((alias("multi_heap_register_impl")));
void *multi_heap_malloc(multi_heap_handle_t heap, size_t size) __attribute__((alias("multi_heap_malloc_impl")));
void *multi_heap_realloc(multi_heap_handle_t heap, void *p, size_t size)
    __attribute__((alias("multi_heap_realloc_impl")));
void multi_heap_free(multi_heap_handle_t heap, void *p) __attribute__((alias("multi_heap_free_impl")));
#endif

static void assert_valid_block(multi_heap_handle_t heap, const void *p)
{
    if ((uintptr_t)p - (uintptr_t)heap->first >= heap->pool_size)
        abort();
}

multi_heap_handle_t multi_heap_register_impl(void *start, size_t size)
{
    multi_heap_handle_t heap = start;
    struct block *first = (struct block *)((uintptr_t)(heap + 1) + 15 & ~(uintptr_t)15) - 1;
    first = (struct block *)((uintptr_t)first + ((uintptr_t)first < (uintptr_t)(heap + 1) ? 16 : 0));
    *first = (struct block){NULL, (uint32_t)((uintptr_t)start + size - (uintptr_t)(first + 1)) & ~7u | 1u};
    *heap = (struct multi_heap_info){(uintptr_t)start, size, first};
    return heap;
}

void *multi_heap_malloc_impl(multi_heap_handle_t heap, size_t size)
{
    return tlsf_malloc(heap, size, 4, 0);
}

void *multi_heap_aligned_alloc_offs(multi_heap_handle_t heap, size_t size, size_t alignment, size_t offset)
{
    return tlsf_malloc(heap, size, alignment, offset);
}

void *multi_heap_realloc_impl(multi_heap_handle_t heap, void *p, size_t size)
{
    assert_valid_block(heap, p);
    return tlsf_realloc(heap, p, size);
}

void multi_heap_free_impl(multi_heap_handle_t heap, void *p)
{
    assert_valid_block(heap, p);
    tlsf_free(heap, p);
}

void multi_heap_get_info(multi_heap_handle_t heap, multi_heap_info_t *info)
{
    *info = (multi_heap_info_t){0};
    for (const struct block *block = heap->first; block != NULL; block = block->next) {
        size_t size = block->size & ~1u;
        info->total_blocks++;
        if ((block->size & 1u) == 0)
            continue;
        info->total_free_bytes += size;
        info->largest_free_block = size > info->largest_free_block ? size : info->largest_free_block;
    }
}

size_t multi_heap_get_allocated_size(multi_heap_handle_t heap, void *p)
{
    (void)heap;
    return tlsf_block_size(p);
}
