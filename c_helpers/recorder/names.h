/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of names: tasks and marks by number. names.c tells the approach.
 */
#ifndef MEMTRACE_NAMES_H
#define MEMTRACE_NAMES_H

#include "recorder.h"

static inline struct memtrace_name *name_at(struct recorder *ring, uint32_t number)
{
    return &ring->names[number];
}

/* The half of the key that a handle fills; the other stays 0. A name's key is touched in no other way. */
static inline memtrace_word *name_key(struct memtrace_name *name)
{
    unsigned half = sizeof(memtrace_word) < sizeof name->key && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
    return (memtrace_word *)(void *)&name->key + half;
}

/* Number of the entry with this text, made now if there is none; MEMTRACE_CONTEXT_OTHER, and counted, if there is no room. */
uint32_t name_number(struct recorder *ring, enum memtrace_name_kind kind, memtrace_word key, const char *text);

uint32_t task_number(struct recorder *ring, memtrace_word handle);

/* Of who runs now. */
uint32_t context_number(struct recorder *ring);

/* Up to the end of the text or of the place, which is not terminated then. */
void text_copy(char *target, size_t bytes, const char *text);

#endif
