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

/* Of the next event. While others write, index and lap may be those of one that was issued a little earlier than the number. */
struct place place_head(const struct view *view);

struct place place_of(const struct view *view, uint64_t number);
struct place place_next(const struct view *view, struct place place);

/* Of an event that lies `distance` before this place, less than the whole ring. */
struct place place_before(const struct view *view, struct place place, uint32_t distance);

enum slot slot_read(const struct view *view, struct place place, struct fields *fields);

/* How far before the record (a realloc-end, caller or time) the event lies that it is about; 0: it is not there. */
uint32_t record_distance(const struct view *view, struct place place, const struct fields *record);

/* The whole time of a SYNC or TIME record. */
uint64_t record_moment(const struct fields *record);

/* The time from which the events from `place` on are told, up to the first SYNC there. */
uint64_t moment_before(const struct view *view, struct place place);

/* The whole time of an event by its low bits. */
uint64_t time_whole(uint64_t moment, memtrace_word low);

/* The event so many before the next one, of which `head` is the place. false: it is not in the ring, or not any more. */
bool event_back(const struct view *view, struct place head, memtrace_word back, struct fields *event);

/* How long ago it was, in ticks, at most all ones. false: it is not there, or is not of this address (0: of any), or nobody knows. */
bool event_age(const struct view *view, struct place head, memtrace_word back, memtrace_word address, uint32_t *age);

/* An entry of the live table. false: it is free, or was written meanwhile. */
bool live_read(const memtrace_live *entry, memtrace_live *copy);

/* The PCs of a stack, and their number; 0: there is no such stack. */
unsigned stack_pcs(const struct view *view, memtrace_word number, const memtrace_word **pcs);

static inline const struct memtrace_name *names_of(const struct view *view)
{
    return (const struct memtrace_name *)(const void *)((const char *)view->header + view->header->names.offset);
}

/* The name of a context, of which 20 bytes count: it may not be terminated. Empty if there is none. */
const char *context_name(const struct view *view, uint32_t context);

/* Is this text the name? */
bool name_equals(const char *padded, const char *text);

/* The kind of memory of a heap, by the entry that names it: the last one counts. */
unsigned heap_memory(const struct view *view, unsigned heap);

#endif
