/* SPDX-License-Identifier: Apache-2.0
 *
 * A second free is told at once, with the stacks of both. Compile the recorder with -DMEMTRACE_DOUBLE_FREE=1 for it;
 * docs/how-to/use-the-console.md says when a report is true, and what it does not see.
 */
#ifndef MEMTRACE_DOUBLE_FREE_H
#define MEMTRACE_DOUBLE_FREE_H

#include <stdint.h>

#include "memtrace_console_output.h"

#ifdef __cplusplus
extern "C" {
#endif

/* From now on a double free is printed there, by who frees, in an interrupt too, before the allocator sees it. NULL: nowhere, as at the
 * start. */
void memtrace_double_free_to(const struct memtrace_console_output *output);

/* The recorder's: this block was freed, and the live table has no such block. */
void memtrace_freed_unknown(uintptr_t block);

#ifdef __cplusplus
}
#endif

#endif
