/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of names: tasks and marks by number, and the names of numbers. names.c tells the approach.
 */
#ifndef MEMTRACE_NAMES_H
#define MEMTRACE_NAMES_H

#include "recorder.h"

static inline struct memtrace_name *name_at(struct recorder *ring, uint32_t number)
{
    return &ring->names[number];
}

/* The half of the key that a handle fills: the low one. The other is 0, but a heap's. */
static inline memtrace_word *name_key(struct memtrace_name *name)
{
#if UINTPTR_MAX > 0xffffffffu
    return &name->key;
#else
    return &name->key_halves[__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__];
#endif
}

/* Number of the entry with this text (NULL: an empty one), made now if there is none; MEMTRACE_CONTEXT_OTHER, and counted, if there
 * is no room. */
uint32_t name_number(struct recorder *ring, memtrace_word key, const char *text, enum memtrace_name_kind kind);

uint32_t task_number(struct recorder *ring, memtrace_word handle);

/* Of who runs now. */
uint32_t context_number(struct recorder *ring);

/* The text, NULs behind it; one that fills the place is not terminated. NULL is an empty one. */
void text_copy(char *target, size_t bytes, const char *text);

#endif
