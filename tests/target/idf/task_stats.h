/* SPDX-License-Identifier: Apache-2.0
 *
 * Task tracking of our own that keeps its lists under the names that ESP-IDF has for them: of each task its heaps, of each
 * of these the blocks that the task has from it. The nodes are blocks of the first heap.
 */
#ifndef TASK_STATS_H
#define TASK_STATS_H

#include <stddef.h>
#include <stdint.h>

#include "heap_caps.h"

#define TASK_NAME_BYTES 16

/* Who allocates from now on: any address that stays the task's, and its name. */
void task_stats_switch(void *task, const char *name);
void *task_stats_current(void);

void heap_caps_update_per_task_info_alloc(struct heap_t_ *heap, void *pointer, size_t size, uint32_t caps);
void heap_caps_update_per_task_info_free(void *pointer);

#endif
