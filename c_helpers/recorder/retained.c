/* SPDX-License-Identifier: Apache-2.0
 *
 * The ring of the run before, in memory that outlives a reset.
 *
 * Approach: two halves that runs use in turn. The newer of the rings found there is the run before, the other half is begun anew, so a
 * reset at any moment leaves at least the older ring whole, and nothing is copied. A ring is one only if the first bytes of its header are
 * this build's own, its address is where it lies, and every table lies within it.
 * Rejected: a copy of the old ring (as much memory, and the time of a copy at each start); a mark beside the rings of which one is newer
 * (one more word that a reset can leave half written).
 * Cost: performance.md; nothing an event.
 * Assumptions: the start-up code neither clears nor tests the memory. Nobody records meanwhile.
 */
#include "init.h"

/* All of it lies behind the header, and no entry is cut. */
static bool table_fits(const struct memtrace_header *header, struct memtrace_table table, uint32_t entry_size)
{
    return table.entry_size == entry_size && table.offset >= sizeof *header &&
           table.offset % sizeof(memtrace_word) == 0 && table.offset <= header->total_size &&
           table.count <= (header->total_size - table.offset) / entry_size;
}

/* The magic's first byte is not in the description, and written last: without it nothing is there. */
static bool ring_begins(const uint8_t *bytes)
{
    const uint8_t *expected = (const uint8_t *)&ring_description;
    bool same = bytes[0] == MEMTRACE_MAGIC_FIRST;
    for (unsigned i = 1; i < sizeof ring_description; i++)
        same = same && bytes[i] == expected[i];
    return same;
}

/* A run that does not count itself is none of these: memtrace_init alone has begun it, or a reset came before it could. */
static bool ring_is_kept(const struct memtrace_header *header, size_t bytes)
{
    return ring_begins(header->magic) && header->self == (uintptr_t)header && header->run != 0 &&
           header->total_size <= bytes && table_fits(header, header->events, sizeof(memtrace_event)) &&
           header->events.count >= EVENTS_MIN && header->events.count <= EVENTS_MAX &&
           table_fits(header, header->stacks, sizeof(memtrace_word)) &&
           table_fits(header, header->stack_index, sizeof(uint32_t)) &&
           table_fits(header, header->live, sizeof(memtrace_live)) &&
           table_fits(header, header->names, sizeof(struct memtrace_name)) && header->names.count <= NAMES_MAX;
}

bool memtrace_init_retained(void *memory, size_t bytes, const struct memtrace_config *config)
{
    size_t half = (bytes / 2u < MEMORY_MAX ? bytes / 2u : MEMORY_MAX) & ~(size_t)7; /* a reader expects no gap */
    struct memtrace_header *lower = memory;
    if (memory == NULL || (uintptr_t)memory % 8u != 0 || half < sizeof *lower)
        return false;
    struct memtrace_header *upper = (void *)((char *)memory + half);
    struct memtrace_header *previous = ring_is_kept(lower, half) ? lower : NULL;
    if (ring_is_kept(upper, half) && (previous == NULL || (int32_t)(upper->run - lower->run) > 0))
        previous = upper;
    uint32_t run = previous != NULL ? previous->run + 1u : 1u;
    struct memtrace_header *own = previous == lower ? upper : lower;
    if (!memtrace_init(own, half, config))
        return false;
    own->previous = (uintptr_t)previous;
    own->run = run != 0 ? run : 1u;
    return true;
}

const struct memtrace_header *memtrace_previous(void)
{
    const struct recorder *ring = recorder_get();
    return ring != NULL ? (const struct memtrace_header *)(uintptr_t)ring->header.previous : NULL;
}
