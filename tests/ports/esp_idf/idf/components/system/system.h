/* SPDX-License-Identifier: Apache-2.0
 *
 * The machine, for the application of the tests.
 */
#ifndef SYSTEM_H
#define SYSTEM_H

#include <stdbool.h>

#include "esp_idf_version.h"
#include "freertos/FreeRTOS.h"

#if ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(5, 2, 0)
extern StaticTask_t *volatile pxCurrentTCBs[portNUM_PROCESSORS];
#define kernel_task pxCurrentTCBs[0]
#else
extern StaticTask_t *volatile pxCurrentTCB[portNUM_PROCESSORS];
#define kernel_task pxCurrentTCB[0]
#endif

extern bool esp_timer_runs;      /* esp_timer_get_time must not be called before */
extern bool flash_cache_enabled; /* false: flash cannot be read */

void call_on_stack(void (*function)(void), void *top);
void interrupt(void (*handler)(void)); /* as the kernel would enter one */
void task_run(void);                   /* of the task that was created last */
void flash_off(void);                  /* until the end: every access to it is a fault */
void machine_exit(void);
void panic_hook(const char *details); /* the application's, before the machine is switched off */

#endif
