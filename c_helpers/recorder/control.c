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

/* A frozen ring is evidence: only a start opens it. Until assert_line is 0 again no assertion counts. A state changes from the one that was
 * looked at, or not at all: who changed it meanwhile came later, above all an assertion. Nobody records while a start empties the
 * live table, if it is the only start just then. STOPPED and FROZEN record no mark, whoever asks for it. The event is past the gate. */
void memtrace_control(enum memtrace_request request, const char *name)
{
    struct recorder *ring = recorder_get();
    if (ring == NULL)
        return;
    uint32_t before = u32_load(&ring->header.state);
    uint32_t what = (uint32_t)request - MEMTRACE_REQUEST_START;
    if (before >= MEMTRACE_STOPPED &&
        before + what > MEMTRACE_FROZEN) /* STOPPED opens for all or frees, FROZEN for all */
        return;
    if (request == MEMTRACE_REQUEST_MARK) {
        what = name_number(ring, 0, name, MEMTRACE_NAME_MARK);
    } else {
        if (what > MEMTRACE_STOPPED)
            return;
        if (MEMTRACE_LIVE && before >= MEMTRACE_STOPPED)
            live_clear(ring);
        if (!u32_replace(&ring->header.state, before, what))
            return;
        what |= before << MEMTRACE_CONTROL_BEFORE_SHIFT;
        if (before == MEMTRACE_FROZEN)
            u32_store(&ring->header.assert_line, 0);
    }
    gate_update(ring);
    (void)event_put(ring, context_number(ring), what, 0,
                    request == MEMTRACE_REQUEST_MARK ? MEMTRACE_MARK : MEMTRACE_CONTROL);
}

/* Done is what has been obeyed: then a host may write the next one's name. */
static void request_obey(struct recorder *ring, uint32_t request)
{
    if ((int32_t)request < 0 || !u32_replace(&ring->header.request, request, UINT32_MAX))
        return;
    memtrace_control((enum memtrace_request)request, ring->header.request_name);
    gate_update(ring);
    counter_add(&ring->header.request_done);
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
        if (state == MEMTRACE_FROZEN)
            counter_add(&ring->header.lost_stopped);
    } else if (allocates && (state == MEMTRACE_FREES_ONLY || (MEMTRACE_FILTERS && !filters_admit(ring, size_heap)))) {
        counter_add(&ring->header.filtered);
    } else {
        return true;
    }
    return false;
}
