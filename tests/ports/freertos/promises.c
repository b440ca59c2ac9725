/* SPDX-License-Identifier: Apache-2.0
 *
 * A program that tests what the port promises the recorder, and prints what it does not keep.
 */
#include "board.h"
#include "common.h"
#include "memtrace_port_selftest.h"

static void (*volatile handler_wanted)(void);

void board_interrupt(void)
{
    void (*handler)(void) = handler_wanted;
    handler_wanted = NULL;
    if (handler != NULL)
        handler();
}

static void interrupt(void (*handler)(void))
{
    handler_wanted = handler;
    board_interrupt_raise();
}

static void check_task(void *unused)
{
    static const struct memtrace_port_hooks hooks = {.interrupt = interrupt};
    (void)unused;
    print("%s\n", memtrace_promise_text(memtrace_port_selftest(&hooks)));
    board_exit(0);
}

int main(void)
{
    board_init();
    task_make(check_task, "check", 2);
    vTaskStartScheduler();
    board_exit(5);
}
