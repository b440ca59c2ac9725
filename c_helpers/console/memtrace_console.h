/* SPDX-License-Identifier: Apache-2.0
 *
 * A console on the device: commands in, records out, with no debugger and no host. docs/how-to/use-the-console.md.
 *
 *     on [TASK ...]     record, of these tasks alone ("ISR": of interrupts)
 *     off               what lives, then stop and forget it
 *     show              what lives, each block with its stack
 *     free              each heap, sums by kind of memory and capability, each task
 *     task TASK         what lives of a task
 *     mark NAME         remember this moment
 *     since NAME        what lives and was allocated since
 *     modules           what each module uses and used at most
 *     leaks MODULE      what lives of a module: its name or number
 *     status            what was recorded, and which entries of the allocator have been seen
 *     selftest          calls each entry of the allocator, and names those whose hook is missing
 *
 * `memtrace` may stand before a command. A name that has blanks stands in double quotes.
 */
#ifndef MEMTRACE_CONSOLE_H
#define MEMTRACE_CONSOLE_H

#include "memtrace_console_output.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Obeys one line, which ends before a NUL, and prints the answer. From a task, one at a time. It allocates nothing (but `selftest`, whose
 * work that is) and takes no lock. false: there is no such command, and the answer names those that there are. */
bool memtrace_console(const char *line, const struct memtrace_console_output *output);

#ifdef __cplusplus
}
#endif

#endif
