/* SPDX-License-Identifier: Apache-2.0
 *
 * One event into one slot, and the time that it says. ring.h tells the approach.
 */
#include "ring.h"

struct memtrace_header *memtrace_ring;

/* The reservation as a lap and an index in the ring, and the head the same way if nobody did it yet. */
static inline uint32_t head_turn(struct recorder *ring, uint32_t reservation)
{
    uint32_t turn = LAP_UNIT - ring->header.events.count;
    do {
        reservation += turn;
    } while (reservation << MEMTRACE_LAP_BITS >= ring->index_limit);
    uint32_t head = u32_load(&ring->header.head);
    if (head << MEMTRACE_LAP_BITS >= ring->index_limit && u32_replace(&ring->header.head, head, head + turn) &&
        ((head ^ (head + turn)) >> 31) != 0)
        counter_add(&ring->header.laps_high);
    return reservation;
}

/* Does a slot's event belong to an earlier lap than `lap`? Both count modulo 2^12. */
static inline bool lap_is_later(uint32_t lap, memtrace_word state)
{
    return (int32_t)((lap - (uint32_t)(state >> TIME_BITS)) << (32u - MEMTRACE_LAP_BITS)) > 0;
}

/* The arguments stand in the order in which the callers hold them in registers. */
struct put slot_put(uint32_t reservation, memtrace_word owner, memtrace_word address, memtrace_word size_heap,
                    memtrace_word state, struct recorder *ring)
{
    if (__builtin_expect(reservation << MEMTRACE_LAP_BITS >= ring->index_limit, 0))
        reservation = head_turn(ring, reservation);
    memtrace_word *slot = &ring->states[(reservation & INDEX_MASK) * EVENT_WORDS];
    uint32_t lap = reservation >> MEMTRACE_INDEX_BITS;
    memtrace_word old = word_swap(slot, KIND_WORD(MEMTRACE_BUSY));
    bool busy = old >> (WORD_BITS - 1u) != 0;
    if (__builtin_expect(busy || (!lap_is_later(lap, old) && old != 0), 0)) {
        if (!busy)
            word_publish(slot, old);
        counter_add(&ring->header.lost_busy);
    } else {
        stores_order();
        slot[-3] = address;
        slot[-2] = size_heap;
        slot[-1] = owner;
        word_publish(slot, state | (memtrace_word)lap << TIME_BITS);
    }
    return (struct put){reservation, owner};
}

/* The gap is what a reader that comes from the newest event needs to know of the time before it. */
static void sync_put(struct recorder *ring, uint64_t now, uint32_t passed)
{
    struct memtrace_header *header = &ring->header;
    uint32_t high_before = header->sync_high + (header->time_low < header->sync_low);
    memtrace_word gap = (uint32_t)((now - passed) >> 32) == high_before ? passed : WORD_ONES;
    header->sync_high = (uint32_t)(now >> 32);
    header->sync_low = (uint32_t)now;
    memtrace_word state = state_make((uint32_t)now, memtrace_port_core(), KIND_WORD(MEMTRACE_SYNC));
    (void)slot_put(head_reserve(ring, 1), gap, (uint32_t)now, (uint32_t)(now >> 32), state, ring);
}

/* The last word of an event that happens now, after a SYNC if the low bits of its time would not tell how far it is. Another
 * core may have been here a moment later than our clock says: that is near, too. */
memtrace_word state_now(struct recorder *ring, enum memtrace_kind kind)
{
    uint64_t now = MEMTRACE_PORT_TICK_HZ != 0 ? memtrace_port_time_full() : 0;
    uint32_t passed = (uint32_t)now - u32_load(&ring->header.time_low);
    if (passed + TIME_NEAR >= 2u * TIME_NEAR)
        sync_put(ring, now, passed);
    u32_store(&ring->header.time_low, (uint32_t)now);
    return state_make((uint32_t)now, memtrace_port_core(), KIND_WORD(kind));
}
