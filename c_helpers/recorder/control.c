/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether events are recorded, and what changes that: the program and a host's request.
 *
 * Approach: one word, header.request, is 0 while everything is recorded and nothing is asked. A host only writes memory; its
 * request is obeyed by the next event of any kind, on whichever core that comes. Rejected: calling functions of a stopped
 * target from the debugger (it may hold the allocator's lock).
 * Assumptions: a host writes request_name before request.
 */
#include "control.h"

#include "gate.h"
#include "live.h"
#include "names.h"
#include "ring.h"

/* A frozen ring is evidence: only a start opens it. STOPPED records no mark, whoever asks for it. The event comes last, and
 * past the gate, so that it is jumped to. */
void memtrace_control(enum memtrace_request request, const char *name)
{
    struct recorder *ring = recorder_get();
    if (ring == NULL)
        return;
    struct memtrace_header *header = &ring->header;
    uint32_t state = u32_load(&header->state);
    uint32_t what = (uint32_t)request - MEMTRACE_REQUEST_START;
    bool marks = request == MEMTRACE_REQUEST_MARK;
    bool allowed = marks ? state < MEMTRACE_STOPPED
                         : what < MEMTRACE_FROZEN && (state != MEMTRACE_FROZEN || what == MEMTRACE_RECORDING);
    if (marks && !allowed) {
        counter_add(&header->lost_stopped);
    } else if (marks) {
        what = name_number(ring, MEMTRACE_NAME_MARK, 0, name);
    } else if (allowed) {
        if (MEMTRACE_LIVE && state == MEMTRACE_FROZEN)
            live_clear(ring);
        u32_store(&header->state, what);
        u32_store(&header->assert_line, 0);
    }
    gate_update(ring);
    if (allowed)
        (void)event_put(ring, context_number(ring), what, 0, marks ? MEMTRACE_MARK : MEMTRACE_CONTROL);
}

static void request_obey(struct recorder *ring, uint32_t request)
{
    if (request == MEMTRACE_REQUEST_LOOK || !u32_replace(&ring->header.request, request, MEMTRACE_REQUEST_LOOK))
        return;
    (void)u32_add(&ring->header.request_done, 1);
    memtrace_control((enum memtrace_request)request, ring->header.request_name);
}

__attribute__((cold)) bool control_admits(struct recorder *ring, enum memtrace_kind kind, memtrace_word size_heap)
{
    uint32_t request = u32_load(&ring->header.request);
    if (request == 0)
        return true;
    request_obey(ring, request);
    uint32_t state = u32_load(&ring->header.state);
    bool allocates = kind == MEMTRACE_ALLOC || kind == MEMTRACE_ALLOC_FAILED;
    if (state >= MEMTRACE_STOPPED && kind != MEMTRACE_ASSERT) {
        counter_add(&ring->header.lost_stopped);
    } else if (allocates && (state == MEMTRACE_FREES_ONLY || (MEMTRACE_FILTERS && !filters_admit(ring, size_heap)))) {
        counter_add(&ring->header.filtered);
    } else {
        return true;
    }
    return false;
}
