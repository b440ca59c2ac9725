/* SPDX-License-Identifier: Apache-2.0
 *
 * The live table: what the allocation of each block said, kept until its free. live.c tells the approach.
 */
#ifndef MEMTRACE_LIVE_H
#define MEMTRACE_LIVE_H

#include "ring.h"

#if MEMTRACE_MODULES
#include "../usage/memtrace_usage.h"
#endif

#define LIVE_FREE 0u
#define LIVE_CLAIMED 1u
#define LIVE_MOVING 1u /* in an entry's address, whose low bit is 0 otherwise: its reallocation is under way */
#define LIVE_WAYS 8u

/* Gives an entry that has this address still another one. Its block lives no more if that is none: then its module has one less. */
static inline bool live_replace(memtrace_live *entry, memtrace_word address, memtrace_word changed)
{
#if MEMTRACE_MODULES
    memtrace_word size_heap = word_peek(&entry->size_heap), owner = word_peek(&entry->stack_context_tag);
    bool replaced = word_replace(&entry->address, address, changed);
    if (replaced && changed <= LIVE_CLAIMED)
        memtrace_usage_free((uint8_t)(owner >> CONTEXT_BITS), (size_t)(size_heap & SIZE_MAX_RECORDED));
    return replaced;
#else
    return word_replace(&entry->address, address, changed);
#endif
}

void live_insert(struct recorder *ring, uintptr_t block, size_t size, unsigned heap, struct put put);

/* Gives the entry of `address` another one; 0 frees it. */
void live_change(uintptr_t address, uintptr_t changed);

void live_clear(struct recorder *ring);

#endif
