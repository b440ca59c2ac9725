/* SPDX-License-Identifier: Apache-2.0
 *
 * What the recorder and the system know, as records of docs/reference/console.md. records.c tells the approach.
 */
#ifndef MEMTRACE_RECORDS_H
#define MEMTRACE_RECORDS_H

#include "../sinks/ring_view.h"
#include "lines.h"
#include "memtrace_system.h"

#define MEMORY_KINDS (MEMTRACE_MEMORY_DEVICE + 1u)

/* A report that is being printed. What is wanted of it is all, if nobody says otherwise. */
struct report {
    struct line line; /* the first: what is added to the one is to the other */
    struct view view;
    struct place head; /* behind the newest event when it began */
    /* Which blocks are wanted. */
    const char *task;   /* of the task of this name */
    unsigned tag;       /* of this module and 1 */
    memtrace_word back; /* of fewer events than this before the report */
    bool as_leaks;      /* with age and module */
    /* What was printed of them: all, and by the kind of memory that they lie in. */
    uint32_t blocks, without_stack, blocks_of[MEMORY_KINDS];
    size_t bytes, bytes_of[MEMORY_KINDS];
    char text[LINE_BYTES]; /* of the line; last, so that the others are near */
};

/* Looks at the recorder. false: there is none, and a sentence about that was printed. */
bool report_open(struct report *report, const struct memtrace_console_output *output);

/* The record B, of this form. */
void report_begin(struct report *report, enum line_form form);

/* What the numbers are called, the blocks that live and are wanted, each with its stack, and what is missing. */
void report_blocks(struct report *report);

/* The record E. */
void report_end(struct report *report);

/* The sums of the heaps of each kind of memory, then each heap. With `before`, the free bytes of each kind at some moment, the sums say
 * them, too; without it there are sums for each capability. */
void report_heaps(struct line *line, const size_t *before);

/* The heaps of this kind of memory, or with `is_capability` those that have it, in one. */
void heaps_sum(unsigned number, bool is_capability, struct memtrace_heap_state *sum);

/* The last fields of a record of an event, and its end. false: there is no such stack. */
bool report_stack(struct report *report, memtrace_word stack);

/* A record N, if the entry of the table of names is something's that records have the number of. */
void report_name(struct report *report, uint32_t entry);

/* A field: how long ago the event so many before this report was, in ticks; '-' if that is not known. Of this address; 0: of any. */
void report_age(struct report *report, memtrace_word back, memtrace_word address);

/* What a kind of memory is called. */
const char *memory_name(unsigned memory);

/* The context that did it, and its number in records, where 0 is none. */
static inline uint32_t context_of(memtrace_word owner)
{
    return (uint32_t)(owner & (((memtrace_word)1 << CONTEXT_BITS) - 1u));
}

#define NAME_OF_CONTEXT 1u

#endif
