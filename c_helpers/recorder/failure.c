/* SPDX-License-Identifier: Apache-2.0
 *
 * A failed assertion of the allocator: recorded, the ring frozen as evidence, and the place where a host stops.
 */
#include "gate.h"
#include "names.h"
#include "record.h"

/* The statement keeps the calls to it: the debugger must find it on the way. */
__attribute__((weak, noinline)) void memtrace_assert_stop(void)
{
    __asm__ volatile("");
}

/* A sink has its own. */
__attribute__((weak, noinline)) void memtrace_assert_drain(void)
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
        header->assert_head = event_slow(caller, 0, line, 0, MEMTRACE_ASSERT).reservation;
        text_copy(header->assert_text, sizeof header->assert_text, text);
        text_copy(header->assert_function, sizeof header->assert_function, function);
        u32_publish(&header->state, MEMTRACE_FROZEN);
        gate_update(ring);
        memtrace_assert_drain();
    }
    memtrace_assert_stop();
}
