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

/* Leaves a host's request where it is: the event that obeys it comes here again. */
void gate_update(struct recorder *ring)
{
    uint32_t look =
        u32_load(&ring->header.state) != MEMTRACE_RECORDING || ring->filtering != 0 ? MEMTRACE_REQUEST_LOOK : 0;
    (void)u32_replace(&ring->header.request, look ^ MEMTRACE_REQUEST_LOOK, look);
}

#if MEMTRACE_FILTERS

bool filters_admit(struct recorder *ring, memtrace_word size_heap)
{
    const struct memtrace_header *header = &ring->header;
    uint32_t context = context_number(ring);
    return (size_heap & SIZE_MAX_RECORDED) >= u32_load(&header->min_size) &&
           (u32_load(&header->heap_mask) >> (size_heap >> SIZE_BITS) & 1u) != 0 &&
           (u32_load(&header->context_mask[context / 32u]) >> (context % 32u) & 1u) != 0;
}

static void filters_use(struct recorder *ring)
{
    u32_store(&ring->filtering, 1);
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
    uint32_t *mask = ring->header.context_mask;
    memset(mask, count != 0 ? 0 : 0xff, sizeof ring->header.context_mask);
    for (unsigned i = 0; i < count; i++) {
        uint32_t number = task_number(ring, handles[i]);
        mask[number / 32u] |= (uint32_t)1 << number % 32u;
    }
    filters_use(ring);
}

#endif
