/* SPDX-License-Identifier: Apache-2.0
 *
 * Recording anew while others record.
 *
 * Approach: an event of its own says that what came before it is forgotten. It is overwritten last of all that it forgets, so no place in
 * the header is needed, and nothing that an event under way relies on moves. Rejected: setting the head back (a writer that is
 * kept waiting would turn a lap that is no more); emptying the slots (what has no event is lost, as a reader counts).
 * Cost: one compare-and-swap an entry of the live table.
 * Assumptions: the event finds its slot free, as nearly every event does; where it does not, counts are 0 and nothing is forgotten.
 */
#include "live.h"
#include "names.h"

/* An entry that is being written belongs to its writer. */
static void live_forget(struct recorder *ring)
{
    memtrace_live *entry = (memtrace_live *)(void *)((char *)ring + ring->header.live.offset);
    for (uint32_t left = ring->header.live.count; left > 0; left--, entry++) {
        memtrace_word address = word_peek(&entry->address);
        if (address > 1u)
            (void)live_replace(entry, address, LIVE_FREE);
    }
}

void memtrace_reset(void)
{
    struct recorder *ring = recorder_get();
    if (ring == NULL)
        return;
    struct memtrace_header *header = &ring->header;
    uint32_t *const counts[] = {&header->lost_busy,  &header->lost_stopped, &header->filtered,   &header->stacks_full,
                                &header->names_full, &header->live_full,    &header->size_capped};
    memtrace_start();
    live_forget(ring);
    for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++)
        u32_store(counts[i], 0);
    (void)event_put(ring, context_number(ring), MEMTRACE_ANEW, 0, MEMTRACE_CONTROL);
}
