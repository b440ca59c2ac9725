/* SPDX-License-Identifier: Apache-2.0
 *
 * What the user's configASSERT does about a failure, told the place that failed in place of this one: its __FILE__ and __LINE__ are
 * parameters here. A system header, as the compiler lets no other give these names another meaning without a warning. For
 * memtrace_freertos.c, and once.
 */
#pragma GCC system_header
#define __FILE__ file
#define __LINE__ line

static void users_assertion(const char *file, int line)
{
    (void)file, (void)line;
    configASSERT(0);
}
