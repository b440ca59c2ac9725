/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <zephyr/init.h>
#include <zephyr/kernel.h>

void k_heap_init(struct k_heap *h, void *mem, size_t bytes)
{
    sys_heap_init(&h->heap, mem, bytes);
}

static int statics_init(void)
{
    STRUCT_SECTION_FOREACH(k_heap, heap)
    {
        k_heap_init(heap, heap->heap.init_mem, heap->heap.init_bytes);
    }
    return 0;
}

SYS_INIT(statics_init, PRE_KERNEL_1, 30);

void *k_heap_aligned_alloc(struct k_heap *h, size_t align, size_t bytes, k_timeout_t timeout)
{
    (void)timeout;
    unsigned key = arch_irq_lock();
    void *block = sys_heap_aligned_alloc(&h->heap, align, bytes);
    arch_irq_unlock(key);
    return block;
}

void *k_heap_alloc(struct k_heap *h, size_t bytes, k_timeout_t timeout)
{
    return k_heap_aligned_alloc(h, sizeof(void *), bytes, timeout);
}

void *k_heap_calloc(struct k_heap *h, size_t num, size_t size, k_timeout_t timeout)
{
    void *block = size != 0 && num > SIZE_MAX / size ? NULL : k_heap_alloc(h, num * size, timeout);
    if (block != NULL)
        memset(block, 0, num * size);
    return block;
}

void *k_heap_realloc(struct k_heap *h, void *ptr, size_t bytes, k_timeout_t timeout)
{
    (void)timeout;
    unsigned key = arch_irq_lock();
    void *block = sys_heap_realloc(&h->heap, ptr, bytes);
    arch_irq_unlock(key);
    return block;
}

void k_heap_free(struct k_heap *h, void *mem)
{
    unsigned key = arch_irq_lock();
    sys_heap_free(&h->heap, mem);
    arch_irq_unlock(key);
}
