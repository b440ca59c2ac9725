/* SPDX-License-Identifier: Apache-2.0
 *
 * One event into one slot, and the time that it says. ring.h tells the approach.
 */
#include "ring.h"

struct memtrace_header *memtrace_ring;

void counter_add(uint32_t *counter)
{
    (void)u32_add(counter, 1);
}

#if MEMTRACE_QUICK
#define EVENT_WRITE_LINKAGE
#else
#define EVENT_WRITE_LINKAGE static /* no other file calls it: then it costs less text and stack */
#endif

/* The reservation as a lap and an index in the ring. Whoever got the first of a lap turns the head, too: exactly one does,
 * so an addition suffices, and lap * count + index stays what it was. */
static __attribute__((noinline)) uint32_t reservation_turn(uint32_t reservation, struct recorder *ring)
{
    if (!reservation_is_past(ring, reservation))
        return reservation;
    uint32_t turn = (0u - ring->index_limit) >> MEMTRACE_LAP_BITS; /* a lap's unit, less the events of one */
    reservation += (reservation << MEMTRACE_LAP_BITS) / ring->index_limit * turn;
    if (reservation << MEMTRACE_LAP_BITS == 0) {
        uint32_t head = u32_add(&ring->header.head, turn);
        (void)u32_add(&ring->header.laps_high, (head ^ (head + turn)) >> 31);
    }
    return reservation;
}

/* The arguments stand in the order in which the callers hold them in registers. */
static __attribute__((noinline)) bool slot_put(uint32_t reservation, memtrace_word owner, memtrace_word address,
                                               memtrace_word size_heap, memtrace_word state, struct recorder *ring)
{
    return slot_write(reservation, owner, address, size_heap, state, ring);
}

/* Time units since the SYNC before. Who asks is the only one who writes one. */
static inline memtrace_word sync_gap(const struct memtrace_header *header, uint64_t now)
{
    uint64_t passed = now - ((uint64_t)header->sync_high << 32 | header->sync_low);
    return passed <= WORD_ONES ? (memtrace_word)passed : WORD_ONES;
}

/* What a host knows of the last SYNC, and then what events look at. */
static inline void sync_enter(struct recorder *ring, uint64_t now)
{
    ring->header.sync_low = (uint32_t)now;
    ring->header.sync_high = (uint32_t)(now >> 32);
#if UINTPTR_MAX > 0xffffffffu
    u32_store(&ring->header.time_low, (uint32_t)now);
#endif
    word_publish(moment_at(ring), (memtrace_word)now);
}

/* An event whose time is too far from `moment` gets a record that tells it. That is a SYNC, in the event's slot, with the event
 * behind it, if nobody has reserved since and nobody else is writing one: then no later event's time lies before it, and no
 * other SYNC lies between. Who has reserved since is looked at when no other can write one any more: it could come in between
 * otherwise. Else it is a record for this event alone. Without it the event is not written. */
EVENT_WRITE_LINKAGE uint32_t event_write(uint32_t reservation, memtrace_word owner, memtrace_word address,
                                         memtrace_word size_heap, enum memtrace_kind kind, memtrace_word moment,
                                         struct recorder *ring)
{
    uint64_t now = memtrace_port_time_full();
    memtrace_word state = state_make((memtrace_word)now, memtrace_port_core(), kind);
    bool far = (memtrace_word)now - moment + TIME_SKEW >= TIME_NEAR + TIME_SKEW && MEMTRACE_PORT_TICK_HZ != 0;
    reservation = reservation_turn(reservation, ring);
    if (far) {
        bool syncs = u32_replace(&ring->syncing, 0, 1);
        uint32_t told = head_reserve(ring);
        if (syncs && told != reservation + 1u) {
            u32_publish(&ring->syncing, 0);
            syncs = false;
        }
        told = reservation_turn(told, ring);
        memtrace_word about = slot_link(reservation);
        if (syncs) {
            about = told;
            told = reservation;
            reservation = (uint32_t)about;
            about = sync_gap(&ring->header, now);
        }
        bool is_told =
            slot_put(told, about, (uint32_t)now, (uint32_t)(now >> 32),
                     (state & ~(memtrace_word)MEMTRACE_BUSY) | (syncs ? MEMTRACE_SYNC : MEMTRACE_TIME), ring);
        if (syncs && is_told)
            sync_enter(ring, now);
        if (syncs)
            u32_publish(&ring->syncing, 0);
        if (!is_told)
            return reservation;
    }
    (void)slot_put(reservation, owner, address, size_heap, state, ring);
    return reservation;
}

uint32_t event_put(struct recorder *ring, memtrace_word owner, memtrace_word address, memtrace_word size_heap,
                   enum memtrace_kind kind)
{
    memtrace_word moment = word_peek(moment_at(ring));
    return event_write(head_reserve(ring), owner, address, size_heap, kind, moment, ring);
}
