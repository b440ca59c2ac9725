/* SPDX-License-Identifier: Apache-2.0
 *
 * Which blocks were allocated between two moments and live on? docs/how-to/use-the-console.md.
 *
 *     memtrace_leaks_begin(memory, sizeof memory);
 *     connect_and_disconnect();
 *     memtrace_leaks_end(&output);
 */
#ifndef MEMTRACE_LEAKS_H
#define MEMTRACE_LEAKS_H

#include "memtrace.h"
#include "memtrace_console_output.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Blocks that are allocated from now on are looked at. As often as you like; a second begin replaces the first. A recorder that is off
 * is started, and forgets what lived. Without a recorder one is made in `memory`, which is the application's, of PSRAM for example, and lent
 * to it until memtrace_leaks_end: a quarter of it for stacks, a quarter for blocks that live, the rest for events. With one, the
 * memory is left alone, and may be NULL. false: there is no recorder, and none fits the memory. */
bool memtrace_leaks_begin(void *memory, size_t bytes);

/* Prints what has changed in free bytes by kind of memory, the heaps, each block that was allocated since and lives, with its age, task,
 * module and stack, and sums by kind of memory. A recorder that was there goes on.
 *
 * One in lent memory ends, and the memory is the application's again. So nobody may be in the recorder then, as for memtrace_init: tasks
 * that allocate are blocked or deleted, interrupts that do are off. Where that cannot be, give the recorder memory of its own. */
void memtrace_leaks_end(const struct memtrace_console_output *output);

#ifdef __cplusplus
}
#endif

#endif
