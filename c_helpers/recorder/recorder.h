/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorder's memory: the format's header, what only the recorder needs, and the widths of this machine's words. Every file of
 * the recorder starts here; none is included by a program.
 */
#ifndef MEMTRACE_RECORDER_H
#define MEMTRACE_RECORDER_H

#define MEMTRACE_RECORDER 1 /* arch/arch.h: with what walks frames */

#include "memtrace.h"

#include "atomic.h"

/* A port without a clock may leave the clock's functions out. Macros, so that one which has them is taken, too. */
#if MEMTRACE_PORT_TICK_HZ == 0
#define memtrace_port_time() ((uint32_t)0)
#define memtrace_port_time_full() ((uint64_t)0)
#endif

#if UINTPTR_MAX > 0xffffffffu
typedef struct memtrace_event64 memtrace_event;
typedef struct memtrace_live64 memtrace_live;
#define TIME_BITS MEMTRACE_TIME_BITS_64
#define SEQ_BITS MEMTRACE_SEQ_BITS_64
#define STACK_BITS MEMTRACE_STACK_BITS_64
#define CONTEXT_BITS MEMTRACE_CONTEXT_BITS_64
#else
typedef struct memtrace_event32 memtrace_event;
typedef struct memtrace_live32 memtrace_live;
#define TIME_BITS MEMTRACE_TIME_BITS_32
#define SEQ_BITS MEMTRACE_SEQ_BITS_32
#define STACK_BITS MEMTRACE_STACK_BITS_32
#define CONTEXT_BITS MEMTRACE_CONTEXT_BITS_32
#endif

#define WORD_BITS (8u * (unsigned)sizeof(memtrace_word))
#define WORD_ONES ((memtrace_word)-1)
#define SIZE_BITS (WORD_BITS - MEMTRACE_HEAP_BITS)
#define SIZE_MAX_RECORDED (WORD_ONES >> MEMTRACE_HEAP_BITS)
#define LAP_SHIFT (MEMTRACE_KIND_BITS + MEMTRACE_CORE_BITS)
#define TIME_SHIFT (LAP_SHIFT + SEQ_BITS)
#define STACK_MASK (WORD_ONES >> STACK_SHIFT)
#define STACK_SHIFT (CONTEXT_BITS + MEMTRACE_TAG_BITS)
#define OWNER_MASK (((memtrace_word)1 << STACK_SHIFT) - 1u)
/* An event says the low bits of its time. They tell all of it if it lies less than this behind the SYNC's, and before it by no more
 * than the clocks of two cores may differ. */
#define TIME_SKEW ((memtrace_word)1 << (TIME_BITS - 2u))
#define TIME_NEAR ((memtrace_word)1 << (TIME_BITS - 1u))

#define LAP_UNIT ((uint32_t)1 << MEMTRACE_INDEX_BITS)
#define INDEX_MASK (LAP_UNIT - 1u)
#define EVENTS_MIN 8u
#define EVENTS_MAX ((uint32_t)1 << 19)
#define RESERVATION_NONE UINT32_MAX

#define EVENT_SHIFT (UINTPTR_MAX > 0xffffffffu ? 5u : 4u) /* an event's bytes are two to this */
#define STATE_WORD 3

/* Entries of the table of guesses: which owner the last event from this place had. */
#define GUESSES 64u

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
    _Alignas(8) struct memtrace_name names[];
};

static inline struct recorder *recorder_get(void)
{
    return (struct recorder *)__atomic_load_n(&memtrace_ring, ORDER_BY_ADDRESS);
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
