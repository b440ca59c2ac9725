/* SPDX-License-Identifier: Apache-2.0
 *
 * Zephyr's kernel heaps: k_malloc and its relatives, k_heaps, and what the kernel takes for a thread. kernel_heap.wrap has the linker's
 * options.
 *
 * Approach: as the files of c_helpers/wrap. k_malloc calls k_heap_aligned_alloc, which lies in another file and so is wrapped, too; its
 * block begins a word earlier, where the heap's address is kept. The outer one is what the program holds and will free, and counts.
 * z_thread_malloc gives such blocks as well, which k_free takes back.
 * Rejected: sys_heap_alloc and its relatives (every function above ends there, with the heap's lock held).
 * Cost: 150 instructions a call, 110 for each function that it passes.
 * Assumptions: functions that a version of Zephyr has not are called by nobody, and the linker drops their wrappers (--gc-sections).
 */
#include <zephyr/kernel.h>

#include "memtrace_wrap.h"

void *__real_k_malloc(size_t size);
void *__real_k_aligned_alloc(size_t align, size_t size);
void *__real_k_calloc(size_t nmemb, size_t size);
void *__real_z_thread_malloc(size_t size);
void *__real_z_thread_aligned_alloc(size_t align, size_t size);
void *__real_k_heap_alloc(struct k_heap *h, size_t bytes, k_timeout_t timeout);
void *__real_k_heap_aligned_alloc(struct k_heap *h, size_t align, size_t bytes, k_timeout_t timeout);
void *__real_k_heap_calloc(struct k_heap *h, size_t num, size_t size, k_timeout_t timeout);
void *__real_k_realloc(void *ptr, size_t size);
void *__real_k_heap_realloc(struct k_heap *h, void *ptr, size_t bytes, k_timeout_t timeout);
void __real_k_free(void *ptr);
void __real_k_heap_free(struct k_heap *h, void *mem);
void *__wrap_k_malloc(size_t size);
void *__wrap_k_aligned_alloc(size_t align, size_t size);
void *__wrap_k_calloc(size_t nmemb, size_t size);
void *__wrap_z_thread_malloc(size_t size);
void *__wrap_z_thread_aligned_alloc(size_t align, size_t size);
void *__wrap_k_heap_alloc(struct k_heap *h, size_t bytes, k_timeout_t timeout);
void *__wrap_k_heap_aligned_alloc(struct k_heap *h, size_t align, size_t bytes, k_timeout_t timeout);
void *__wrap_k_heap_calloc(struct k_heap *h, size_t num, size_t size, k_timeout_t timeout);
void *__wrap_k_realloc(void *ptr, size_t size);
void *__wrap_k_heap_realloc(struct k_heap *h, void *ptr, size_t bytes, k_timeout_t timeout);
void __wrap_k_free(void *ptr);
void __wrap_k_heap_free(struct k_heap *h, void *mem);

void *__wrap_k_malloc(size_t size)
{
    if (memtrace_is_off())
        return __real_k_malloc(size);
    struct memtrace_wrap call;
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real_k_malloc(size), size);
}

void *__wrap_k_aligned_alloc(size_t align, size_t size)
{
    if (memtrace_is_off())
        return __real_k_aligned_alloc(align, size);
    struct memtrace_wrap call;
    memtrace_entry_seen(MEMTRACE_ENTRY_ALIGNED);
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real_k_aligned_alloc(align, size), size);
}

void *__wrap_k_calloc(size_t nmemb, size_t size)
{
    if (memtrace_is_off())
        return __real_k_calloc(nmemb, size);
    struct memtrace_wrap call;
    memtrace_entry_seen(MEMTRACE_ENTRY_CALLOC);
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real_k_calloc(nmemb, size), memtrace_wrap_product(nmemb, size));
}

void *__wrap_z_thread_malloc(size_t size)
{
    if (memtrace_is_off())
        return __real_z_thread_malloc(size);
    struct memtrace_wrap call;
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real_z_thread_malloc(size), size);
}

void *__wrap_z_thread_aligned_alloc(size_t align, size_t size)
{
    if (memtrace_is_off())
        return __real_z_thread_aligned_alloc(align, size);
    struct memtrace_wrap call;
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real_z_thread_aligned_alloc(align, size), size);
}

void *__wrap_k_heap_alloc(struct k_heap *h, size_t bytes, k_timeout_t timeout)
{
    if (memtrace_is_off())
        return __real_k_heap_alloc(h, bytes, timeout);
    struct memtrace_wrap call;
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real_k_heap_alloc(h, bytes, timeout), bytes);
}

void *__wrap_k_heap_aligned_alloc(struct k_heap *h, size_t align, size_t bytes, k_timeout_t timeout)
{
    if (memtrace_is_off())
        return __real_k_heap_aligned_alloc(h, align, bytes, timeout);
    struct memtrace_wrap call;
    memtrace_entry_seen(MEMTRACE_ENTRY_ALIGNED);
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real_k_heap_aligned_alloc(h, align, bytes, timeout), bytes);
}

void *__wrap_k_heap_calloc(struct k_heap *h, size_t num, size_t size, k_timeout_t timeout)
{
    if (memtrace_is_off())
        return __real_k_heap_calloc(h, num, size, timeout);
    struct memtrace_wrap call;
    memtrace_entry_seen(MEMTRACE_ENTRY_CALLOC);
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real_k_heap_calloc(h, num, size, timeout), memtrace_wrap_product(num, size));
}

void *__wrap_k_realloc(void *ptr, size_t size)
{
    if (memtrace_is_off())
        return __real_k_realloc(ptr, size);
    struct memtrace_wrap call;
    struct memtrace_realloc begun = memtrace_wrap_move(&call, MEMTRACE_CALLER(), ptr, size);
    return memtrace_wrap_moved(&call, begun, ptr, __real_k_realloc(ptr, size), size);
}

void *__wrap_k_heap_realloc(struct k_heap *h, void *ptr, size_t bytes, k_timeout_t timeout)
{
    if (memtrace_is_off())
        return __real_k_heap_realloc(h, ptr, bytes, timeout);
    struct memtrace_wrap call;
    struct memtrace_realloc begun = memtrace_wrap_move(&call, MEMTRACE_CALLER(), ptr, bytes);
    return memtrace_wrap_moved(&call, begun, ptr, __real_k_heap_realloc(h, ptr, bytes, timeout), bytes);
}

void __wrap_k_free(void *ptr)
{
    if (memtrace_is_off()) {
        __real_k_free(ptr);
        return;
    }
    struct memtrace_wrap call;
    memtrace_wrap_give(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR, ptr);
    __real_k_free(ptr);
    memtrace_wrap_end(&call);
}

void __wrap_k_heap_free(struct k_heap *h, void *mem)
{
    if (memtrace_is_off()) {
        __real_k_heap_free(h, mem);
        return;
    }
    struct memtrace_wrap call;
    memtrace_wrap_give(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR, mem);
    __real_k_heap_free(h, mem);
    memtrace_wrap_end(&call);
}
