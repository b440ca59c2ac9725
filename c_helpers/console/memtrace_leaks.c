/* SPDX-License-Identifier: Apache-2.0
 *
 * The report of what was allocated between two moments and lives on.
 *
 * Approach: the live table has the number of each block's allocation, so the begin remembers a number and the free bytes, and nothing else is kept
 * for a report.
 * Rejected: a list of the blocks that lived at the begin (it has their number, and costs a search for each).
 * Cost: docs/explanation/performance.md; 44 bytes of RAM.
 * Assumptions: begin and end come from one task.
 */
#include "memtrace_leaks.h"

#include "records.h"

static struct {
    memtrace_word since;       /* the first event's number */
    size_t free[MEMORY_KINDS]; /* bytes at the begin */
    bool lent;                 /* the recorder lies in the application's memory */
} begun;

bool memtrace_leaks_begin(void *memory, size_t bytes)
{
    struct memtrace_config config = {.live = (unsigned)(bytes / 4u / sizeof(memtrace_live))};
    if (memtrace_ring == NULL) {
        begun.lent = memtrace_init(memory, bytes, &config);
        if (!begun.lent)
            return false;
    }
    if (memtrace_is_off())
        memtrace_start();
    for (unsigned kind = 0; kind < MEMORY_KINDS; kind++) {
        struct memtrace_heap_state sum;
        heaps_sum(kind, false, &sum);
        begun.free[kind] = sum.free;
    }
    struct view view = view_of(memtrace_ring);
    begun.since = (memtrace_word)view_issued(&view);
    return true;
}

void memtrace_leaks_end(const struct memtrace_console_output *output)
{
    struct report report;
    if (!report_open(&report, output))
        return;
    report.as_leaks = true;
    report.back = (memtrace_word)report.head.number - begun.since + 1u;
    report_begin(&report, LINE_LIVE);
    report_heaps(&report.line, begun.free);
    report_blocks(&report);
    for (unsigned memory = 0; memory < MEMORY_KINDS; memory++) {
        if (report.blocks_of[memory] != 0)
            LINE_ADD(&report.line, LINE_LEAKED, (uintptr_t)memory_name(memory), report.blocks_of[memory],
                     report.bytes_of[memory]);
    }
    report_end(&report);
    if (begun.lent)
        __atomic_store_n(&memtrace_ring, NULL, __ATOMIC_RELEASE);
    begun.lent = false;
}
