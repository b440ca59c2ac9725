/* SPDX-License-Identifier: Apache-2.0
 *
 * What is kept out now: by the state, and allocations by filters of size, heap, context. Frees are always recorded, so that no
 * filter makes leaks.
 *
 * Approach: what a filter says stands in the header, where a host sees what it cannot know; `filtering` puts every event on
 * the slow way while any filter is set, so that no filter costs the quick way more than a load.
 */
#include "gate.h"

#include <string.h>

#include "names.h"

/* 0: nothing. While it is stopped no filter matters. */
static inline uint32_t gate_closers(const struct recorder *ring)
{
    uint32_t state = u32_load(&ring->header.state);
    if (MEMTRACE_FILTERS && state != MEMTRACE_STOPPED)
        state |= u32_load(&ring->filtering) << 8;
    return state;
}

/* Leaves a host's request where it is: the event that obeys it comes here again. Looks again after each exchange: whoever changed
 * something meanwhile may have come too early to undo it. */
void gate_update(struct recorder *ring)
{
    for (;;) {
        all_order();
        uint32_t wanted = 0u - gate_closers(ring);
        uint32_t request = u32_load(&ring->header.request);
        if (request == wanted || (int32_t)request > 0)
            return;
        (void)u32_replace(&ring->header.request, request, wanted);
    }
}

#if MEMTRACE_FILTERS

enum { MASK_WORDS = sizeof((struct memtrace_header *)0)->context_mask / sizeof(uint32_t) };

bool filters_admit(struct recorder *ring, memtrace_word size_heap)
{
    const struct memtrace_header *header = &ring->header;
    uint32_t context = context_number(ring);
    return (size_heap & SIZE_MAX_RECORDED) >= u32_load(&header->min_size) &&
           (u32_load(&header->heap_mask) >> (size_heap >> SIZE_BITS) & 1u) != 0 &&
           (u32_load(&header->context_mask[context / 32u]) >> (context % 32u) & 1u) != 0;
}

/* All filters let everything through: then events need not look. */
static void filters_use(struct recorder *ring)
{
    uint32_t everything = u32_load(&ring->header.heap_mask);
    for (unsigned i = 0; i < MASK_WORDS; i++)
        everything &= u32_load(&ring->header.context_mask[i]);
    u32_store(&ring->filtering, u32_load(&ring->header.min_size) != 0 || everything != UINT32_MAX);
    gate_update(ring);
}

void memtrace_filter_size(size_t minimum)
{
    struct recorder *ring = recorder_get();
    if (ring == NULL)
        return;
    u32_store(&ring->header.min_size, minimum <= UINT32_MAX ? (uint32_t)minimum : UINT32_MAX);
    filters_use(ring);
}

void memtrace_filter_heaps(uint32_t mask)
{
    struct recorder *ring = recorder_get();
    if (ring == NULL)
        return;
    u32_store(&ring->header.heap_mask, mask);
    filters_use(ring);
}

void memtrace_filter_tasks(const uintptr_t *handles, unsigned count)
{
    struct recorder *ring = recorder_get();
    if (ring == NULL)
        return;
    uint32_t mask[MASK_WORDS];
    memset(mask, count != 0 ? 0 : 0xff, sizeof mask);
    for (unsigned i = 0; i < count; i++) {
        uint32_t number = task_number(ring, handles[i]);
        mask[number / 32u] |= (uint32_t)1 << number % 32u;
    }
    for (unsigned i = 0; i < MASK_WORDS; i++) /* others look at them meanwhile */
        u32_store(&ring->header.context_mask[i], mask[i]);
    filters_use(ring);
}

#endif
