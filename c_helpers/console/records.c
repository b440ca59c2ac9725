/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorder's tables and the system's heaps as records.
 *
 * Approach: the tables are read while others write, entry by entry, as their writers promise: an entry is copied, then looked at again, and
 * counts if it is the same one still. Each record goes out as it is made. So nobody waits for a line that is slow, and a report of
 * any length needs the same stack. What an entry says is checked before it is used: a number that no table has is no name and no stack.
 * Heaps are asked again for each sum.
 * Rejected: a copy of the table (it has no size that fits all); a lock while printing (seconds, at 115,200 baud); sums in an array, by
 * kind and capability (600 bytes of stack).
 * Cost: docs/explanation/performance.md. With sums by capability each heap is looked at 40 times.
 * Assumptions: the ring's header is sound, as for the recorder itself. Others allocate meanwhile: what a sum says may differ from
 * what its parts say by what changed in between.
 */
#include "records.h"

#include <string.h>

#include "../recorder/frames.h"
#include "../recorder/live.h"

#define NAME_OF_HEAP 0x100u
#define NAME_OF_TAG 0x200u

#define HEAPS_MAX 32u
#define CAPABILITIES 32u

/* ---- names ---- */

const char *memory_name(unsigned memory)
{
    return text_of("unknown\0internal\0external\0retained\0host\0mapped\0device",
                   memory < MEMORY_KINDS ? memory : MEMTRACE_MEMORY_UNKNOWN);
}

/* Is there a filter that admits this context? The last word of its mask has bits of contexts that there are not, if all are admitted. */
static bool context_is_chosen(const uint32_t *mask, uint32_t context)
{
    return MEMTRACE_FILTERS && mask[CONTEXTS_MAX / 32u - 1u] == 0 && (mask[context / 32u] >> context % 32u & 1u) != 0;
}

void report_name(struct report *report, uint32_t entry)
{
    const struct memtrace_name *name = &names_of(&report->view)[entry];
    uint32_t kind = __atomic_load_n(&name->kind, __ATOMIC_ACQUIRE);
    memtrace_word number = entry + NAME_OF_CONTEXT;
    if (kind == MEMTRACE_NAME_HEAP)
        number = NAME_OF_HEAP + (uint8_t)name->key;
    else if (kind == MEMTRACE_NAME_TAG)
        number = NAME_OF_TAG + (uint8_t)name->key;
    else if (kind != MEMTRACE_NAME_CONTEXT && entry >= MEMTRACE_CONTEXT_FIRST_TASK)
        return;
    LINE_ADD(&report->line, LINE_NAME, number, (uintptr_t)context_name(&report->view, entry));
    if (kind == MEMTRACE_NAME_HEAP)
        LINE_ADD(&report->line, LINE_MEMORY, (uintptr_t)memory_name((uint8_t)(name->key >> MEMTRACE_KEY_MEMORY_SHIFT)),
                 (uint32_t)(name->key >> MEMTRACE_KEY_CAPABILITIES_SHIFT));
    else if (context_is_chosen(report->view.header->context_mask, entry))
        line_add_one(&report->line, LINE_CHOSEN, 0);
    line_add_one(&report->line, LINE_LAST, 0);
}

/* ---- a report ---- */

bool report_open(struct report *report, const struct memtrace_console_output *output)
{
    const struct memtrace_header *header = __atomic_load_n(&memtrace_ring, MEMTRACE_ORDER_BY_ADDRESS);
    memset(report, 0, sizeof *report);
    report->line = (struct line){output, report->text, 0};
    if (header == NULL) {
        line_add_one(&report->line, LINE_NO_RECORDER, 0);
        return false;
    }
    report->view = view_of(header);
    report->head = place_head(&report->view);
    return true;
}

void report_begin(struct report *report, enum line_form form)
{
    static const uint8_t machines[] = {0, 0xf3, 0x5e, 0x3e, 0x28, 0xb7}; /* e_machine of ELF, by enum memtrace_arch */
    const struct memtrace_header *header = report->view.header;
    line_add_one(&report->line, form, 0);
    LINE_ADD(&report->line, LINE_MACHINE, machines[header->arch % sizeof machines], (uintptr_t)header->build_id,
             header->tick_hz);
}

void report_end(struct report *report)
{
    LINE_ADD(&report->line, LINE_END, report->blocks, report->bytes);
}

void report_age(struct report *report, memtrace_word back, memtrace_word address)
{
    uint32_t age;
    if (event_age(&report->view, report->head, back, address, &age))
        line_add_one(&report->line, LINE_NUMBER, age);
    else
        line_add_one(&report->line, LINE_UNKNOWN, 0);
}

/* Each PC of a stack in this form, with this added to it. */
static void pcs_add(struct line *line, const memtrace_word *pcs, unsigned depth, enum line_form form,
                    memtrace_word more)
{
    for (; depth > 0; depth--)
        line_add_one(line, form, frame_code(*pcs++) + more);
}

bool report_stack(struct report *report, memtrace_word stack)
{
    struct line *line = &report->line;
    const memtrace_word *pcs = NULL;
    unsigned depth = stack_pcs(&report->view, stack, &pcs);
    pcs_add(line, pcs, depth, LINE_NUMBER, 0);
    line_add_one(line, LINE_LAST, 0);
    if (line->output->backtraces && depth != 0) {
        line_add_one(line, LINE_BACKTRACE, 0);
        pcs_add(line, pcs, depth, LINE_PC, WORD_ONES); /* within the call: what it names is its line */
        line_put_plain(line);
    }
    return depth != 0;
}

/* ---- blocks ---- */

static void block_print(struct report *report, const memtrace_live *block)
{
    memtrace_word owner = block->stack_context_tag, address = block->address & ~(memtrace_word)LIVE_MOVING;
    memtrace_word back = (memtrace_word)report->head.number - block->seq;
    unsigned heap = (unsigned)(block->size_heap >> SIZE_BITS), memory = heap_memory(&report->view, heap);
    size_t size = (size_t)(block->size_heap & SIZE_MAX_RECORDED);
    unsigned tag = (uint8_t)(owner >> CONTEXT_BITS);
    if ((report->tag != 0 && report->tag != tag + 1u) || (report->back != 0 && back >= report->back) ||
        (report->task != NULL && !name_equals(context_name(&report->view, context_of(owner)), report->task)))
        return;
    LINE_ADD(&report->line, report->as_leaks ? LINE_LEAK : LINE_BLOCK, address, size, block->seq,
             context_of(owner) + NAME_OF_CONTEXT, NAME_OF_HEAP + heap);
    if (report->as_leaks) {
        report_age(report, back, address);
        line_add_one(&report->line, LINE_NUMBER, tag != 0 ? NAME_OF_TAG + tag : 0);
    }
    report->without_stack += !report_stack(report, owner >> STACK_SHIFT);
    report->blocks++;
    report->bytes += size;
    report->blocks_of[memory]++;
    report->bytes_of[memory] += size;
}

void report_blocks(struct report *report)
{
    const struct memtrace_header *header = report->view.header;
    const memtrace_live *entry = (const memtrace_live *)(const void *)((const char *)header + header->live.offset);
    for (uint32_t number = 0; number < header->names.count; number++)
        report_name(report, number);
    for (uint32_t left = header->live.count; left > 0; left--, entry++) {
        memtrace_live block;
        if (live_read(entry, &block))
            block_print(report, &block);
    }
    LINE_ADD(&report->line, LINE_MISSING, header->live.count != 0 ? header->live_full : UINT32_MAX,
             report->without_stack, header->stacks_full);
}

/* ---- heaps ---- */

static bool heap_look(unsigned index, struct memtrace_heap_state *heap)
{
    return index < HEAPS_MAX && memtrace_system_heap(index, heap);
}

void heaps_sum(unsigned number, bool is_capability, struct memtrace_heap_state *sum)
{
    struct memtrace_heap_state heap;
    memset(sum, 0, sizeof *sum);
    for (unsigned index = 0; heap_look(index, &heap); index++) {
        if (is_capability ? (heap.capabilities >> number & 1u) == 0 : (unsigned)heap.memory != number)
            continue;
        sum->total += heap.total;
        sum->free += heap.free;
        sum->minimum += heap.minimum;
        sum->largest = heap.largest > sum->largest ? heap.largest : sum->largest;
    }
}

static void sum_print(struct line *line, unsigned number, bool is_capability, const size_t *before)
{
    struct memtrace_heap_state sum;
    heaps_sum(number, is_capability, &sum);
    if (sum.total == 0)
        return;
    LINE_ADD(line, is_capability ? LINE_CAPABILITY : LINE_KIND,
             is_capability ? (memtrace_word)1 << number : (uintptr_t)memory_name(number), sum.total, sum.free,
             sum.minimum, sum.largest);
    if (before != NULL)
        line_add_one(line, LINE_NUMBER, before[number]);
    line_add_one(line, LINE_LAST, 0);
}

void report_heaps(struct line *line, const size_t *before)
{
    struct memtrace_heap_state heap;
    for (unsigned kind = 0; kind < MEMORY_KINDS; kind++)
        sum_print(line, kind, false, before);
    for (unsigned number = 0; before == NULL && number < CAPABILITIES; number++)
        sum_print(line, number, true, NULL);
    for (unsigned index = 0; heap_look(index, &heap); index++)
        LINE_ADD(line, LINE_HEAP, (uintptr_t)heap.name, (uintptr_t)memory_name(heap.memory), heap.capabilities,
                 heap.total, heap.free, heap.minimum, heap.largest);
}
