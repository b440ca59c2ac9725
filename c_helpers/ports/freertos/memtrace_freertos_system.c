/* SPDX-License-Identifier: Apache-2.0
 *
 * FreeRTOS's heap and tasks for the console and the report of leaks (memtrace_system.h).
 *
 * Approach: the kernel's own survey of its tasks, kept between calls; the heap's own counters. What this heap_N.c has not is a weak
 * symbol that is nowhere.
 * Rejected: walking the kernel's lists (they are static; a debugger may, memtrace does).
 * Cost: a TaskStatus_t, some 40 bytes, for each of MEMTRACE_SYSTEM_TASKS. The scheduler is suspended while the kernel looks at all stacks.
 * Assumptions: configUSE_TRACE_FACILITY is 1, or no tasks are told; one task asks at a time.
 */
#include "memtrace_system.h"

#include "FreeRTOS.h"
#include "task.h"

#include "memtrace_port.h"

#ifndef MEMTRACE_SYSTEM_TASKS
#define MEMTRACE_SYSTEM_TASKS 24
#endif

extern size_t memtrace_freertos_region_bytes;
size_t xPortGetFreeHeapSize(void) __attribute__((weak));            /* not heap_3's */
size_t xPortGetMinimumEverFreeHeapSize(void) __attribute__((weak)); /* of heap_4 and heap_5, as the next */
void vPortGetHeapStats(HeapStats_t *stats) __attribute__((weak));

/* heap_5's configuration need not have it. */
#ifndef configTOTAL_HEAP_SIZE
#define configTOTAL_HEAP_SIZE 0
#endif

/* Where free blocks are not counted, each may be as large as all of them. */
bool memtrace_system_heap(unsigned index, struct memtrace_heap_state *state)
{
    if (index > 0 || xPortGetFreeHeapSize == NULL)
        return false;
    HeapStats_t stats = {.xSizeOfLargestFreeBlockInBytes = xPortGetFreeHeapSize()};
    if (vPortGetHeapStats != NULL)
        vPortGetHeapStats(&stats);
    *state = (struct memtrace_heap_state){
        .name = "FreeRTOS",
        .memory = MEMTRACE_MEMORY_INTERNAL,
        .total = memtrace_freertos_region_bytes != 0 ? memtrace_freertos_region_bytes : configTOTAL_HEAP_SIZE,
        .free = xPortGetFreeHeapSize(),
        .minimum = xPortGetMinimumEverFreeHeapSize != NULL ? xPortGetMinimumEverFreeHeapSize() : 0,
        .largest = stats.xSizeOfLargestFreeBlockInBytes,
    };
    return true;
}

#if configUSE_TRACE_FACILITY == 1

static char state_letter(eTaskState state)
{
    static const char letters[] = {
        [eRunning] = 'X', [eReady] = 'R', [eBlocked] = 'B', [eSuspended] = 'S', [eDeleted] = 'D'};
    return (unsigned)state < sizeof letters ? letters[state] : '?';
}

/* A running task's saved stack pointer is an old one. */
bool memtrace_system_task(unsigned index, struct memtrace_task_state *state)
{
    static TaskStatus_t tasks[MEMTRACE_SYSTEM_TASKS];
    static UBaseType_t count;
    if (index == 0)
        count = uxTaskGetSystemState(tasks, MEMTRACE_SYSTEM_TASKS, NULL);
    if (index >= count)
        return false;
    const TaskStatus_t *task = &tasks[index];
    const StaticTask_t *control = (const StaticTask_t *)task->xHandle;
    bool asks = control == memtrace_freertos_running();
    *state = (struct memtrace_task_state){
        .name = task->pcTaskName,
        .handle = (uintptr_t)task->xHandle,
        .state = state_letter(task->eCurrentState),
        .number = (unsigned)task->xTaskNumber,
        .priority = (unsigned)task->uxCurrentPriority,
        .base_priority = (unsigned)(configUSE_MUTEXES == 1 ? task->uxBasePriority : task->uxCurrentPriority),
        .stack_low = memtrace_freertos_stack_low(control),
        .stack_now = asks ? memtrace_freertos_stack_pointer() : (uintptr_t)control->pxDummy1,
        .stack_high = memtrace_freertos_stack_high(control),
        .stack_unused = task->usStackHighWaterMark * sizeof(StackType_t),
    };
    return true;
}

#endif
