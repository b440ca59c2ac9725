/* SPDX-License-Identifier: Apache-2.0
 *
 * One event into one slot, and the time that it says. ring.h tells the approach.
 */
#include "ring.h"

struct memtrace_header *memtrace_ring;

/* The reservation as a lap and an index in the ring. Whoever got the first of a lap turns the head, too: exactly one does,
 * so an addition suffices, and lap * count + index stays what it was. */
static inline uint32_t head_turn(struct recorder *ring, uint32_t reservation)
{
    uint32_t turn = LAP_UNIT - ring->header.events.count;
    do {
        reservation += turn;
    } while (reservation_is_past(ring, reservation));
    if ((reservation & INDEX_MASK) == 0) {
        uint32_t head = u32_add(&ring->header.head, turn);
        if (((head ^ (head + turn)) >> 31) != 0)
            (void)u32_add(&ring->header.laps_high, 1);
    }
    return reservation;
}

/* The arguments stand in the order in which the callers hold them in registers. */
uint32_t slot_put(uint32_t reservation, memtrace_word owner, memtrace_word address, memtrace_word size_heap,
                  memtrace_word state, struct recorder *ring)
{
    if (reservation_is_past(ring, reservation))
        reservation = head_turn(ring, reservation);
    return slot_write(reservation, owner, address, size_heap, state, ring);
}

/* The time, after a SYNC record if its low bits would not tell how far it is from the time before. Another core may have been
 * here a moment later than our clock says: that is near, too. */
static __attribute__((noinline)) uint32_t time_take(struct recorder *ring)
{
#if MEMTRACE_PORT_TICK_HZ == 0
    (void)ring;
    return 0;
#else
    struct memtrace_header *header = &ring->header;
    uint64_t now = memtrace_port_time_full();
    uint64_t before =
        ((uint64_t)header->sync_high << 32 | header->sync_low) + (u32_load(&header->time_low) - header->sync_low);
    uint64_t passed = now - before;
    u32_store(&header->time_low, (uint32_t)now);
    if (passed + TIME_NEAR < 2u * TIME_NEAR)
        return (uint32_t)now;
    header->sync_low = (uint32_t)now;
    header->sync_high = (uint32_t)(now >> 32);
    memtrace_word gap = passed >> 32 == 0 ? (uint32_t)passed : WORD_ONES;
    memtrace_word state = state_make((uint32_t)now, memtrace_port_core(), MEMTRACE_SYNC);
    (void)slot_put(head_reserve(ring), gap, (uint32_t)now, (uint32_t)(now >> 32), state, ring);
    return (uint32_t)now;
#endif
}

uint32_t event_put(struct recorder *ring, memtrace_word owner, memtrace_word address, memtrace_word size_heap,
                   enum memtrace_kind kind)
{
    memtrace_word state = state_make(time_take(ring), memtrace_port_core(), kind);
    return slot_put(head_reserve(ring), owner, address, size_heap, state, ring);
}
