/* SPDX-License-Identifier: Apache-2.0
 *
 * The sink of a program: who drains, when it writes, and what is left to the next start. memtrace_sink.h says how it is used.
 *
 * Approach: one sink a program, entered by one context at a time; who finds it entered does without. It closes the output
 * whenever nothing came since the last poll, so a quiet system's log is safe, and every POLLS_OPEN polls otherwise.
 * Assumptions: the memory of a ring that outlived a reset is not touched while the log of it is written.
 */
#include "sink.h"

#define POLLS_OPEN 32u

static struct sink *the_sink;
static uint32_t entered;

static struct sink *sink_enter(void)
{
    struct sink *sink = __atomic_load_n(&the_sink, __ATOMIC_ACQUIRE);
    return sink != NULL && u32_replace(&entered, 0, 1) ? sink : NULL;
}

static void sink_leave(void)
{
    u32_publish(&entered, 0);
}

bool memtrace_sink_start(void *memory, size_t bytes, struct memtrace_output *output)
{
    const struct recorder *ring = recorder_get();
    if (ring == NULL || !u32_replace(&entered, 0, 1))
        return false;
    const struct memtrace_header *before = memtrace_previous();
    __atomic_store_n(&the_sink, NULL, __ATOMIC_RELAXED);
    if (before != NULL) {
        struct sink *rest = sink_resume(memory, bytes, before, output);
        if (rest != NULL || sink_make(memory, bytes, before, output))
            sink_finish(memory);
    }
    bool made = sink_make(memory, bytes, &ring->header, output);
    if (made)
        __atomic_store_n(&the_sink, memory, __ATOMIC_RELEASE);
    sink_leave();
    return made;
}

void memtrace_sink_poll(void)
{
    struct sink *sink = sink_enter();
    if (sink == NULL)
        return;
    uint64_t before = sink->now.next.number;
    bool stopped = u32_load(&sink->view.header->state) >= MEMTRACE_STOPPED;
    sink_drain(sink, false);
    sink->polls++;
    if (stopped || sink->now.next.number == before || sink->polls >= POLLS_OPEN || sink->ended != 0)
        sink_flush(sink);
    else if (sink->now.used >= sink->room / 2u)
        sink_write(sink);
    sink_keep(sink);
    sink_leave();
}

void memtrace_sink_flush(void)
{
    struct sink *sink = sink_enter();
    if (sink == NULL)
        return;
    sink_finish(sink);
    sink_leave();
}

uint64_t memtrace_sink_dropped(void)
{
    const struct sink *sink = __atomic_load_n(&the_sink, __ATOMIC_ACQUIRE);
    return sink != NULL && sink->ended != 0 ? view_issued(&sink->view) - sink->now.safe : 0;
}

/* In place of the recorder's, at an assertion: an output that needs nobody takes the rest now; that of any other waits for the next
 * start. */
void memtrace_assert_drain(void)
{
    struct sink *sink = sink_enter();
    if (sink == NULL)
        return;
    if (sink->output->polled)
        sink_finish(sink);
    sink_leave();
}
