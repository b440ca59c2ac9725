/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>

#include "heap_private.h"
#if ESP_IDF_VERSION < ESP_IDF_VERSION_VAL(5, 1, 0)
#include "heap_caps_base.c"
#endif

void *heap_caps_malloc(size_t size, uint32_t caps)
{
    return heap_caps_malloc_base(size, caps);
}

void *heap_caps_realloc(void *ptr, size_t size, uint32_t caps)
{
    return heap_caps_realloc_base(ptr, size, caps);
}

void *heap_caps_calloc(size_t n, size_t size, uint32_t caps)
{
    return heap_caps_calloc_base(n, size, caps);
}

void *heap_caps_malloc_default(size_t size)
{
    return heap_caps_malloc(size, MALLOC_CAP_DEFAULT | MALLOC_CAP_INTERNAL);
}

void *heap_caps_realloc_default(void *ptr, size_t size)
{
    return heap_caps_realloc(ptr, size, MALLOC_CAP_DEFAULT | MALLOC_CAP_INTERNAL);
}

void *heap_caps_aligned_alloc(size_t alignment, size_t size, uint32_t caps)
{
    return heap_caps_aligned_alloc_base(alignment, size, caps);
}

#if ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(5, 3, 0)
void *heap_caps_aligned_alloc_default(size_t alignment, size_t size)
{
    return heap_caps_aligned_alloc(alignment, size, MALLOC_CAP_DEFAULT | MALLOC_CAP_INTERNAL);
}
#endif

void heap_caps_aligned_free(void *ptr)
{
    heap_caps_free(ptr);
}

void *heap_caps_aligned_calloc(size_t alignment, size_t n, size_t size, uint32_t caps)
{
    void *ptr = heap_caps_aligned_alloc(alignment, n * size, caps);
    if (ptr != NULL)
        memset(ptr, 0, n * size);
    return ptr;
}

#define PREFER(call) \
    va_list arguments; \
    va_start(arguments, num); \
    void *result = NULL; \
    while (num-- > 0 && result == NULL) { \
        uint32_t caps = va_arg(arguments, uint32_t); \
        result = call; \
    } \
    va_end(arguments); \
    return result

void *heap_caps_malloc_prefer(size_t size, size_t num, ...)
{
    PREFER(heap_caps_malloc_base(size, caps));
}

void *heap_caps_realloc_prefer(void *ptr, size_t size, size_t num, ...)
{
    PREFER(heap_caps_realloc_base(ptr, size, caps));
}

void *heap_caps_calloc_prefer(size_t n, size_t size, size_t num, ...)
{
    PREFER(heap_caps_calloc_base(n, size, caps));
}
