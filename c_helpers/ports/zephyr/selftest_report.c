/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests the hooks at the start, in the main thread, and prints what came of it.
 *
 * Approach: the last init function before main.
 * Rejected: a thread of its own (a stack for one call).
 * Cost: the self-test, 1.5 KiB of text.
 * Assumptions: printk works by then.
 */
#include <zephyr/init.h>
#include <zephyr/sys/printk.h>

#include "memtrace_selftest.h"

static int hooks_report(void)
{
    printk("memtrace: %s\n", memtrace_selftest_text(memtrace_selftest()));
    return 0;
}

SYS_INIT(hooks_report, APPLICATION, 99);
