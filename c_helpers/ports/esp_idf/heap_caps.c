/* SPDX-License-Identifier: Apache-2.0
 *
 * The allocator that ESP-IDF has beside C's: heap_caps_ functions, and what FreeRTOS calls. CMakeLists.txt has the linker's options.
 *
 * Approach: each entry that a program can call, so that the first caller is the program's. What one calls of the other, malloc of
 * heap_caps_malloc_default above all, is the same event (memtrace_wrap.h).
 * Rejected: the _base functions that IDF's own heap tracing wraps (their caller is always IDF), the hooks of CONFIG_HEAP_USE_HOOKS (they
 * come after a free: another core may have the block by then).
 * Assumptions: a call within the file that defines the function is not wrapped; so wherever it is defined, a block has one event.
 */
#include <stdarg.h>

#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "memtrace_port.h"
#include "memtrace_wrap.h"

#define PREFERENCES_MOST 8u

void *__real_heap_caps_malloc(size_t size, uint32_t caps);
void *__real_heap_caps_calloc(size_t count, size_t size, uint32_t caps);
void *__real_heap_caps_realloc(void *block, size_t size, uint32_t caps);
void __real_heap_caps_free(void *block);
void *__real_heap_caps_aligned_alloc(size_t alignment, size_t size, uint32_t caps);
void *__real_heap_caps_aligned_calloc(size_t alignment, size_t count, size_t size, uint32_t caps);
void __real_heap_caps_aligned_free(void *block);
void *__real_heap_caps_malloc_prefer(size_t size, size_t number, ...);
void *__real_heap_caps_calloc_prefer(size_t count, size_t size, size_t number, ...);
void *__real_heap_caps_realloc_prefer(void *block, size_t size, size_t number, ...);
void *__real_heap_caps_malloc_default(size_t size);
void *__real_heap_caps_realloc_default(void *block, size_t size);
void *__real_heap_caps_aligned_alloc_default(size_t alignment, size_t size);
void *__real_pvPortMalloc(size_t size);
void __real_vPortFree(void *block);
void __real_vTaskDelete(TaskHandle_t task);
void *__wrap_heap_caps_malloc(size_t size, uint32_t caps);
void *__wrap_heap_caps_calloc(size_t count, size_t size, uint32_t caps);
void *__wrap_heap_caps_realloc(void *block, size_t size, uint32_t caps);
void __wrap_heap_caps_free(void *block);
void *__wrap_heap_caps_aligned_alloc(size_t alignment, size_t size, uint32_t caps);
void *__wrap_heap_caps_aligned_calloc(size_t alignment, size_t count, size_t size, uint32_t caps);
void __wrap_heap_caps_aligned_free(void *block);
void *__wrap_heap_caps_malloc_prefer(size_t size, size_t number, ...);
void *__wrap_heap_caps_calloc_prefer(size_t count, size_t size, size_t number, ...);
void *__wrap_heap_caps_realloc_prefer(void *block, size_t size, size_t number, ...);
void *__wrap_heap_caps_malloc_default(size_t size);
void *__wrap_heap_caps_realloc_default(void *block, size_t size);
void *__wrap_heap_caps_aligned_alloc_default(size_t alignment, size_t size);
void *__wrap_pvPortMalloc(size_t size);
void __wrap_vPortFree(void *block);
void __wrap_vTaskDelete(TaskHandle_t task);

void *__wrap_heap_caps_malloc(size_t size, uint32_t caps)
{
    if (memtrace_is_off())
        return __real_heap_caps_malloc(size, caps);
    struct memtrace_wrap call;
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real_heap_caps_malloc(size, caps), size);
}

void *__wrap_heap_caps_calloc(size_t count, size_t size, uint32_t caps)
{
    if (memtrace_is_off())
        return __real_heap_caps_calloc(count, size, caps);
    struct memtrace_wrap call;
    memtrace_entry_seen(MEMTRACE_ENTRY_CALLOC);
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real_heap_caps_calloc(count, size, caps), memtrace_wrap_product(count, size));
}

void *__wrap_heap_caps_realloc(void *block, size_t size, uint32_t caps)
{
    if (memtrace_is_off())
        return __real_heap_caps_realloc(block, size, caps);
    struct memtrace_wrap call;
    struct memtrace_realloc begun = memtrace_wrap_move(&call, MEMTRACE_CALLER(), block, size);
    return memtrace_wrap_moved(&call, begun, block, __real_heap_caps_realloc(block, size, caps), size);
}

void __wrap_heap_caps_free(void *block)
{
    if (memtrace_is_off()) {
        __real_heap_caps_free(block);
        return;
    }
    struct memtrace_wrap call;
    memtrace_wrap_give(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR, block);
    __real_heap_caps_free(block);
    memtrace_wrap_end(&call);
}

void *__wrap_heap_caps_aligned_alloc(size_t alignment, size_t size, uint32_t caps)
{
    if (memtrace_is_off())
        return __real_heap_caps_aligned_alloc(alignment, size, caps);
    struct memtrace_wrap call;
    memtrace_entry_seen(MEMTRACE_ENTRY_ALIGNED);
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real_heap_caps_aligned_alloc(alignment, size, caps), size);
}

void *__wrap_heap_caps_aligned_calloc(size_t alignment, size_t count, size_t size, uint32_t caps)
{
    if (memtrace_is_off())
        return __real_heap_caps_aligned_calloc(alignment, count, size, caps);
    struct memtrace_wrap call;
    memtrace_entry_seen(MEMTRACE_ENTRY_CALLOC);
    memtrace_entry_seen(MEMTRACE_ENTRY_ALIGNED);
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    void *block = __real_heap_caps_aligned_calloc(alignment, count, size, caps);
    return memtrace_wrap_got(&call, block, memtrace_wrap_product(count, size));
}

void __wrap_heap_caps_aligned_free(void *block)
{
    if (memtrace_is_off()) {
        __real_heap_caps_aligned_free(block);
        return;
    }
    struct memtrace_wrap call;
    memtrace_wrap_give(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR, block);
    __real_heap_caps_aligned_free(block);
    memtrace_wrap_end(&call);
}

/* The arguments that stand for `number` preferences; the real function looks at so many alone. */
struct preferences {
    size_t number;
    uint32_t caps[PREFERENCES_MOST];
};

static struct preferences preferences_take(size_t number, va_list arguments)
{
    struct preferences taken = {.number = number < PREFERENCES_MOST ? number : PREFERENCES_MOST};
    for (size_t i = 0; i < taken.number; i++)
        taken.caps[i] = va_arg(arguments, uint32_t);
    return taken;
}

#define PREFERENCES(taken) \
    (taken).number, (taken).caps[0], (taken).caps[1], (taken).caps[2], (taken).caps[3], (taken).caps[4], \
        (taken).caps[5], (taken).caps[6], (taken).caps[7]

void *__wrap_heap_caps_malloc_prefer(size_t size, size_t number, ...)
{
    va_list arguments;
    va_start(arguments, number);
    struct preferences taken = preferences_take(number, arguments);
    va_end(arguments);
    if (memtrace_is_off())
        return __real_heap_caps_malloc_prefer(size, PREFERENCES(taken));
    struct memtrace_wrap call;
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real_heap_caps_malloc_prefer(size, PREFERENCES(taken)), size);
}

void *__wrap_heap_caps_calloc_prefer(size_t count, size_t size, size_t number, ...)
{
    va_list arguments;
    va_start(arguments, number);
    struct preferences taken = preferences_take(number, arguments);
    va_end(arguments);
    if (memtrace_is_off())
        return __real_heap_caps_calloc_prefer(count, size, PREFERENCES(taken));
    struct memtrace_wrap call;
    memtrace_entry_seen(MEMTRACE_ENTRY_CALLOC);
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    void *block = __real_heap_caps_calloc_prefer(count, size, PREFERENCES(taken));
    return memtrace_wrap_got(&call, block, memtrace_wrap_product(count, size));
}

void *__wrap_heap_caps_realloc_prefer(void *block, size_t size, size_t number, ...)
{
    va_list arguments;
    va_start(arguments, number);
    struct preferences taken = preferences_take(number, arguments);
    va_end(arguments);
    if (memtrace_is_off())
        return __real_heap_caps_realloc_prefer(block, size, PREFERENCES(taken));
    struct memtrace_wrap call;
    struct memtrace_realloc begun = memtrace_wrap_move(&call, MEMTRACE_CALLER(), block, size);
    void *moved = __real_heap_caps_realloc_prefer(block, size, PREFERENCES(taken));
    return memtrace_wrap_moved(&call, begun, block, moved, size);
}

void *__wrap_heap_caps_malloc_default(size_t size)
{
    if (memtrace_is_off())
        return __real_heap_caps_malloc_default(size);
    struct memtrace_wrap call;
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real_heap_caps_malloc_default(size), size);
}

void *__wrap_heap_caps_realloc_default(void *block, size_t size)
{
    if (memtrace_is_off())
        return __real_heap_caps_realloc_default(block, size);
    struct memtrace_wrap call;
    struct memtrace_realloc begun = memtrace_wrap_move(&call, MEMTRACE_CALLER(), block, size);
    return memtrace_wrap_moved(&call, begun, block, __real_heap_caps_realloc_default(block, size), size);
}

void *__wrap_heap_caps_aligned_alloc_default(size_t alignment, size_t size)
{
    if (memtrace_is_off())
        return __real_heap_caps_aligned_alloc_default(alignment, size);
    struct memtrace_wrap call;
    memtrace_entry_seen(MEMTRACE_ENTRY_ALIGNED);
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real_heap_caps_aligned_alloc_default(alignment, size), size);
}

void *__wrap_pvPortMalloc(size_t size)
{
    if (memtrace_is_off())
        return __real_pvPortMalloc(size);
    struct memtrace_wrap call;
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    return memtrace_wrap_got(&call, __real_pvPortMalloc(size), size);
}

void __wrap_vPortFree(void *block)
{
    if (memtrace_is_off()) {
        __real_vPortFree(block);
        return;
    }
    struct memtrace_wrap call;
    memtrace_wrap_give(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR, block);
    __real_vPortFree(block);
    memtrace_wrap_end(&call);
}

/* Before it: the task's memory, and so its handle, is given to others afterwards. NULL is the task that runs. */
void __wrap_vTaskDelete(TaskHandle_t task)
{
    memtrace_task_deleted(task != NULL ? (uintptr_t)task : memtrace_port_context());
    __real_vTaskDelete(task);
}
