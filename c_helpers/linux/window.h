/* SPDX-License-Identifier: Apache-2.0
 *
 * The events of one thread, in a region of the log: rows at first, packs as soon as there are enough of them.
 *
 * Approach: a window is a SKIP record that hides room for a pack, and rows behind it. An event is one row, in the mapped file. When the rows are
 * full, their pack is written into the hidden room, with a SKIP behind it that covers the rows; then the first SKIP's size becomes 0, by one store:
 * a reader meets either the rows or the pack, whenever the process is killed. The second SKIP opens the next window.
 * Rejected: a pack from memory of the recorder's own (a kill loses it); rows alone (32 bytes an event where a pack has 13).
 * Cost: the rows stay in the second-level cache; packing is some 5 ns an event.
 */
#ifndef MEMTRACE_LINUX_WINDOW_H
#define MEMTRACE_LINUX_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memtrace_words.h"

#define PACK_EVENTS 1024u

struct window {
    memtrace_word *row, *rows_end; /* where the next event goes; equal: there is no room */
    memtrace_word *rows;           /* the first one */
    memtrace_word *skip;           /* the SKIP record that hides room for their pack; NULL: there is none */
    char *region_end;
    size_t region_bytes; /* of this region; 0: there was none */
    memtrace_word stream;
    memtrace_word context; /* of its events */
    uint64_t number;       /* of the next event */
    uint64_t time;         /* of the last event */
    uint64_t sync;         /* the time that the rows are told from */
};

/* Makes room for an event at `time`, at least that of the last one. False: the log is full. */
bool window_make_room(struct window *window, uint64_t time);

/* Must window_make_room be called before an event at `time`? */
static inline bool window_needs_room(const struct window *window, uint64_t time)
{
    return window->row >= window->rows_end || time - window->sync >= TIME_NEAR;
}

/* An event, its size with its heap above. Returns its number. */
static inline uint64_t window_put(struct window *window, enum memtrace_kind kind, uint64_t time, memtrace_word address,
                                  memtrace_word size, memtrace_word stack)
{
    memtrace_word *row = window->row;
    uint64_t number = window->number++;
    window->row = row + sizeof(memtrace_event) / sizeof(memtrace_word);
    window->time = time;
    row[0] = address;
    row[1] = size;
    row[2] = stack << STACK_SHIFT | window->context;
    memtrace_word seq = (memtrace_word)number & (((memtrace_word)1 << SEQ_BITS) - 1u);
    __atomic_store_n(&row[3], (memtrace_word)time << TIME_SHIFT | seq << LAP_SHIFT | (memtrace_word)kind,
                     __ATOMIC_RELEASE);
    return number;
}

#endif
