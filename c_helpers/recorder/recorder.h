/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorder's memory: the format's header, what only the recorder needs, and the widths of this machine's words. Every file of
 * the recorder starts here; none is included by a program.
 */
#ifndef MEMTRACE_RECORDER_H
#define MEMTRACE_RECORDER_H

#define MEMTRACE_RECORDER 1 /* arch/arch.h: with what walks frames */

#include "memtrace.h"
#include "memtrace_words.h"

#include "atomic.h"

/* A port without a clock may leave the clock's functions out. Macros, so that one which has them is taken, too. */
#if MEMTRACE_PORT_TICK_HZ == 0
#define memtrace_port_time() ((uint32_t)0)
#define memtrace_port_time_full() ((uint64_t)0)
#endif

#define LAP_UNIT ((uint32_t)1 << MEMTRACE_INDEX_BITS)
#define INDEX_MASK (LAP_UNIT - 1u)
#define EVENTS_MAX ((uint32_t)1 << 19)
#define RESERVATION_NONE UINT32_MAX

#define EVENT_SHIFT (UINTPTR_MAX > 0xffffffffu ? 5u : 4u) /* an event's bytes are two to this */
#define STATE_WORD 3

/* Entries of the table of guesses: which owner the last event from this place had. */
#define GUESSES 64u

/* What is known of a return address where a frame is found by its function's code: what FRAME_RULES says, and the address, mixed so
 * that what two writers at once make of an entry belongs to no address that is asked for. */
#define RULES 64u
struct rule {
    uint32_t mixed;
    uint32_t rule;
};

/* A context's number is an index into the names, of which there are fewer. */
#define CONTEXTS_MAX 256u

/* The header, then what only the recorder reads. The table of names follows. */
struct recorder {
    struct memtrace_header header;
    memtrace_word *states; /* the last word of slot 0 */
    memtrace_word *arena;  /* word 0 of the stack table */
    uint32_t *stack_index; /* the first stack of each hash value */
    uint32_t index_limit;  /* events in the ring, shifted up as a reservation's index is by dropping its lap */
    uint32_t filtering;    /* 1: some filter is set */
    uint32_t syncing;      /* 1: some context is writing a SYNC */
#if UINTPTR_MAX > 0xffffffffu
    memtrace_word moment; /* the time of the last SYNC, or 0 */
#endif
#if MEMTRACE_QUICK
    memtrace_word guesses[GUESSES]; /* stack and context, to be verified */
#endif
#ifdef FRAME_RULES
    struct rule rules[RULES];
#endif
#if MEMTRACE_TAGS
    uint8_t tags[CONTEXTS_MAX]; /* of each context, which alone writes its own */
#endif
    _Alignas(8) struct memtrace_name names[];
};

/* An event's owner word, with the tag that its context has now. */
static inline memtrace_word owner_tagged(const struct recorder *ring, memtrace_word owner)
{
#if MEMTRACE_TAGS
    owner |= (memtrace_word)ring->tags[(uint8_t)owner] << CONTEXT_BITS;
#else
    (void)ring;
#endif
    return owner;
}

static inline struct recorder *recorder_get(void)
{
    return (struct recorder *)__atomic_load_n(&memtrace_ring, MEMTRACE_ORDER_BY_ADDRESS);
}

/* As much of the last SYNC's time as a word has room for: what events are compared with. */
static inline memtrace_word *moment_at(struct recorder *ring)
{
#if UINTPTR_MAX > 0xffffffffu
    return &ring->moment;
#else
    return &ring->header.time_low;
#endif
}

#endif
