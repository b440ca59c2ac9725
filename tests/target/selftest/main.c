/* SPDX-License-Identifier: Apache-2.0
 *
 * A firmware that runs the self-test of its board's port and prints what it says. A timer that runs all the time makes its
 * interrupts.
 */
#include "board.h"
#include "memtrace_port_selftest.h"
#include "rtos.h"

enum { TICK = 1000, STACK_BYTES = 8192 };

static struct task task;
static char stack[STACK_BYTES] __attribute__((aligned(16)));
static void (*volatile handler_wanted)(void);

static void tick(void)
{
    void (*handler)(void) = handler_wanted;
    handler_wanted = NULL;
    if (handler != NULL) {
        handler();
    }
}

static void interrupt(void (*handler)(void))
{
    handler_wanted = handler;
}

static void check(void)
{
    struct memtrace_port_hooks hooks = {interrupt, board_core_count() > 1 ? board_core_start : NULL, NULL};
    board_timer_start(TICK, tick);
    enum memtrace_promise broken = memtrace_port_selftest(&hooks);
    board_timer_stop();
    board_print(memtrace_promise_text(broken));
    board_print("\n");
    board_exit(BOARD_PASSED);
}

int main(void)
{
    task_create(&task, "check", check, stack, sizeof stack);
    scheduler_run();
    return 0;
}
