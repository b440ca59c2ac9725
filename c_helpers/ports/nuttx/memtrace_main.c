/* SPDX-License-Identifier: Apache-2.0
 *
 * The command `memtrace` of NSH: the console.
 *
 * Approach: a built-in program, which NuttX's build calls memtrace_main; its words become the line that they were.
 * Rejected: a task of its own that waits for commands (a stack for nothing).
 * Cost: the console and the self-test, 6 KiB of text.
 * Assumptions: one runs at a time.
 */
#include <stdio.h>
#include <string.h>

#include "memtrace_console.h"

#define LINE_BYTES 128u

static void line_put(void *context, const char *text, size_t bytes)
{
    (void)fwrite(text, 1, bytes, (FILE *)context);
}

/* Words that have blanks stand in quotes. What does not fit is left out. */
static void line_join(char line[LINE_BYTES], int argc, char *argv[])
{
    size_t length = 0;
    for (int i = 1; i < argc; i++) {
        const char *quote = strchr(argv[i], ' ') != NULL ? "\"" : "";
        int more = snprintf(line + length, LINE_BYTES - length, "%s%s%s%s", i > 1 ? " " : "", quote, argv[i], quote);
        if (more < 0 || (size_t)more >= LINE_BYTES - length)
            break;
        length += (size_t)more;
    }
    line[length] = '\0';
}

int main(int argc, char *argv[])
{
    const struct memtrace_console_output output = {line_put, stdout, false};
    char line[LINE_BYTES];
    line_join(line, argc, argv);
    return memtrace_console(line, &output) ? 0 : 1;
}
