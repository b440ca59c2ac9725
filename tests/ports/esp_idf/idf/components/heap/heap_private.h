/* SPDX-License-Identifier: Apache-2.0
 *
 * A heap component as IDF's: the same functions, which call each other across the same files and end in the same assertions. How a
 * block is found is its own: a list of blocks.
 */
#ifndef HEAP_PRIVATE_H
#define HEAP_PRIVATE_H

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "esp_heap_caps.h"
#include "esp_idf_version.h"
#include "heap_memory_layout.h"
#include "multi_heap.h"
#include "sdkconfig.h"

typedef struct {
    uint32_t caps;
    uintptr_t start, end;
    multi_heap_handle_t heap;
} heap_t;

#define HEAPS_MOST 8
extern heap_t registered_heaps[HEAPS_MOST];
extern unsigned registered_heaps_used;

/* From 5.1 on the base functions are in a file of their own; before, they are static in heap_caps.c, which includes it. */
#if ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(5, 1, 0)
#define BASE __attribute__((noinline))
BASE void *heap_caps_malloc_base(size_t size, uint32_t caps);
BASE void *heap_caps_aligned_alloc_base(size_t alignment, size_t size, uint32_t caps);
BASE void *heap_caps_realloc_base(void *ptr, size_t size, uint32_t caps);
BASE void *heap_caps_calloc_base(size_t n, size_t size, uint32_t caps);
#else
#define BASE static __attribute__((noinline))
#endif

void heap_caps_init(void);
void *heap_caps_malloc_default(size_t size);
void *heap_caps_realloc_default(void *ptr, size_t size);
void *heap_caps_aligned_alloc_default(size_t alignment, size_t size);

/* What a heap is made of: multi_heap.c, or the ROM. */
multi_heap_handle_t multi_heap_register_impl(void *start, size_t size);
void *multi_heap_malloc_impl(multi_heap_handle_t heap, size_t size);
void *multi_heap_realloc_impl(multi_heap_handle_t heap, void *p, size_t size);
void multi_heap_free_impl(multi_heap_handle_t heap, void *p);
void *tlsf_malloc(multi_heap_handle_t heap, size_t size, size_t alignment, size_t offset);
void tlsf_free(multi_heap_handle_t heap, void *p);
void *tlsf_realloc(multi_heap_handle_t heap, void *p, size_t size);
size_t tlsf_block_size(const void *p);

struct block {
    struct block *next; /* by address */
    uint32_t size;      /* of the payload; bit 0: free */
};

struct multi_heap_info {
    uintptr_t start;
    size_t pool_size;
    struct block *first;
};

#endif
