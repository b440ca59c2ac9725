/* SPDX-License-Identifier: Apache-2.0
 *
 * A ring as its reader sees it, while others write: which event stands at a number, which earlier one a record is about, what
 * time the events are told from.
 *
 * Approach: a slot is copied and looked at again: it is the event's if its last word was the same before and after. So a reader
 * takes no lock, writes nothing, and no writer waits for it; the ring itself is the buffer between them. All is read by what the header
 * says, so a ring of the run before is read the same way. Rejected: a queue of its own beside the ring (each event would be
 * copied twice, once by who allocates).
 * Cost: some 60 instructions a slot.
 * Assumptions: the ring was made by this program or by one of the same widths; its header was verified.
 */
#ifndef MEMTRACE_RING_VIEW_H
#define MEMTRACE_RING_VIEW_H

#include "../recorder/recorder.h"

struct view {
    const struct memtrace_header *header;
    const memtrace_word *events;
    const memtrace_word *arena;
};

/* An event's number, and where that is in the ring. */
struct place {
    uint64_t number;
    uint32_t index;
    uint32_t lap; /* its low bits */
};

enum slot {
    SLOT_EVENT,      /* here it is */
    SLOT_NOT_YET,    /* being written, or not begun, or refused */
    SLOT_OVERWRITTEN /* by a later one */
};

/* An event's fields, as they stand in the slot. */
struct fields {
    enum memtrace_kind kind;
    memtrace_word address, size_heap, stack, owner; /* the owner: context and tag */
    memtrace_word time;                             /* low bits */
    unsigned core;
};

struct view view_of(const struct memtrace_header *header);

/* The number that the next event will get. What was written before it was reserved is visible after this. */
uint64_t view_issued(const struct view *view);

struct place place_of(const struct view *view, uint64_t number);
struct place place_next(const struct view *view, struct place place);

enum slot slot_read(const struct view *view, struct place place, struct fields *fields);

/* How far before the record (a realloc-end, caller or time) the event lies that it is about; 0: it is not there. */
uint32_t record_distance(const struct view *view, struct place place, const struct fields *record);

/* The whole time of a SYNC or TIME record. */
uint64_t record_moment(const struct fields *record);

/* The time from which the events from `place` on are told, up to the first SYNC there. */
uint64_t moment_before(const struct view *view, struct place place);

/* The whole time of an event by its low bits. */
uint64_t time_whole(uint64_t moment, memtrace_word low);

/* The PCs of a stack, and their number; 0: there is no such stack. */
unsigned stack_pcs(const struct view *view, memtrace_word number, const memtrace_word **pcs);

#endif
