/* SPDX-License-Identifier: Apache-2.0
 *
 * What the programs on FreeRTOS share.
 */
#ifndef COMMON_H
#define COMMON_H

#include "FreeRTOS.h"
#include "task.h"

#define FUNCTION __attribute__((noinline)) /* a frame of its own in every backtrace */

enum { STACK_WORDS = 512 };

/* Ends the emulator if there is no memory for it. */
void task_make(TaskFunction_t function, const char *name, UBaseType_t priority);

void print(const char *form, ...) __attribute__((format(printf, 1, 2)));

/* Types a line into the console, whose answer goes to the board's line. */
void console_obey(const char *line);

/* A debugger stops here. */
void firmware_done(void);

#endif
