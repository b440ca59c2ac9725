/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorder in numbers, for the program itself.
 *
 * Approach: read from the header and the tables as a host would, without a lock; nothing more is counted an event. Rejected: counting
 * slots (what another writer's slot cost is in lost_busy).
 * Cost: three instructions an entry of the live table.
 */
#include "recorder.h"

/* The head's lap with all its bits: the count of half-turns may be one behind. */
static uint64_t laps_of(const struct memtrace_header *header, uint32_t head)
{
    uint32_t half = MEMTRACE_LAP_BITS - 1u;
    uint32_t turns = u32_load(&header->laps_high);
    turns += (turns ^ head >> 31) & 1u;
    return (uint64_t)turns << half | (head >> MEMTRACE_INDEX_BITS & ((1u << half) - 1u));
}

static uint32_t names_used(const struct recorder *ring)
{
    uint32_t number = MEMTRACE_CONTEXT_FIRST_TASK;
    while (number < ring->header.names.count && u32_load(&ring->names[number].kind) != MEMTRACE_NAME_NONE)
        number++;
    return number;
}

static void live_count(const struct recorder *ring, struct memtrace_statistics *stats)
{
    const memtrace_live *entry = (const memtrace_live *)(const void *)((const char *)ring + ring->header.live.offset);
    for (uint32_t left = ring->header.live.count; left > 0; left--, entry++) {
        if (word_peek(&entry->address) <= 1u) /* free, or being written */
            continue;
        stats->live_blocks++;
        stats->live_bytes += (size_t)(word_peek(&entry->size_heap) & SIZE_MAX_RECORDED);
    }
}

static uint32_t at_most(uint64_t value, uint32_t most)
{
    return value < most ? (uint32_t)value : most;
}

bool memtrace_stats(struct memtrace_statistics *stats)
{
    const struct recorder *ring = recorder_get();
    if (ring == NULL)
        return false;
    const struct memtrace_header *header = &ring->header;
    uint32_t head = u32_load(&header->head);
    uint64_t recorded = laps_of(header, head) * header->events.count + (head & INDEX_MASK);
    *stats = (struct memtrace_statistics){
        .state = (enum memtrace_state)u32_load(&header->state),
        .run = header->run,
        .recorded = recorded,
        .events = at_most(recorded, header->events.count),
        .events_room = header->events.count,
        .stack_words = at_most(u32_load(&header->stack_words_used), header->stacks.count),
        .stack_words_room = header->stacks.count,
        .names = names_used(ring),
        .names_room = header->names.count,
        .live_room = header->live.count,
        .lost_busy = u32_load(&header->lost_busy),
        .lost_stopped = u32_load(&header->lost_stopped),
        .filtered = u32_load(&header->filtered),
        .stacks_full = u32_load(&header->stacks_full),
        .names_full = u32_load(&header->names_full),
        .live_full = u32_load(&header->live_full),
        .size_capped = u32_load(&header->size_capped),
    };
    live_count(ring, stats);
    return true;
}
