/* SPDX-License-Identifier: Apache-2.0
 *
 * Which blocks were allocated between two moments and live on? docs/how-to/use-the-console.md.
 *
 *     memtrace_leaks_begin(NULL, 0);
 *     connect_and_disconnect();
 *     memtrace_leaks_end(&output);
 */
#ifndef MEMTRACE_LEAKS_H
#define MEMTRACE_LEAKS_H

#include "memtrace.h"
#include "memtrace_output.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Blocks that are allocated from now on are looked at. As often as you like; a second begin replaces the first. A recorder that is off
 * is started, and its live table with it. Without a recorder it is made in `memory`, which is the application's own, of PSRAM for
 * example, and lent until memtrace_leaks_end has given it back; nobody may record meanwhile, as for memtrace_init. false: there is no recorder, and none fits the
 * memory. */
bool memtrace_leaks_begin(void);

/* Prints what has changed in free bytes, each block that was allocated since and lives, and sums; then the recorder is as it was before.
 * From a task. Returns the memory that was lent, or NULL: there was none. */
void memtrace_leaks_end(const struct memtrace_output *output);

#ifdef __cplusplus
}
#endif

#endif
