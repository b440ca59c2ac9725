/* SPDX-License-Identifier: Apache-2.0
 *
 * How a program dies with a C library for bare metal: a failed assertion ends in abort, a fault in the board's own report.
 */
#include "board.h"
#include "deaths.h"

/* What an assertion of the allocator ends in; the C library's own would want a signal handler. */
_Noreturn void abort(void)
{
    board_print("abort\n");
    board_exit(BOARD_ABORTED);
}

/* As every RTOS has its own: the C library's wants a stderr. */
_Noreturn void __assert_func(const char *file, int line, const char *function, const char *text)
{
    (void)file, (void)line, (void)function;
    board_print(text);
    abort();
}
