/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MULTI_HEAP_H
#define MULTI_HEAP_H

#include <stddef.h>

typedef struct multi_heap_info *multi_heap_handle_t;

typedef struct {
    size_t total_free_bytes, total_allocated_bytes, largest_free_block, minimum_free_bytes;
    size_t allocated_blocks, free_blocks, total_blocks;
} multi_heap_info_t;

multi_heap_handle_t multi_heap_register(void *start, size_t size);
void *multi_heap_malloc(multi_heap_handle_t heap, size_t size);
void *multi_heap_aligned_alloc_offs(multi_heap_handle_t heap, size_t size, size_t alignment, size_t offset);
void *multi_heap_realloc(multi_heap_handle_t heap, void *p, size_t size);
void multi_heap_free(multi_heap_handle_t heap, void *p);
size_t multi_heap_get_allocated_size(multi_heap_handle_t heap, void *p);
void multi_heap_get_info(multi_heap_handle_t heap, multi_heap_info_t *info);

#endif
