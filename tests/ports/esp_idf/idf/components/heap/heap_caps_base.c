/* SPDX-License-Identifier: Apache-2.0 */
#include "heap_private.h"
#include "soc/soc_memory_layout.h"

static heap_t *find_containing_heap(uintptr_t p)
{
    for (unsigned i = 0; i < registered_heaps_used; i++) {
        if (p >= registered_heaps[i].start && p < registered_heaps[i].end)
            return &registered_heaps[i];
    }
    return NULL;
}

BASE void *heap_caps_aligned_alloc_base(size_t alignment, size_t size, uint32_t caps)
{
    bool exec = (caps & MALLOC_CAP_EXEC) != 0;
    if (size == 0 || size > 0x1000000)
        return NULL;
    for (unsigned i = 0; i < registered_heaps_used; i++) {
        heap_t *heap = &registered_heaps[i];
        if ((heap->caps & caps) != caps)
            continue;
        char *found = alignment <= 4 ? multi_heap_malloc(heap->heap, size + (exec ? 4 : 0))
                                     : multi_heap_aligned_alloc_offs(heap->heap, size, alignment, 0);
        if (found == NULL)
            continue;
        if (!exec)
            return found;
        uint32_t *alias = (uint32_t *)(found - SOC_DIRAM_LOW + SOC_DIRAM_IRAM_LOW);
        *alias = (uint32_t)found;
        return alias + 1;
    }
    return NULL;
}

BASE void *heap_caps_malloc_base(size_t size, uint32_t caps)
{
    return heap_caps_aligned_alloc_base(4, size, caps);
}

void heap_caps_free(void *ptr)
{
    if (ptr == NULL)
        return;
    if (esp_ptr_in_diram_iram(ptr))
        ptr = (void *)((uint32_t *)ptr)[-1];
    heap_t *heap = find_containing_heap((uintptr_t)ptr);
    assert(heap != NULL && "free() target pointer is outside heap areas");
    multi_heap_free(heap->heap, ptr);
}

BASE void *heap_caps_realloc_base(void *ptr, size_t size, uint32_t caps)
{
    if (ptr == NULL)
        return heap_caps_malloc_base(size, caps);
    if (size == 0) {
        heap_caps_free(ptr);
        return NULL;
    }
    heap_t *heap = find_containing_heap((uintptr_t)ptr);
    assert(heap != NULL && "realloc() pointer is outside heap areas");
    void *moved = (heap->caps & caps) == caps ? multi_heap_realloc(heap->heap, ptr, size) : NULL;
    if (moved != NULL)
        return moved;
    moved = heap_caps_malloc_base(size, caps);
    if (moved != NULL) {
        size_t before = tlsf_block_size(ptr);
        memcpy(moved, ptr, before < size ? before : size);
        heap_caps_free(ptr);
    }
    return moved;
}

BASE void *heap_caps_calloc_base(size_t n, size_t size, uint32_t caps)
{
    size_t bytes;
    void *result = __builtin_mul_overflow(n, size, &bytes) ? NULL : heap_caps_malloc_base(bytes, caps);
    if (result != NULL)
        memset(result, 0, bytes);
    return result;
}
