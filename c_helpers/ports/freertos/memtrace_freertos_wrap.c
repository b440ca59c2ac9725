/* SPDX-License-Identifier: Apache-2.0
 *
 * FreeRTOS's allocator and what else is to be known of the kernel, by --wrap. memtrace_freertos.wrap has the linker's options.
 *
 * Approach: around pvPortMalloc and its relatives: sizes are those that were asked for, a free is recorded before the allocator may
 * assert, and no trace macro is taken from another tool.
 * Rejected: a second event for what heap_3 asks of malloc, if that is wrapped, too (memtrace_wrap.h makes it one).
 * Cost: that of memtrace_wrap.h; a call more in each tick.
 * Assumptions: heap_N.c calls itself only within its file, where --wrap does not reach: pvPortCalloc is one event.
 */
#include "FreeRTOS.h"
#include "task.h"

#include "memtrace_port.h"
#include "memtrace_wrap.h"

#if !defined(MEMTRACE_FREERTOS_MACROS) || !MEMTRACE_FREERTOS_MACROS

void memtrace_freertos_start(void);
extern size_t memtrace_freertos_region_bytes;

void *__real_pvPortMalloc(size_t size);
void *__real_pvPortCalloc(size_t count, size_t size) __attribute__((weak)); /* heap_1 has none */
size_t xPortGetFreeHeapSize(void) __attribute__((weak));                    /* heap_3 has none */
void __real_vPortFree(void *block);
void __real_vApplicationMallocFailedHook(void);
void __real_vPortDefineHeapRegions(const HeapRegion_t *regions) __attribute__((weak)); /* heap_5's */
void __real_vTaskStartScheduler(void);
void __real_vTaskDelete(TaskHandle_t task);
BaseType_t __real_xTaskIncrementTick(void);
void *__wrap_pvPortMalloc(size_t size);
void *__wrap_pvPortCalloc(size_t count, size_t size);
void __wrap_vPortFree(void *block);
void __wrap_vApplicationMallocFailedHook(void);
void __wrap_vPortDefineHeapRegions(const HeapRegion_t *regions);
void __wrap_vTaskStartScheduler(void);
void __wrap_vTaskDelete(TaskHandle_t task);
BaseType_t __wrap_xTaskIncrementTick(void);

/* The first call starts the recorder, if the program has not. */
static bool recorder_is_off(void)
{
    const struct memtrace_header *ring = __atomic_load_n(&memtrace_ring, __ATOMIC_RELAXED);
    if (ring != NULL)
        return __atomic_load_n(&ring->request, __ATOMIC_RELAXED) == MEMTRACE_REQUEST_OFF;
    memtrace_freertos_start();
    return memtrace_is_off();
}

void *__wrap_pvPortMalloc(size_t size)
{
    if (recorder_is_off())
        return __real_pvPortMalloc(size);
    struct memtrace_wrap call;
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    call.size = size;
    return memtrace_wrap_got(&call, __real_pvPortMalloc(size), size);
}

void *__wrap_pvPortCalloc(size_t count, size_t size)
{
    if (recorder_is_off())
        return __real_pvPortCalloc(count, size);
    struct memtrace_wrap call;
    memtrace_entry_seen(MEMTRACE_ENTRY_CALLOC);
    memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
    call.size = memtrace_wrap_product(count, size);
    return memtrace_wrap_got(&call, __real_pvPortCalloc(count, size), call.size);
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

/* For a program that allocates nothing before. */
void __wrap_vTaskStartScheduler(void)
{
    (void)recorder_is_off();
    __real_vTaskStartScheduler();
}

/* Within pvPortMalloc. It seldom comes back. */
#if configUSE_MALLOC_FAILED_HOOK == 1
void __wrap_vApplicationMallocFailedHook(void)
{
    memtrace_wrap_fails();
    __real_vApplicationMallocFailedHook();
}
#endif

/* Everything is free now. */
void __wrap_vPortDefineHeapRegions(const HeapRegion_t *regions)
{
    __real_vPortDefineHeapRegions(regions);
    memtrace_freertos_region_bytes = xPortGetFreeHeapSize();
}

/* A task whose name is given up must not run and take it back. */
#if INCLUDE_vTaskDelete == 1
void __wrap_vTaskDelete(TaskHandle_t task)
{
    TaskHandle_t running = (TaskHandle_t)memtrace_freertos_running();
    bool other = task != NULL && task != running;
    if (other)
        vTaskSuspendAll();
    memtrace_task_deleted((uintptr_t)(other ? task : running));
    __real_vTaskDelete(task);
    if (other)
        (void)xTaskResumeAll();
}
#endif

BaseType_t __wrap_xTaskIncrementTick(void)
{
    BaseType_t switches = __real_xTaskIncrementTick();
    memtrace_freertos_tick((uint32_t)xTaskGetTickCount());
    return switches;
}

/* Ticks that passed while the processor slept. */
#if configUSE_TICKLESS_IDLE != 0
void __real_vTaskStepTick(TickType_t ticks);
void __wrap_vTaskStepTick(TickType_t ticks);

void __wrap_vTaskStepTick(TickType_t ticks)
{
    __real_vTaskStepTick(ticks);
    memtrace_freertos_tick((uint32_t)xTaskGetTickCount());
}
#endif

#endif
