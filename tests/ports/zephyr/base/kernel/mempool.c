/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <zephyr/kernel.h>

static void *z_heap_aligned_alloc(struct k_heap *heap, size_t align, size_t size)
{
    struct k_heap **place =
        k_heap_aligned_alloc(heap, align | sizeof(struct k_heap *), size + sizeof(struct k_heap *), K_NO_WAIT);
    if (place == NULL)
        return NULL;
    *place = heap;
    return place + 1;
}

void k_free(void *ptr)
{
    if (ptr != NULL)
        k_heap_free(((struct k_heap **)ptr)[-1], (struct k_heap **)ptr - 1);
}

#if CONFIG_HEAP_MEM_POOL_SIZE > 0

K_HEAP_DEFINE(_system_heap, CONFIG_HEAP_MEM_POOL_SIZE);

void *k_aligned_alloc(size_t align, size_t size)
{
    return z_heap_aligned_alloc(&_system_heap, align, size);
}

void *k_malloc(size_t size)
{
    return k_aligned_alloc(sizeof(void *), size);
}

void *k_calloc(size_t nmemb, size_t size)
{
    void *block = size != 0 && nmemb > SIZE_MAX / size ? NULL : k_malloc(nmemb * size);
    if (block != NULL)
        memset(block, 0, nmemb * size);
    return block;
}

void *k_realloc(void *ptr, size_t size)
{
    if (size == 0) {
        k_free(ptr);
        return NULL;
    }
    if (ptr == NULL)
        return k_malloc(size);
    struct k_heap **place = (struct k_heap **)ptr - 1;
    place = k_heap_realloc(*place, place, size + sizeof *place, K_NO_WAIT);
    return place != NULL ? place + 1 : NULL;
}

#define SYSTEM_HEAP (&_system_heap)
#else
#define SYSTEM_HEAP NULL
#endif

void *z_thread_aligned_alloc(size_t align, size_t size)
{
    struct k_heap *heap = k_is_in_isr() ? SYSTEM_HEAP : k_current_get()->resource_pool;
    return heap != NULL ? z_heap_aligned_alloc(heap, align, size) : NULL;
}
