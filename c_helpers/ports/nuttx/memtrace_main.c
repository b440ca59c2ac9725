/* SPDX-License-Identifier: Apache-2.0
 *
 * The command `memtrace` of NSH.
 *
 * Approach: a built-in program, which NuttX's build calls memtrace_main.
 * Rejected: a task of its own that waits for commands (a stack for nothing).
 * Cost: the self-test, 1.5 KiB of text.
 * Assumptions: it runs in a task, while the recorder records.
 */
#include <stdio.h>

#include "memtrace_selftest.h"

int main(int argc, char *argv[])
{
    (void)argc;
    (void)argv;
    uint32_t missing = memtrace_selftest();
    printf("%s\n", memtrace_selftest_text(missing));
    return missing == 0 ? 0 : 1;
}
