/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether events are recorded, and what changes that: the program, a host's request, a failed assertion.
 *
 * Approach: one word of state and one of request, both 0 on the way of nearly every event. A host only writes memory; its
 * request is obeyed by the next event of any kind, on whichever core that comes. Rejected: calling functions of a stopped
 * target from the debugger (it may hold the allocator's lock).
 * Assumptions: a host writes request_name before request.
 */
#include "live.h"
#include "ring.h"

/* The quick way is open while everything is recorded. */
void gate_update(struct recorder *ring)
{
    bool open = u32_load(&ring->header.state) == MEMTRACE_RECORDING && ring->filtering == 0;
    ring->quick_size = open ? SIZE_MAX_RECORDED : 0;
}

static void plain_put(struct recorder *ring, enum memtrace_kind kind, memtrace_word address)
{
    (void)event_put(ring, (struct memtrace_caller){0, 0}, address, 0, kind);
}

/* A frozen ring is evidence: only a start opens it. */
static void state_set(struct recorder *ring, enum memtrace_state state)
{
    bool frozen = u32_load(&ring->header.state) == MEMTRACE_FROZEN;
    if (frozen && state != MEMTRACE_RECORDING)
        return;
    if (MEMTRACE_LIVE && frozen)
        live_clear(ring);
    u32_store(&ring->header.state, state);
    gate_update(ring);
    plain_put(ring, MEMTRACE_CONTROL, state);
}

static void mark_put(struct recorder *ring, const char *name)
{
    plain_put(ring, MEMTRACE_MARK, name_number(ring, MEMTRACE_NAME_MARK, 0, name));
}

/* STOPPED records no mark, whoever asks for it. */
static void request_obey(struct recorder *ring)
{
    uint32_t request = u32_load(&ring->header.request);
    if (request == MEMTRACE_REQUEST_NONE || !u32_replace(&ring->header.request, request, MEMTRACE_REQUEST_NONE))
        return;
    if (request <= MEMTRACE_REQUEST_FREES_ONLY) {
        static const uint8_t states[] = {0, MEMTRACE_RECORDING, MEMTRACE_STOPPED, MEMTRACE_FREES_ONLY};
        state_set(ring, states[request]);
    } else if (request == MEMTRACE_REQUEST_MARK && u32_load(&ring->header.state) < MEMTRACE_STOPPED) {
        mark_put(ring, ring->header.request_name);
    }
    counter_add(&ring->header.request_done);
}

/* Counts what it turns away. */
bool gate_admits(struct recorder *ring, enum memtrace_kind kind)
{
    request_obey(ring);
    uint32_t state = u32_load(&ring->header.state);
    bool paused = state == MEMTRACE_FREES_ONLY && (kind == MEMTRACE_ALLOC || kind == MEMTRACE_ALLOC_FAILED);
    if (paused)
        counter_add(&ring->header.filtered);
    else if (state >= MEMTRACE_STOPPED)
        counter_add(&ring->header.lost_stopped);
    return !paused && state < MEMTRACE_STOPPED;
}

static void state_ask(enum memtrace_state state)
{
    struct recorder *ring = recorder_get();
    if (ring != NULL)
        state_set(ring, state);
}

void memtrace_start(void)
{
    state_ask(MEMTRACE_RECORDING);
}

void memtrace_stop(void)
{
    state_ask(MEMTRACE_STOPPED);
}

void memtrace_frees_only(void)
{
    state_ask(MEMTRACE_FREES_ONLY);
}

void memtrace_mark(const char *name)
{
    struct recorder *ring = recorder_get();
    if (ring != NULL && gate_admits(ring, MEMTRACE_MARK))
        mark_put(ring, name);
}

/* The statement keeps the calls to it: the debugger must find it on the way. */
__attribute__((weak, noinline)) void memtrace_assert_stop(void)
{
    __asm__ volatile("");
}

void memtrace_assert_failed(struct memtrace_caller caller, const char *text, unsigned line, const char *function)
{
    struct recorder *ring = recorder_get();
    if (ring != NULL) {
        struct memtrace_header *header = &ring->header;
        if (!u32_replace(&header->assert_line, 0, line != 0 ? line : 1))
            return;
        header->assert_head = event_put(ring, caller, 0, line, MEMTRACE_ASSERT).reservation;
        text_copy(header->assert_text, sizeof header->assert_text, text);
        text_copy(header->assert_function, sizeof header->assert_function, function);
        u32_store(&header->state, MEMTRACE_FROZEN);
        gate_update(ring);
    }
    memtrace_assert_stop();
}
