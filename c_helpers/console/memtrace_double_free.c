/* SPDX-License-Identifier: Apache-2.0
 *
 * Is the free of an unknown block a second one?
 *
 * Approach: the live table has every block that was allocated since the start, so a free of one that it does not have is of an older block,
 * or a second one. The ring tells: what it says last of the address is this free; if it says a free before that, and no allocation
 * in between, that was the first. Nothing is kept for it, and who frees a block that lives pays nothing.
 * Rejected: a table of freed blocks (it must forget some); marking freed entries in the live table (it would be full of them).
 * Cost: 90 instructions for each event that is looked at, at a free of an unknown block only; some 600 bytes of stack.
 * Assumptions: docs/how-to/use-the-console.md lists what makes a report true. An allocation that was not recorded, for whatever reason,
 * makes a free after it look like a second one, so there is none where one may be missing.
 */
#include "memtrace_double_free.h"

#include "records.h"

#ifndef MEMTRACE_DOUBLE_FREE_EVENTS
#define MEMTRACE_DOUBLE_FREE_EVENTS 4096u /* the newest so many are looked at */
#endif

static const struct memtrace_console_output *printed_to;
static uint32_t printing; /* 1: somebody is; a double free meanwhile is not told */

void memtrace_double_free_to(const struct memtrace_console_output *output)
{
    __atomic_store_n(&printed_to, output, __ATOMIC_RELEASE);
}

static bool is_free(const struct fields *event)
{
    return event->kind == MEMTRACE_FREE || event->kind == MEMTRACE_REALLOC_BEGIN;
}

static void event_print(struct report *report, enum line_form form, memtrace_word back, const struct fields *event)
{
    memtrace_word seq = (memtrace_word)report->head.number - back;
    uint32_t context = context_of(event->owner);
    report_name(report, context);
    if (form == LINE_DOUBLE_FREE)
        LINE_ADD(&report->line, form, seq, context + NAME_OF_CONTEXT);
    else
        LINE_ADD(&report->line, form, event->address, event->size_heap & SIZE_MAX_RECORDED, seq,
                 context + NAME_OF_CONTEXT);
    (void)report_stack(report, event->kind != MEMTRACE_REALLOC_END ? event->stack : 0);
}

/* The newest event from there on that tells of the block, if no other one lies in between behind which nobody knows. 0: none. */
static memtrace_word event_find(const struct report *report, memtrace_word back, memtrace_word block,
                                struct fields *event)
{
    for (; back <= MEMTRACE_DOUBLE_FREE_EVENTS; back++) {
        if (!event_back(&report->view, report->head, back, event))
            continue;
        if (event->kind == MEMTRACE_CONTROL)
            break;
        if (event->address == block &&
            (is_free(event) || event->kind == MEMTRACE_ALLOC || event->kind == MEMTRACE_REALLOC_END))
            return back;
    }
    return 0;
}

static void look(struct report *report, memtrace_word block)
{
    const struct memtrace_header *header = report->view.header;
    struct fields first, second, owner;
    if (header->live.count == 0 || header->live_full != 0 || header->filtered != 0)
        return;
    memtrace_word again = event_find(report, 1, block, &second);
    memtrace_word before = again != 0 ? event_find(report, again + 1u, block, &first) : 0;
    if (before == 0 || !is_free(&second) || !is_free(&first))
        return;
    memtrace_word began = event_find(report, before + 1u, block, &owner);
    report_begin(report, LINE_STOP);
    event_print(report, LINE_DOUBLE_FREE, again, &second);
    event_print(report, LINE_FREED, before, &first);
    if (began != 0 && !is_free(&owner))
        event_print(report, LINE_OWNER, began, &owner);
    line_add_one(&report->line, LINE_STOPPED, began != 0 ? 3 : 2);
}

void memtrace_freed_unknown(uintptr_t block)
{
    const struct memtrace_console_output *output = __atomic_load_n(&printed_to, __ATOMIC_ACQUIRE);
    struct report report;
    if (output == NULL || !u32_replace(&printing, 0, 1))
        return;
    if (report_open(&report, output))
        look(&report, block);
    u32_publish(&printing, 0);
}
