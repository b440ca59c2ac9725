/* SPDX-License-Identifier: Apache-2.0
 *
 * The time of events: the processor's counter where it is steady, else the system's clock, in units that 32 bits can tell the frequency of.
 */
#ifndef MEMTRACE_LINUX_CLOCK_H
#define MEMTRACE_LINUX_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "machine.h"

extern struct clock_source {
    bool steady;
    unsigned shift;
    uint64_t base, base_ns; /* of the counter and of the system's clock, when the log began */
} recorder_clock;

static inline uint64_t clock_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Units since the log began. */
static inline uint64_t clock_ticks(void)
{
    return ((recorder_clock.steady ? counter_read() : clock_ns()) - recorder_clock.base) >> recorder_clock.shift;
}

/* Time begins. */
void clock_start(void);

/* Units a second: the longer ago the start, the better it is known. */
uint32_t clock_hz(void);

#endif
