/* SPDX-License-Identifier: Apache-2.0
 *
 * How a program dies in ESP-IDF: abort and assert run into an illegal instruction, and its panic handler sees that as it
 * sees every other fault. Names and prototypes are those of ESP-IDF 5.
 */
#include <stdbool.h>
#include <stddef.h>

#include "board.h"
#include "board_virt.h"
#include "deaths.h"

typedef enum { PANIC_EXCEPTION_FAULT = 3, PANIC_EXCEPTION_ABORT = 4 } panic_exception_t;

typedef struct {
    int core;
    panic_exception_t exception;
    const char *reason;
    const char *description;
    const void *addr;
    const void *frame;
} panic_info_t;

static bool g_panic_abort;
static const char *g_panic_abort_details;

_Noreturn DEATH void esp_panic_handler(panic_info_t *info)
{
    board_print(info->reason);
    board_exit(info->exception == PANIC_EXCEPTION_ABORT ? BOARD_ABORTED : BOARD_FAULTED);
}

_Noreturn DEATH static void panic_handler(const void *frame, const void *address)
{
    panic_info_t info = {0, PANIC_EXCEPTION_FAULT, "Load access fault\n", NULL, address, frame};
    if (g_panic_abort) {
        info.exception = PANIC_EXCEPTION_ABORT;
        info.reason = g_panic_abort_details;
    }
    esp_panic_handler(&info);
}

_Noreturn DEATH void board_fault(uint32_t cause, uint32_t pc, uint32_t value)
{
    (void)cause, (void)pc;
    panic_handler(NULL, (const void *)(uintptr_t)value);
}

_Noreturn DEATH void panic_abort(const char *details)
{
    g_panic_abort = true;
    g_panic_abort_details = details;
    for (;;) {
        __asm__ volatile("unimp");
    }
}

_Noreturn DEATH void esp_system_abort(const char *details)
{
    panic_abort(details);
}

_Noreturn DEATH void abort(void)
{
    esp_system_abort("abort() was called\n");
}

_Noreturn DEATH void __assert_func(const char *file, int line, const char *function, const char *text)
{
    (void)file, (void)line, (void)function;
    esp_system_abort(text);
}
