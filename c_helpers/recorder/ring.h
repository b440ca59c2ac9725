/* SPDX-License-Identifier: Apache-2.0
 *
 * How one event gets into one slot of the ring.
 *
 * Approach: the head is one word advanced by one atomic addition, so reserving never loops; whoever gets a number past the
 * ring's end turns it into the next lap. A slot is claimed by exchanging its last word for BUSY: exactly one writer gets
 * something else than BUSY back, and that one must publish, so a slot is never torn, however long a writer is kept waiting.
 * Rejected: compare-and-swap on the head (a loop to bound, and a count of the events that met the bound); claiming by
 * compare-and-swap (five instructions for one); a lock (an interrupt would wait for the task that it interrupted).
 *
 * Times: an event has the low bits of its time, and the SYNC before it in the ring tells the rest. That needs no look at
 * neighbours, so no lost event harms. It holds because (1) whoever writes an event loads the last SYNC's time before reserving,
 * so that SYNC has a lower number; (2) he reads the clock after reserving, so that his time is behind that of every SYNC of a
 * lower number; (3) a SYNC's time is read before anybody reserves the number behind it; (4) a time that is too far from the
 * one loaded is never left to its low bits. So an interrupt or another core may come between any two steps.
 * Rejected: the distance between neighbours (an interrupt between the clock and the reservation, or a lost event, makes all older or all later times wrong);
 * the clock read a second time (dear on some chips).
 * Cost: two atomic instructions and two fences an event.
 * Assumptions: fewer than 2^19 events are reserved while who has to turn the lap is kept waiting, and he is not deleted there; no
 * writer sleeps through 2048 laps of the ring (then its slot is refused, and counted, until the lap's number has come
 * round); no task is deleted while it writes a SYNC (then every event has a record of its own time from there on); on 32 bits no event comes
 * just a multiple of 2^32 time units after the last SYNC, give or take TIME_NEAR.
 */
#ifndef MEMTRACE_RING_H
#define MEMTRACE_RING_H

#include "recorder.h"

/* What an event became. */
struct __attribute__((aligned(2 * sizeof(memtrace_word)))) put {
    uint32_t reservation; /* RESERVATION_NONE: it was not recorded */
    memtrace_word owner;
};

/* An event's last word but for its lap. */
static inline memtrace_word state_make(memtrace_word now, unsigned core, enum memtrace_kind kind)
{
    return now << TIME_SHIFT | (memtrace_word)core << MEMTRACE_KIND_BITS | (memtrace_word)kind;
}

/* What was loaded before is older than the reservation, what is read after it is newer: time needs both. */
static inline uint32_t head_reserve(struct recorder *ring)
{
    return u32_next(&ring->header.head);
}

/* As much of the time as a word has room for. */
static inline memtrace_word time_now(void)
{
#if UINTPTR_MAX == 0xffffffffu
    return memtrace_port_time();
#else
    return memtrace_port_time_full();
#endif
}

/* The slot of an event, which is in the ring, for the place of a stack's number in another one. */
static inline memtrace_word slot_link(uint32_t reservation)
{
    return (memtrace_word)(reservation & INDEX_MASK) << STACK_SHIFT;
}

/* The reservation's lap, where a state word has it. */
static inline uint32_t lap_of(uint32_t reservation)
{
    return reservation >> MEMTRACE_INDEX_BITS << LAP_SHIFT;
}

#if MEMTRACE_QUICK
/* Writes the event that the reservation is for, at its time, whatever that is and wherever in the ring it lies. `moment` was
 * loaded before the reservation was made. The reservation that it got is returned. */
uint32_t event_write(uint32_t reservation, memtrace_word owner, memtrace_word address, memtrace_word size_heap,
                     enum memtrace_kind kind, memtrace_word moment, struct recorder *ring);
#endif

/* Any event, past the gate, at its time. */
uint32_t event_put(struct recorder *ring, memtrace_word owner, memtrace_word address, memtrace_word size_heap,
                   enum memtrace_kind kind);

/* Counts one. Not inline: what only the slow ways do is to be small. */
void counter_add(uint32_t *counter);

/* Does the reservation lie past the ring's end, so that it must be turned into the next lap? */
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
    (void)u32_add(&ring->header.lost_busy, 1);
}

/* Writes the event that the reservation is for; false: the slot was another writer's. Nothing here is called, so that the quick
 * way saves nothing.
 *
 * The lap decides whether the slot holds an older event: with kind and core below it, the difference of two state words is
 * positive if the lap is later, whatever stands in those bits of the older word. */
static inline __attribute__((always_inline)) bool slot_write(uint32_t reservation, memtrace_word owner,
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
        return false;
    }
    stores_order();
    PLACE_WRITE(&slot[-3], address); /* who drains the ring may be reading the event before it */
    PLACE_WRITE(&slot[-2], size_heap);
    PLACE_WRITE(&slot[-1], owner);
    word_publish(slot, state | lap);
    return true;
}

#endif
