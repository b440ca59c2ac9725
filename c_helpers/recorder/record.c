/* SPDX-License-Identifier: Apache-2.0
 *
 * The events that an allocator's entries report.
 *
 * Approach: a quick way for an event about which everything is known (recording, its stack and context in their tables, its
 * time near the last SYNC's), which calls nothing and so saves no registers; anything else restarts on the slow way, which handles
 * every case. Rejected: one way for all, whose calls cost 40 instructions of saved registers an event.
 * Cost: docs/explanation/performance.md.
 * Assumptions: memtrace.h's: allocations are reported after, frees before the allocator.
 */
#include "record.h"

#include "control.h"
#include "live.h"
#include "names.h"
#include "stack.h"

_Static_assert(MEMTRACE_ENTRY_ALLOC == 1u << MEMTRACE_ALLOC && MEMTRACE_ENTRY_FREE == 1u << MEMTRACE_FREE &&
                   MEMTRACE_ENTRY_REALLOC == 1u << MEMTRACE_REALLOC_BEGIN &&
                   MEMTRACE_ENTRY_ASSERT == 1u << MEMTRACE_ASSERT,
               "an entry's bit is its events' kind");

#define NOT_RECORDED ((struct put){RESERVATION_NONE, 0})

static memtrace_word size_word(struct recorder *ring, size_t size, unsigned heap)
{
    if (size > SIZE_MAX_RECORDED) {
        counter_add(&ring->header.size_capped);
        size = SIZE_MAX_RECORDED;
    }
    return (memtrace_word)size | (memtrace_word)heap << SIZE_BITS;
}

#if MEMTRACE_QUICK
/* Where a guess for this caller is kept. Who comes from the same place in the code at the same depth of the same stack is
 * mostly the same call again. */
static inline memtrace_word *guess_at(struct recorder *ring, struct memtrace_caller caller)
{
    uintptr_t mixed = (caller.pc ^ caller.frame) & (GUESSES - 1u) * 4u;
    return (memtrace_word *)(void *)((char *)ring->guesses + mixed * (sizeof(memtrace_word) / 4u));
}

/* Is the guess true: does its context still run, and is its whole stack the one above us? Stack 0 has no PC. */
static inline bool guess_is_true(struct recorder *ring, memtrace_word owner, struct memtrace_caller caller)
{
    struct memtrace_name *name = name_at(ring, (uint32_t)owner & (((uint32_t)1 << CONTEXT_BITS) - 1u));
    if (word_peek(name_key(name)) != memtrace_port_context())
        return false;
    frames_save();
    struct memtrace_span stack = memtrace_port_stack();
    const memtrace_word *entry = &ring->arena[owner >> STACK_SHIFT];
    bool inside = caller.frame >= stack.low && caller.frame % FRAME_ALIGNMENT == 0 &&
                  (FRAME_BYTES_ABOVE == 0 || stack.high > FRAME_BYTES_ABOVE);
    return (MEMTRACE_DEPTH == 1 || inside) && stack_is_above(entry, caller, stack.high - FRAME_BYTES_ABOVE);
}
#endif

/* An allocation of nothing has failed. A reallocation's end has its owner word in place of a caller's frame. A caller without a PC is
 * not known. If the table of stacks has no room, a record that names the event's slot follows it with the caller. */
__attribute__((cold)) struct put event_slow(struct memtrace_caller caller, uintptr_t address, size_t size,
                                            unsigned heap, enum memtrace_kind kind)
{
    struct recorder *ring = recorder_get();
    if (ring == NULL)
        return NOT_RECORDED;
    if (kind == MEMTRACE_ALLOC && address == 0) {
        if (size == 0) /* as an allocator may answer who wants nothing */
            return NOT_RECORDED;
        kind = MEMTRACE_ALLOC_FAILED;
    }
    memtrace_word size_heap = size_word(ring, size, heap);
    if (!control_admits(ring, kind, size_heap))
        return NOT_RECORDED;
    u32_set(&ring->header.entries, 1u << kind);
    memtrace_word owner = caller.frame;
    if (kind != MEMTRACE_REALLOC_END)
        owner = context_number(ring);
    if (caller.pc != 0) {
        owner |= (memtrace_word)stack_intern(ring, caller) << STACK_SHIFT;
#if MEMTRACE_QUICK
        if (frames_limit(caller.frame) != 0) /* the quick way reads the frame unasked */
            PLACE_WRITE_LAST(guess_at(ring, caller), owner);
#endif
    }
    if (kind != MEMTRACE_REALLOC_END)
        owner = owner_tagged(ring, owner);
    uint32_t reservation = event_put(ring, owner, address, size_heap, kind);
    if (caller.pc != 0 && owner <= OWNER_MASK)
        (void)event_put(ring, owner | slot_link(reservation), caller.pc, 0, MEMTRACE_CALLER);
    return (struct put){reservation, owner};
}

/* Inlined where speed is wanted, so that what is constant there costs nothing. false: it must go the slow way. */
#if MEMTRACE_QUICK
static inline __attribute__((always_inline)) bool event_quick(struct recorder *ring, struct memtrace_caller caller,
                                                              uintptr_t address, size_t size, unsigned heap,
                                                              enum memtrace_kind kind, struct put *put)
{
    memtrace_word owner = __atomic_load_n(guess_at(ring, caller), MEMTRACE_ORDER_BY_ADDRESS);
    if (!guess_is_true(ring, owner, caller))
        return false;
    owner = owner_tagged(ring, owner);
    memtrace_word moment = word_peek(moment_at(ring));
    uint32_t reservation = head_reserve(ring);
    memtrace_word now = time_now();
    memtrace_word size_heap = size | (memtrace_word)heap << SIZE_BITS;
    if (__builtin_expect(now - moment >= TIME_NEAR || reservation_is_past(ring, reservation), 0))
        reservation = event_write(reservation, owner, address, size_heap, kind, moment, ring);
    else
        (void)slot_write(reservation, owner, address, size_heap, state_make(now, memtrace_port_core(), kind), ring);
    *put = (struct put){reservation, owner};
    return true;
}

void memtrace_alloc_quick(struct memtrace_caller caller, void *block, size_t size, unsigned heap, void *ring)
{
    struct put put;
    if (block == NULL || !event_quick(ring, caller, (uintptr_t)block, size, heap, MEMTRACE_ALLOC, &put))
        memtrace_alloc_slow(caller, block, size, heap);
    else if (MEMTRACE_LIVE)
        live_insert(ring, (uintptr_t)block, size, heap, put);
}

void memtrace_free_quick(struct memtrace_caller caller, void *block, unsigned heap, void *ring)
{
    struct put put;
    if (block == NULL)
        return;
    if (!event_quick(ring, caller, (uintptr_t)block, 0, heap, MEMTRACE_FREE, &put))
        memtrace_free_slow(caller, block, heap);
    else if (MEMTRACE_LIVE)
        live_change((uintptr_t)block, 0);
}
#endif

static struct put event_any(struct memtrace_caller caller, uintptr_t address, size_t size, unsigned heap,
                            enum memtrace_kind kind)
{
#if MEMTRACE_QUICK
    struct recorder *ring = recorder_get();
    struct put put;
    if (size >> SIZE_BITS == u32_load(&ring->header.request) &&
        event_quick(ring, caller, address, size, heap, kind, &put))
        return put;
#endif
    return event_slow(caller, address, size, heap, kind);
}

void memtrace_alloc_slow(struct memtrace_caller caller, void *block, size_t size, unsigned heap)
{
    struct put put = event_slow(caller, (uintptr_t)block, size, heap, MEMTRACE_ALLOC);
    if (MEMTRACE_LIVE && block != NULL && put.reservation != RESERVATION_NONE)
        live_insert(recorder_get(), (uintptr_t)block, size, heap, put);
}

void memtrace_free_slow(struct memtrace_caller caller, void *block, unsigned heap)
{
    if (block == NULL)
        return;
    struct put put = event_slow(caller, (uintptr_t)block, 0, heap, MEMTRACE_FREE);
    if (MEMTRACE_LIVE && put.reservation != RESERVATION_NONE)
        live_change((uintptr_t)block, 0);
}

struct memtrace_realloc memtrace_realloc_begin(struct memtrace_caller caller, void *block, size_t size, unsigned heap)
{
    struct put put = NOT_RECORDED;
    if (block != NULL && (!MEMTRACE_QUICK || !memtrace_is_off())) {
        put = event_any(caller, (uintptr_t)block, size, heap, size != 0 ? MEMTRACE_REALLOC_BEGIN : MEMTRACE_FREE);
        if (MEMTRACE_LIVE && put.reservation != RESERVATION_NONE)
            live_change((uintptr_t)block, size != 0 ? (uintptr_t)block | LIVE_MOVING : 0);
        if (size == 0)
            put.reservation = RESERVATION_NONE;
    }
    return (struct memtrace_realloc){caller, (uintptr_t)put.owner, put.reservation};
}

/* Of nothing, or to nothing that is a block: an allocation like any other. */
void memtrace_realloc_end(struct memtrace_realloc begun, void *old_block, void *new_block, size_t size, unsigned heap)
{
    bool moves = old_block != NULL && (size != 0 || new_block == NULL);
    struct memtrace_caller caller = begun.caller;
    if (moves) {
        if (begun.reservation == RESERVATION_NONE)
            return;
        if (MEMTRACE_LIVE)
            live_change((uintptr_t)old_block | LIVE_MOVING, new_block != NULL ? 0 : (uintptr_t)old_block);
        caller = (struct memtrace_caller){0, (begun.owner & OWNER_MASK) | slot_link(begun.reservation)};
    }
    struct put put =
        event_slow(caller, (uintptr_t)new_block, size, heap, moves ? MEMTRACE_REALLOC_END : MEMTRACE_ALLOC);
    if (moves)
        put.owner = begun.owner;
    if (MEMTRACE_LIVE && new_block != NULL && put.reservation != RESERVATION_NONE)
        live_insert(recorder_get(), (uintptr_t)new_block, size, heap, put);
}
