/* SPDX-License-Identifier: Apache-2.0 */
#include "totals.h"

#include <stdio.h>

#include "options.h"

#define TOLD_FROM 65536
#define MB 1000000

bool totals_are_counted;

enum { TOTAL = HEAPS, COUNTERS };

static int64_t now[COUNTERS], peaks[COUNTERS];
static uint32_t is_above; /* what is watched */

static int64_t counter_add(unsigned counter, int64_t bytes)
{
    int64_t value = __atomic_add_fetch(&now[counter], bytes, __ATOMIC_RELAXED);
    int64_t peak = __atomic_load_n(&peaks[counter], __ATOMIC_RELAXED);
    while (value > peak &&
           !__atomic_compare_exchange_n(&peaks[counter], &peak, value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    return value;
}

/* Once each time that it is passed; again after a tenth of it was given back. */
static bool passes(int64_t total)
{
    if (options.peak == 0)
        return false;
    if (total < (int64_t)(options.peak / 10u * 9u))
        __atomic_store_n(&is_above, 0u, __ATOMIC_RELAXED);
    return total >= (int64_t)options.peak && __atomic_exchange_n(&is_above, 1u, __ATOMIC_RELAXED) == 0;
}

bool totals_change(struct thread *thread, enum heap heap, int64_t bytes, uint64_t *peak)
{
    int64_t change = thread->change[heap] += bytes;
    if (change > -TOLD_FROM && change < TOLD_FROM)
        return false;
    thread->change[heap] = 0;
    (void)counter_add(heap, change);
    int64_t total = counter_add(TOTAL, change);
    *peak = total < 0 ? 0 : (uint64_t)total;
    return passes(total);
}

int totals_describe(char *to, size_t room)
{
    static const char *const names[COUNTERS] = {"host", "mmap", "dma", "total"};
    int length = 0;
    for (unsigned i = 0; i < COUNTERS && (size_t)length < room; i++) {
        int64_t tenths = peaks[i] < 0 ? 0 : peaks[i] / (MB / 10);
        length += snprintf(to + length, room - (size_t)length, "%s%s peak %lld.%lld MB", i == 0 ? "" : ", ", names[i],
                           (long long)(tenths / 10), (long long)(tenths % 10));
    }
    return length;
}
