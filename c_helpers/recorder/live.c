/* SPDX-License-Identifier: Apache-2.0
 *
 * Approach: sets of eight entries, found by the address's hash; a block has its place in one set, so nothing ever moves and
 * removing leaves no gap to mark. A full set is counted, not searched past. Entries are claimed by exchanging a free
 * address for 1. Rejected: linear probing (removals leave tombstones, or move entries under a reader); evicting the oldest
 * (the block that has lived long is the one that leaks).
 * Cost: eight comparisons for a free, up to sixteen for an allocation.
 * Assumptions: what the allocator gives is even. Of two frees of one address at the same time one finds the entry.
 */
#include "live.h"

#include <string.h>

#if MEMTRACE_DOUBLE_FREE
#include "../console/memtrace_double_free.h"
#endif

#if MEMTRACE_LIVE

/* Spreads an address over its upper bits (Knuth's multiplier). */
#define ADDRESS_FACTOR 2654435761u

static memtrace_live *live_table(struct recorder *ring)
{
    return (memtrace_live *)(void *)((char *)ring + ring->header.live.offset);
}

static memtrace_live *live_find(struct recorder *ring, uintptr_t block, memtrace_word address)
{
    uint32_t sets = ring->header.live.count / LIVE_WAYS;
    uint32_t hash = (uint32_t)(block >> 2) * ADDRESS_FACTOR;
    memtrace_live *entry = live_table(ring) + (uint32_t)((uint64_t)hash * sets >> 32) * LIVE_WAYS;
    for (unsigned way = 0; way < LIVE_WAYS && sets != 0; way++, entry++) {
        if (word_load(&entry->address) == address)
            return entry;
    }
    return NULL;
}

/* As much of a sequence number as a word has room for. The count of half-turns may be one ahead of or behind the reservation's
 * lap. */
static memtrace_word sequence_of(const struct recorder *ring, uint32_t reservation)
{
    uint32_t lap = reservation >> MEMTRACE_INDEX_BITS;
    uint32_t half = MEMTRACE_LAP_BITS - 1u;
    uint32_t turns = u32_load(&ring->header.laps_high);
    if (((turns ^ lap >> half) & 1u) != 0)
        turns += (lap >> (half - 1u) & 1u) != 0 ? UINT32_MAX : 1u;
    memtrace_word laps = (memtrace_word)turns << half | (lap & ((1u << half) - 1u));
    return laps * ring->header.events.count + (reservation & INDEX_MASK);
}

static memtrace_live *live_claim(struct recorder *ring, uintptr_t block)
{
    memtrace_live *entry = live_find(ring, block, block);
    if (entry != NULL && live_replace(entry, block, LIVE_CLAIMED)) /* its free was not recorded */
        return entry;
    for (unsigned tries = LIVE_WAYS; tries > 0; tries--) {
        entry = live_find(ring, block, LIVE_FREE);
        if (entry == NULL)
            break;
        if (word_replace(&entry->address, LIVE_FREE, LIVE_CLAIMED))
            return entry;
    }
    return NULL;
}

void live_insert(struct recorder *ring, uintptr_t block, size_t size, unsigned heap, struct put put)
{
    memtrace_live *entry = ring->header.live.count != 0 ? live_claim(ring, block) : NULL;
    if (entry == NULL) {
        if (ring->header.live.count != 0)
            counter_add(&ring->header.live_full);
        return;
    }
    memtrace_word size_heap = (size < SIZE_MAX_RECORDED ? size : SIZE_MAX_RECORDED) | (memtrace_word)heap << SIZE_BITS;
    PLACE_WRITE(&entry->size_heap, size_heap); /* who makes a log may be reading the entry before it */
    PLACE_WRITE(&entry->stack_context_tag, put.owner);
    PLACE_WRITE(&entry->seq, sequence_of(ring, put.reservation));
#if MEMTRACE_MODULES
    memtrace_usage_alloc((uint8_t)(put.owner >> CONTEXT_BITS), (size_t)(size_heap & SIZE_MAX_RECORDED));
#endif
    word_publish(&entry->address, block);
}

void live_change(uintptr_t address, uintptr_t changed)
{
    struct recorder *ring = recorder_get();
    if (ring == NULL || u32_load(&ring->header.state) >= MEMTRACE_STOPPED)
        return;
    memtrace_live *entry = live_find(ring, address & ~(uintptr_t)LIVE_MOVING, address);
    if (entry != NULL)
        (void)live_replace(entry, address, changed);
#if MEMTRACE_DOUBLE_FREE
    else if (changed == LIVE_FREE && (address & LIVE_MOVING) == 0)
        memtrace_freed_unknown(address);
#endif
}

void live_clear(struct recorder *ring)
{
#if MEMTRACE_MODULES
    memtrace_live *entry = live_table(ring);
    for (uint32_t left = ring->header.live.count; left > 0; left--, entry++) {
        if (entry->address > LIVE_CLAIMED)
            (void)live_replace(entry, entry->address, LIVE_FREE);
    }
#endif
    memset(live_table(ring), 0, (size_t)ring->header.live.count * sizeof(memtrace_live));
}

#endif
