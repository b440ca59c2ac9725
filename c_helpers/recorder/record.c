/* SPDX-License-Identifier: Apache-2.0
 *
 * The events that an allocator's entries report.
 *
 * Approach: a quick way for an event about which everything is known (recording, its stack and context in their tables, its
 * time near the last), which calls nothing and so saves no registers; anything else restarts on the slow way, which handles
 * every case. Rejected: one way for all, whose calls cost 40 instructions of saved registers an event.
 * Cost: docs/PERFORMANCE.md.
 * Assumptions: memtrace.h's: allocations are reported after, frees before the allocator.
 */
#include "live.h"
#include "stack.h"

#define NOT_RECORDED ((struct put){RESERVATION_NONE, 0})

static memtrace_word size_word(struct recorder *ring, size_t size, unsigned heap)
{
    if (size > SIZE_MAX_RECORDED) {
        counter_add(&ring->header.size_capped);
        size = SIZE_MAX_RECORDED;
    }
    return (memtrace_word)size | (memtrace_word)heap << SIZE_BITS;
}

static memtrace_word context_word(struct recorder *ring)
{
    return (memtrace_word)task_number(ring, memtrace_port_context()) << STACK_BITS;
}

/* Any event, past the gate; one with a caller's PC has a stack. If the table has no room for it, its caller goes into a
 * record before it, with the sequence number before its own. */
struct put event_put(struct recorder *ring, struct memtrace_caller caller, memtrace_word address, memtrace_word size_heap,
                     enum memtrace_kind kind)
{
    memtrace_word state = state_now(ring, kind);
    memtrace_word owner = context_word(ring);
    uint32_t stack = caller.pc != 0 ? stack_intern(ring, caller) : 0;
    if (caller.pc == 0 || stack != 0)
        return slot_put(head_reserve(ring, 1), owner | stack, address, size_heap, state, ring);
    uint32_t first = head_reserve(ring, 2);
    memtrace_word caller_state = (state & ~KIND_WORD(MEMTRACE_BUSY)) | KIND_WORD(MEMTRACE_CALLER);
    (void)slot_put(first, owner, caller.pc, 0, caller_state, ring);
    return slot_put(first + 1, owner, address, size_heap, state, ring);
}

static bool kind_is_filtered(enum memtrace_kind kind)
{
    return MEMTRACE_FILTERS && (kind == MEMTRACE_ALLOC || kind == MEMTRACE_ALLOC_FAILED);
}

#if MEMTRACE_QUICK
/* Where a guess for this caller is kept. Who comes from the same place in the code at the same depth of the same stack is
 * mostly the same call again. */
static inline memtrace_word *guess_at(struct recorder *ring, struct memtrace_caller caller)
{
    return &ring->guesses[((caller.pc >> 1) ^ (caller.frame >> 4)) % GUESSES];
}

/* The guess, if it is true: the context still runs, and the whole stack is the one above us. Else 0. */
static inline memtrace_word guess_verified(struct recorder *ring, struct memtrace_caller caller)
{
    memtrace_word owner = __atomic_load_n(guess_at(ring, caller), ORDER_BY_ADDRESS);
    memtrace_word context = (owner >> STACK_BITS) & (((memtrace_word)1 << CONTEXT_BITS) - 1u);
    if (__atomic_load_n(name_key(name_at(ring, (uint32_t)context)), __ATOMIC_RELAXED) != memtrace_port_context() ||
        !stack_is_above(ring, owner & STACK_MASK, caller))
        return 0;
    return owner;
}
#endif

static __attribute__((noinline)) struct put event_slow(struct memtrace_caller caller, uintptr_t address, size_t size,
                                                       unsigned heap, enum memtrace_kind kind)
{
    struct recorder *ring = recorder_get();
    if (ring == NULL || !gate_admits(ring, kind) || (kind_is_filtered(kind) && !filters_admit(ring, size, heap)))
        return NOT_RECORDED;
    struct put put = event_put(ring, caller, address, size_word(ring, size, heap), kind);
#if MEMTRACE_QUICK
    __atomic_store_n(guess_at(ring, caller), put.owner, __ATOMIC_RELEASE);
#endif
    return put;
}

static struct put event_record(struct memtrace_caller caller, uintptr_t address, size_t size, unsigned heap,
                               enum memtrace_kind kind)
{
#if MEMTRACE_QUICK
    struct recorder *ring = recorder_get();
    if (ring != NULL && size < ring->quick_size && u32_load(&ring->header.request) == 0) {
        uint32_t now = memtrace_port_time();
        memtrace_word owner = guess_verified(ring, caller);
        if (owner != 0 && now - u32_load(&ring->header.time_low) < TIME_NEAR) {
            u32_store(&ring->header.time_low, now);
            return slot_put(head_reserve(ring, 1), owner, address, size | (memtrace_word)heap << SIZE_BITS,
                            state_make(now, memtrace_port_core(), KIND_WORD(kind)), ring);
        }
    }
#endif
    return event_slow(caller, address, size, heap, kind);
}

void memtrace_alloc(struct memtrace_caller caller, void *block, size_t size, unsigned heap)
{
    enum memtrace_kind kind = block != NULL ? MEMTRACE_ALLOC : MEMTRACE_ALLOC_FAILED;
    struct put put = event_record(caller, (uintptr_t)block, size, heap, kind);
    if (MEMTRACE_LIVE && block != NULL && put.reservation != RESERVATION_NONE)
        live_insert(recorder_get(), (uintptr_t)block, size, heap, put);
}

void memtrace_free(struct memtrace_caller caller, void *block, unsigned heap)
{
    if (block == NULL)
        return;
    (void)event_record(caller, (uintptr_t)block, 0, heap, MEMTRACE_FREE);
    if (MEMTRACE_LIVE)
        live_change((uintptr_t)block, 0);
}

struct memtrace_realloc memtrace_realloc_begin(struct memtrace_caller caller, void *block, size_t size, unsigned heap)
{
    struct put put = NOT_RECORDED;
    if (block != NULL && size == 0) {
        memtrace_free(caller, block, heap);
    } else if (block != NULL) {
        put = event_record(caller, (uintptr_t)block, size, heap, MEMTRACE_REALLOC_BEGIN);
        if (MEMTRACE_LIVE)
            live_change((uintptr_t)block, (uintptr_t)block | LIVE_MOVING);
    }
    return (struct memtrace_realloc){caller, (uintptr_t)put.owner, put.reservation};
}

/* Events from `begin` to `end`, for the place of a stack's number. */
static memtrace_word reservations_distance(const struct recorder *ring, uint32_t begin, uint32_t end)
{
    uint32_t laps = ((end >> MEMTRACE_INDEX_BITS) - (begin >> MEMTRACE_INDEX_BITS)) & (UINT32_MAX >> MEMTRACE_INDEX_BITS);
    uint32_t distance = laps * ring->header.events.count + (end & INDEX_MASK) - (begin & INDEX_MASK);
    return distance < STACK_MASK ? distance : STACK_MASK;
}

static struct put realloc_end_put(struct recorder *ring, struct memtrace_realloc begun, uintptr_t block, size_t size,
                                  unsigned heap)
{
    memtrace_word state = state_now(ring, MEMTRACE_REALLOC_END);
    uint32_t reservation = head_reserve(ring, 1);
    memtrace_word link = (begun.owner & ~STACK_MASK) | reservations_distance(ring, begun.reservation, reservation);
    return slot_put(reservation, link, block, size_word(ring, size, heap), state, ring);
}

void memtrace_realloc_end(struct memtrace_realloc begun, void *old_block, void *new_block, size_t size, unsigned heap)
{
    struct recorder *ring = recorder_get();
    if (ring == NULL)
        return;
    if (old_block == NULL || (size == 0 && new_block != NULL)) {
        memtrace_alloc(begun.caller, new_block, size, heap);
        return;
    }
    struct put put = NOT_RECORDED;
    if (begun.reservation != RESERVATION_NONE && gate_admits(ring, MEMTRACE_REALLOC_END))
        put = realloc_end_put(ring, begun, (uintptr_t)new_block, size, heap);
    if (MEMTRACE_LIVE)
        live_change((uintptr_t)old_block | LIVE_MOVING, new_block != NULL ? 0 : (uintptr_t)old_block);
    if (MEMTRACE_LIVE && new_block != NULL && put.reservation != RESERVATION_NONE)
        live_insert(ring, (uintptr_t)new_block, size, heap, (struct put){put.reservation, begun.owner});
}
