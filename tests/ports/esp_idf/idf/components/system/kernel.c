/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel's variables as the versions name them, and a clock.
 */
#include "esp_timer.h"
#include "freertos/task.h"
#include "system.h"

static StackType_t isr_stack[configISR_STACK_SIZE] __attribute__((aligned(16)));

#if ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(5, 2, 0)
StaticTask_t *volatile pxCurrentTCBs[portNUM_PROCESSORS];
volatile UBaseType_t port_uxInterruptNesting[portNUM_PROCESSORS];
StackType_t *xIsrStackTop[portNUM_PROCESSORS] = {isr_stack + configISR_STACK_SIZE};
#define NESTING port_uxInterruptNesting[0]
#define ISR_STACK_TOP xIsrStackTop[0]
#else
StaticTask_t *volatile pxCurrentTCB[portNUM_PROCESSORS];
UBaseType_t uxInterruptNesting;
StackType_t *xIsrStackTop = isr_stack + configISR_STACK_SIZE;
#define NESTING uxInterruptNesting
#define ISR_STACK_TOP xIsrStackTop
#endif

bool esp_timer_runs;
bool flash_cache_enabled = true;

bool spi_flash_cache_enabled(void);

bool spi_flash_cache_enabled(void)
{
    return flash_cache_enabled;
}

int64_t esp_timer_get_time(void)
{
    if (!esp_timer_runs)
        *(volatile uint32_t *)4 = 0; /* a fault: its registers are not set up */
    return (int64_t)(*(volatile uint32_t *)0x200bff8 / 10u);
}

void interrupt(void (*handler)(void))
{
    NESTING++;
    call_on_stack(handler, ISR_STACK_TOP);
    NESTING--;
}

static void (*task_function)(void *);

TaskHandle_t xTaskCreateStatic(void (*function)(void *), const char *name, uint32_t depth, void *argument,
                               UBaseType_t priority, StackType_t *stack, StaticTask_t *task)
{
    (void)name, (void)depth, (void)argument, (void)priority, (void)stack;
    task_function = function;
    return (TaskHandle_t)task;
}

void task_run(void)
{
    if (task_function != NULL)
        task_function(NULL);
}

/* There is no scheduler: at its third pause a task has run for long enough. */
void vTaskDelay(TickType_t ticks)
{
    static unsigned pauses;
    (void)ticks;
    if (++pauses == 3)
        panic_hook("end");
}

/* The application gives the control block, in memory of the heap, and takes it back. */
void vTaskDelete(TaskHandle_t task)
{
    vPortFree(task);
}

UBaseType_t uxTaskGetSystemState(TaskStatus_t *tasks, UBaseType_t most, uint32_t *total)
{
    (void)most;
    (void)total;
    tasks[0] = (TaskStatus_t){(TaskHandle_t)kernel_task, "main", 1, eRunning, 1, 1, 0, kernel_task->pxDummy6, 4096, 0};
    return 1;
}
