/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorder's memory: the format's header, what only the recorder needs, and how one event gets into one slot.
 *
 * Approach: the head is one word advanced by one atomic addition, so reserving never loops; whoever gets a number past the
 * ring's end turns it into the next lap. A slot is claimed by exchanging its last word for BUSY: exactly one writer gets
 * something else than BUSY back, and that one must publish, so a slot is never torn, however long a writer is kept waiting.
 * Rejected: compare-and-swap on the head (a loop to bound, and a count of the events that met the bound); claiming by
 * compare-and-swap (five instructions for one); a lock (an interrupt would wait for the task that it interrupted).
 * Cost: two atomic instructions and two fences an event.
 * Assumptions: fewer than 2^19 events are reserved while every attempt to turn the lap fails; no writer sleeps through
 * 2048 laps of the ring (then its slot is refused, and counted, until the lap's number has come round).
 */
#ifndef MEMTRACE_RING_H
#define MEMTRACE_RING_H

#include "atomic.h"
#include "memtrace.h"

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
/* Two events closer than this can be put in order of time by their low bits alone. */
#define TIME_NEAR ((uint32_t)1 << (TIME_BITS - 1u))

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
#if MEMTRACE_QUICK
    memtrace_word guesses[GUESSES]; /* stack and context, to be verified */
#endif
    _Alignas(8) struct memtrace_name names[];
};

/* What an event became. */
struct __attribute__((aligned(2 * sizeof(memtrace_word)))) put {
    uint32_t reservation; /* RESERVATION_NONE: it was not recorded */
    memtrace_word owner;
};

static inline struct recorder *recorder_get(void)
{
    return (struct recorder *)__atomic_load_n(&memtrace_ring, ORDER_BY_ADDRESS);
}

/* An event's last word but for its lap. */
static inline memtrace_word state_make(uint32_t now, unsigned core, enum memtrace_kind kind)
{
    return (memtrace_word)now << TIME_SHIFT | (memtrace_word)core << MEMTRACE_KIND_BITS | (memtrace_word)kind;
}

static inline void counter_add(uint32_t *counter)
{
    (void)u32_add(counter, 1);
}

static inline uint32_t head_reserve(struct recorder *ring)
{
    return u32_add(&ring->header.head, 1);
}

static inline struct memtrace_name *name_at(struct recorder *ring, uint32_t number)
{
    return &ring->names[number];
}

/* The half of the key that a handle fills; the other stays 0. A name's key is touched in no other way. */
static inline memtrace_word *name_key(struct memtrace_name *name)
{
    unsigned half = sizeof(memtrace_word) < sizeof name->key && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
    return (memtrace_word *)(void *)&name->key + half;
}

/* The reservation's lap, where a state word has it. */
static inline uint32_t lap_of(uint32_t reservation)
{
    return reservation >> MEMTRACE_INDEX_BITS << LAP_SHIFT;
}

/* ring.c */
uint32_t slot_put(uint32_t reservation, memtrace_word owner, memtrace_word address, memtrace_word size_heap,
                  memtrace_word state, struct recorder *ring);
uint32_t event_put(struct recorder *ring, memtrace_word owner, memtrace_word address, memtrace_word size_heap,
                   enum memtrace_kind kind);

/* Does the reservation lie past the ring's end, so that slot_put must make a slot of it? */
static inline bool reservation_is_past(const struct recorder *ring, uint32_t reservation)
{
    return reservation << MEMTRACE_LAP_BITS >= ring->index_limit;
}

/* Another writer has the slot, or has filled it in a later lap: then it gets its event back. */
static inline __attribute__((always_inline)) void slot_refuse(memtrace_word *slot, memtrace_word old,
                                                              struct recorder *ring)
{
    if (old != WORD_ONES)
        word_publish(slot, old);
    counter_add(&ring->header.lost_busy);
}

/* Writes the event that the reservation is for. Nothing here is called, so that the quick way saves nothing.
 *
 * The lap decides whether the slot holds an older event: with kind and core below it, the difference of two state words is
 * positive if the lap is later, whatever stands in those bits of the older word. */
static inline __attribute__((always_inline)) uint32_t slot_write(uint32_t reservation, memtrace_word owner,
                                                                 memtrace_word address, memtrace_word size_heap,
                                                                 memtrace_word state, struct recorder *ring)
{
    uint32_t offset = reservation << MEMTRACE_LAP_BITS >> (MEMTRACE_LAP_BITS - EVENT_SHIFT);
    memtrace_word *slot = (memtrace_word *)(void *)((char *)ring->states + offset);
    uint32_t lap = lap_of(reservation);
    memtrace_word old = word_swap(slot, WORD_ONES);
    bool later = (int32_t)((lap - (uint32_t)old) << (32u - MEMTRACE_LAP_BITS - LAP_SHIFT)) > 0;
    if (__builtin_expect(old == WORD_ONES || (!later && old != 0), 0)) {
        slot_refuse(slot, old, ring);
        return reservation;
    }
    stores_order();
    slot[-3] = address;
    slot[-2] = size_heap;
    slot[-1] = owner;
    word_publish(slot, state | lap);
    return reservation;
}

/* record.c */
struct put event_slow(struct memtrace_caller caller, uintptr_t address, size_t size, unsigned heap,
                      enum memtrace_kind kind);
memtrace_word context_word(struct recorder *ring);

/* control.c */
bool gate_admits(struct recorder *ring, enum memtrace_kind kind, memtrace_word size_heap);
void gate_update(struct recorder *ring);

/* filter.c */
bool filters_admit(struct recorder *ring, memtrace_word size_heap);

/* names.c */
uint32_t name_number(struct recorder *ring, enum memtrace_name_kind kind, memtrace_word key, const char *text);
uint32_t task_number(struct recorder *ring, memtrace_word handle);
void text_copy(char *target, size_t bytes, const char *text);

/* stack.c */
uint32_t stack_intern(struct recorder *ring, struct memtrace_caller caller);

#endif
