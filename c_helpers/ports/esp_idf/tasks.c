/* SPDX-License-Identifier: Apache-2.0
 *
 * The tasks, for the console.
 *
 * Approach: the kernel's own list, copied into static memory at index 0. Without CONFIG_FREERTOS_USE_TRACE_FACILITY it has none to give.
 * Cost: 40 bytes a task.
 */
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "memtrace_port.h"
#include "memtrace_system.h"

#if configUSE_TRACE_FACILITY

#define TASKS_MOST 32u /* with more of them the kernel gives none */

bool memtrace_system_task(unsigned index, struct memtrace_task_state *state)
{
    static TaskStatus_t tasks[TASKS_MOST];
    static UBaseType_t used;
    static const char letters[] = {
        [eRunning] = 'X', [eReady] = 'R', [eBlocked] = 'B', [eSuspended] = 'S', [eDeleted] = 'D'};
    if (index == 0)
        used = uxTaskGetSystemState(tasks, TASKS_MOST, NULL);
    if (index >= used)
        return false;
    const TaskStatus_t *task = &tasks[index];
    const StaticTask_t *control = (const StaticTask_t *)task->xHandle;
    *state = (struct memtrace_task_state){
        .name = task->pcTaskName,
        .handle = (uintptr_t)task->xHandle,
        .state = (unsigned)task->eCurrentState < sizeof letters ? letters[task->eCurrentState] : '?',
        .number = task->xTaskNumber,
        .priority = task->uxCurrentPriority,
        .base_priority = task->uxBasePriority,
        .stack_low = (uintptr_t)control->pxDummy6,
        .stack_now = (uintptr_t)control->pxDummy1,
        .stack_high = (uintptr_t)control->pxDummy8,
        .stack_unused = task->usStackHighWaterMark * sizeof(StackType_t),
    };
    return true;
}

#else

bool memtrace_system_task(unsigned index, struct memtrace_task_state *state)
{
    (void)index;
    (void)state;
    return false;
}

#endif
