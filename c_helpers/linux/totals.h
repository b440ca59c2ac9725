/* SPDX-License-Identifier: Apache-2.0
 *
 * What lives now and at most: of the allocator, in mappings, in devices, and in all. Counted only if a peak is watched or a summary is asked for.
 *
 * Approach: a block's size is what the allocator says of it, so that a free needs no table of blocks. A thread tells its changes when they add
 * up to 64 KiB; peaks are exact to that much a thread.
 */
#ifndef MEMTRACE_LINUX_TOTALS_H
#define MEMTRACE_LINUX_TOTALS_H

#include <stdbool.h>
#include <stdint.h>

#include "recorder.h"
#include "thread.h"

extern bool totals_are_counted;

/* `bytes` more, or less. Returns whether the total has just passed what is watched; then `peak` is where. */
bool totals_change(struct thread *thread, enum heap heap, int64_t bytes, uint64_t *peak);

/* "host peak 415 MB, ...", of the program's whole time. */
int totals_describe(char *to, size_t room);

#endif
