/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the console, the report of leaks and the one of a double free print: docs/reference/console.md says what.
 */
#ifndef MEMTRACE_CONSOLE_OUTPUT_H
#define MEMTRACE_CONSOLE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

/* Lives as long as somebody may print with it. */
struct memtrace_console_output {
    /* Takes `bytes` of text, a line with its end, or the next part of one that is very long. It may wait for the line to get free, and
     * may be interrupted; what it allocates is recorded as anybody's. */
    void (*put)(void *context, const char *text, size_t bytes);
    void *context;
    bool backtraces; /* behind each leak a line that idf.py monitor decodes by itself: "Backtrace: 0x... 0x..." */
};

#endif
