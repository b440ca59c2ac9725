/* SPDX-License-Identifier: Apache-2.0
 *
 * What the programs on FreeRTOS share.
 */
#include "common.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "board.h"

void task_make(TaskFunction_t function, const char *name, UBaseType_t priority)
{
    if (xTaskCreate(function, name, STACK_WORDS, NULL, priority, NULL) != pdPASS)
        board_exit(4);
}

void print(const char *form, ...)
{
    char line[128];
    va_list arguments;
    va_start(arguments, form);
    (void)vsnprintf(line, sizeof line, form, arguments);
    va_end(arguments);
    board_print(line);
}

FUNCTION void firmware_done(void)
{
    __asm__ volatile("");
}

#ifndef FIRMWARE_ASSERTS_NOTHING
void assertion_failed(const char *file, int line)
{
    print("assertion %s:%d\n", strrchr(file, '/') + 1, line);
    board_exit(1);
}
#endif

__attribute__((weak)) void vApplicationMallocFailedHook(void)
{
    print("exhausted\n");
    firmware_done();
    board_exit(6);
}
