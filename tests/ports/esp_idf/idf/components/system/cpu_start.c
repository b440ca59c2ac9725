/* SPDX-License-Identifier: Apache-2.0
 *
 * From the reset to app_main: heaps, the clock, something that allocates, constructors, a task.
 */
#include <stdlib.h>
#include <string.h>

#include "freertos/FreeRTOS.h"
#include "system.h"

extern void (*const init_array_start[])(void);
extern void (*const init_array_end[])(void);
void heap_caps_init(void);
void app_main(void);

static StackType_t main_stack[8192] __attribute__((aligned(16)));
static StaticTask_t main_task = {
    .pxDummy6 = main_stack, .ucDummy7 = "main", .pxDummy8 = main_stack + sizeof main_stack - 16};

__attribute__((noinline)) void startup_driver(void)
{
    static void *volatile kept;
    kept = malloc(24);
}

void call_start_cpu0(void)
{
    heap_caps_init();
    esp_timer_runs = true;
    startup_driver();
    for (void (*const *function)(void) = init_array_start; (uintptr_t)function < (uintptr_t)init_array_end; function++)
        (*function)();
    kernel_task = &main_task;
    call_on_stack(app_main, main_stack + sizeof main_stack - 16);
    machine_exit();
}
