/* SPDX-License-Identifier: Apache-2.0
 *
 * A second scheduler, of priorities: its lists, its control blocks and their names lie in memory as FreeRTOS's do, so that what
 * reads those can be tested on tasks that really run. Nothing of its code is FreeRTOS's. The names are what a debugger sees.
 */
#ifndef TASKS_H
#define TASKS_H

#include <stdint.h>

#define KERNEL_STACK_BYTES 2048u

struct tskTaskControlBlock;

typedef void (*kernel_entry)(void);

/* Control block and stack come from the heap. */
void kernel_create(const char *name, unsigned priority, kernel_entry entry);

/* Both are the kernel's own variables, as for a task that an application has given its memory. Once. */
void kernel_create_static(const char *name, unsigned priority, kernel_entry entry);

/* Chooses who runs next. */
void vTaskSwitchContext(void);

/* Leaves the caller for good; when no task is ready any more the machine waits. */
void kernel_start(void);

/* What the running task may do: each gives way to the next that is ready. Nobody wakes it again. */
void kernel_delay(void);
void kernel_suspend(void);
void kernel_delete(void);

#endif
