/* SPDX-License-Identifier: Apache-2.0
 *
 * The console on the board's line.
 */
#include "memtrace_console.h"

#include "board.h"
#include "common.h"

static void text_put(void *unused, const char *text, size_t bytes)
{
    (void)unused;
    board_send((const uint8_t *)text, bytes);
}

void console_obey(const char *line)
{
    static const struct memtrace_console_output output = {.put = text_put};
    if (!memtrace_console(line, &output))
        board_exit(8);
}
