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
} begun;

bool memtrace_leaks_begin(void)
{
    if (memtrace_ring == NULL)
        return false;
    if (memtrace_is_off())
        memtrace_start();
    for (unsigned memory = 0; memory < MEMORY_KINDS; memory++) {
        struct memtrace_heap_state sum;
        heaps_sum(memory, false, &sum);
        begun.free[memory] = sum.free;
    }
    struct view view = view_of(memtrace_ring);
    begun.since = (memtrace_word)view_issued(&view);
    return true;
}

void memtrace_leaks_end(const struct memtrace_output *output)
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
}
