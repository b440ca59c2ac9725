/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine's memory, counted: whoever promises a bound on it can be held to it. */
#ifndef MEMTRACE_ENGINE_MEMORY_H
#define MEMTRACE_ENGINE_MEMORY_H

#include <stddef.h>

struct memory {
    size_t used; /* bytes that are allocated */
    size_t most; /* the most there ever were */
};

/* Zeroed, at a multiple of a cache line. NULL if there is none. */
void *memory_new(struct memory *memory, size_t bytes);

/* `bytes` is what was asked for. NULL is nothing. */
void memory_release(struct memory *memory, void *old, size_t bytes);

/* Makes room for one more entry behind `count` entries, which have room for *capacity. Returns where they are now. NULL: no
 * memory, and they stay. */
void *memory_room(struct memory *memory, void *entries, size_t *capacity, size_t count, size_t entry_bytes);

#endif
