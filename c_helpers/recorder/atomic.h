/* SPDX-License-Identifier: Apache-2.0
 *
 * The few atomic operations that the recorder stands on.
 *
 * Approach: the compiler's atomics where the core has them (RISC-V's A extension, Xtensa's S32C1I); elsewhere (RV32IMC, the
 * ESP8266) a critical section of the port around the same step, because GCC would emit calls into a libatomic that
 * firmware does not have.
 * Rejected: C11 <stdatomic.h>, whose _Atomic types would have to stand in the format's header, which C++ reads too.
 * Cost: one instruction (amoadd, amoswap) or one LR/SC loop each; two port calls more without the A extension.
 * Assumptions: aligned 32-bit and pointer-sized loads and stores are single accesses on every core.
 */
#ifndef MEMTRACE_ATOMIC_H
#define MEMTRACE_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

#include "memtrace.h"
#include "memtrace_port.h"
#include "memtrace_words.h"

/* 1: the port's critical section stands around the steps. */
#if defined(MEMTRACE_TEST_PLAIN_ATOMICS) || defined(MEMTRACE_ATOMICS_BY_LOCK)
#define ATOMICS_BY_LOCK 1
#elif !defined(__GCC_HAVE_SYNC_COMPARE_AND_SWAP_4)
#define ATOMICS_BY_LOCK 1
#elif UINTPTR_MAX > 0xffffffffu && !defined(__GCC_HAVE_SYNC_COMPARE_AND_SWAP_8)
#define ATOMICS_BY_LOCK 1
#else
#define ATOMICS_BY_LOCK 0
#endif

/* On one core, an interrupt sees what it interrupts in the order of the program: only the compiler must keep that. */
#if MEMTRACE_PORT_CORES == 1 && !defined(__SANITIZE_THREAD__)
#define ORDER_ACQUIRE __ATOMIC_RELAXED
#define ORDER_RELEASE __ATOMIC_RELAXED
#define ORDER_BOTH __ATOMIC_RELAXED
#define ORDER_FENCE(order) __atomic_signal_fence(__ATOMIC_SEQ_CST)
#define ORDER_KEEP() __atomic_signal_fence(__ATOMIC_SEQ_CST)
#else
#define ORDER_ACQUIRE __ATOMIC_ACQUIRE
#define ORDER_RELEASE __ATOMIC_RELEASE
#define ORDER_BOTH __ATOMIC_ACQ_REL
#define ORDER_FENCE(order) __atomic_thread_fence(order)
#define ORDER_KEEP() ((void)0)
#endif

/* Files that include memtrace.h before the recorder's headers do not have the architecture's word for it. */
#ifndef ATOMIC_STORES_PLAIN
#define ATOMIC_STORES_PLAIN 0
#endif

/* Files that include memtrace.h before the recorder's headers do not have the architecture's word for it. */
#ifndef ATOMIC_STORES_PLAIN
#define ATOMIC_STORES_PLAIN 0
#endif

/* A store that is one access, and one after everything that this core stored before. Macros, for places of any type. */
#if ATOMIC_STORES_PLAIN
#define PLACE_WRITE(place, value) ((void)(*(volatile __typeof__(*(place)) *)(place) = (value)))
#define PLACE_WRITE_LAST(place, value) (ORDER_FENCE(__ATOMIC_RELEASE), PLACE_WRITE(place, value))
#else
#define PLACE_WRITE(place, value) __atomic_store_n(place, value, __ATOMIC_RELAXED)
#define PLACE_WRITE_LAST(place, value) (ORDER_KEEP(), __atomic_store_n(place, value, ORDER_RELEASE))
#endif

/* A test puts another core's turn between the load and the store of a step. */
#ifndef MEMTRACE_TEST_BETWEEN
#define MEMTRACE_TEST_BETWEEN() ((void)0)
#endif

#if ATOMICS_BY_LOCK
/* The test that replaces the atomics by plain steps takes the lock away and keeps the rest. */
static inline uintptr_t section_enter(void)
{
#ifdef MEMTRACE_TEST_PLAIN_ATOMICS
    return 0;
#else
    return memtrace_port_lock();
#endif
}

static inline void section_leave(uintptr_t saved)
{
#ifdef MEMTRACE_TEST_PLAIN_ATOMICS
    (void)saved;
#else
    memtrace_port_unlock(saved);
#endif
}
#endif

/* Where the lock stands for several cores, a store takes it, too: else it could fall between the load and the store of another
 * core's step, and be lost. On one core nothing else runs within a step. */
#if ATOMICS_BY_LOCK && MEMTRACE_PORT_CORES > 1
#define PLACE_LOCKED(write, place, value) \
    do { \
        uintptr_t section = section_enter(); \
        write(place, value); \
        section_leave(section); \
    } while (0)
#define PLACE_STORE(place, value) PLACE_LOCKED(PLACE_WRITE, place, value)
#define PLACE_PUBLISH(place, value) PLACE_LOCKED(PLACE_WRITE_LAST, place, value)
#else
#define PLACE_STORE(place, value) PLACE_WRITE(place, value)
#define PLACE_PUBLISH(place, value) PLACE_WRITE_LAST(place, value)
#endif

static inline uint32_t u32_load(const uint32_t *place)
{
    return __atomic_load_n(place, __ATOMIC_RELAXED);
}

static inline void u32_store(uint32_t *place, uint32_t value)
{
    PLACE_STORE(place, value);
}

static inline void u32_publish(uint32_t *place, uint32_t value)
{
    PLACE_PUBLISH(place, value);
}

static inline memtrace_word word_load(const memtrace_word *place)
{
    memtrace_word value = __atomic_load_n(place, ORDER_ACQUIRE);
    ORDER_KEEP();
    return value;
}

static inline memtrace_word word_peek(const memtrace_word *place)
{
    return __atomic_load_n(place, __ATOMIC_RELAXED);
}

static inline void word_store(memtrace_word *place, memtrace_word value)
{
    PLACE_STORE(place, value);
}

static inline void word_publish(memtrace_word *place, memtrace_word value)
{
    PLACE_PUBLISH(place, value);
}

/* Keeps an exchange before it in front of the stores after it, for who reads the slot meanwhile. */
static inline void stores_order(void)
{
#if ATOMIC_STORES_PLAIN /* the exchange does that by itself, and a core without it is alone */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
#elif !defined( \
    __SANITIZE_THREAD__) /* it does not know fences; the exchange before and the publication after suffice for it */
    ORDER_FENCE(__ATOMIC_RELEASE);
#endif
}

/* Keeps the loads before it in front of those after it, for who looks again whether what he has read was written over meanwhile. */
static inline void loads_order(void)
{
#ifndef __SANITIZE_THREAD__
    ORDER_FENCE(__ATOMIC_ACQUIRE);
#endif
}

/* Keeps a store before it in front of a load after it, for two who each store and then look at what the other one stored. */
static inline void all_order(void)
{
#ifndef __SANITIZE_THREAD__
    ORDER_FENCE(__ATOMIC_SEQ_CST);
#endif
}

#if ATOMICS_BY_LOCK

static inline uint32_t u32_add(uint32_t *place, uint32_t amount)
{
    uintptr_t saved = section_enter();
    uint32_t old = __atomic_load_n(place, __ATOMIC_RELAXED);
    MEMTRACE_TEST_BETWEEN();
    PLACE_WRITE(place, old + amount);
    section_leave(saved);
    return old;
}

static inline void u32_set(uint32_t *place, uint32_t bits)
{
    uintptr_t saved = section_enter();
    PLACE_WRITE(place, __atomic_load_n(place, __ATOMIC_RELAXED) | bits);
    section_leave(saved);
}

static inline memtrace_word word_add(memtrace_word *place, memtrace_word amount)
{
    uintptr_t saved = section_enter();
    memtrace_word old = __atomic_load_n(place, __ATOMIC_RELAXED);
    MEMTRACE_TEST_BETWEEN();
    PLACE_WRITE(place, old + amount);
    section_leave(saved);
    return old;
}

static inline memtrace_word word_swap(memtrace_word *place, memtrace_word value)
{
    uintptr_t saved = section_enter();
    memtrace_word old = __atomic_load_n(place, __ATOMIC_RELAXED);
    MEMTRACE_TEST_BETWEEN();
    PLACE_WRITE(place, value);
    section_leave(saved);
    return old;
}

static inline bool word_replace(memtrace_word *place, memtrace_word old, memtrace_word value)
{
    uintptr_t saved = section_enter();
    bool same = __atomic_load_n(place, __ATOMIC_RELAXED) == old;
    if (same)
        PLACE_WRITE_LAST(place, value);
    section_leave(saved);
    return same;
}

static inline bool u32_replace(uint32_t *place, uint32_t old, uint32_t value)
{
    uintptr_t saved = section_enter();
    bool same = __atomic_load_n(place, __ATOMIC_RELAXED) == old;
    if (same)
        PLACE_WRITE_LAST(place, value);
    section_leave(saved);
    return same;
}

static inline uint32_t u32_claim(uint32_t *place, uint32_t value)
{
    uintptr_t saved = section_enter();
    uint32_t old = __atomic_load_n(place, __ATOMIC_RELAXED);
    if (old == 0)
        PLACE_WRITE_LAST(place, value);
    section_leave(saved);
    return old;
}

/* The lock keeps the order, too. */
static inline uint32_t u32_next(uint32_t *place)
{
    return u32_add(place, 1);
}

#else

static inline uint32_t u32_add(uint32_t *place, uint32_t amount)
{
    return __atomic_fetch_add(place, amount, __ATOMIC_RELAXED);
}

static inline void u32_set(uint32_t *place, uint32_t bits)
{
    (void)__atomic_fetch_or(place, bits, __ATOMIC_RELAXED);
}

static inline memtrace_word word_add(memtrace_word *place, memtrace_word amount)
{
    return __atomic_fetch_add(place, amount, __ATOMIC_RELAXED);
}

/* Adds 1; what this core does before it stays before it, what it does after stays behind. */
static inline uint32_t u32_next(uint32_t *place)
{
#ifdef ATOMIC_NEXT
    return ATOMIC_NEXT(place);
#else
    ORDER_KEEP();
    uint32_t old = __atomic_fetch_add(place, 1, ORDER_BOTH);
    ORDER_KEEP();
    return old;
#endif
}

static inline memtrace_word word_swap(memtrace_word *place, memtrace_word value)
{
    memtrace_word old = __atomic_exchange_n(place, value, ORDER_ACQUIRE);
    ORDER_KEEP();
    return old;
}

static inline bool word_replace(memtrace_word *place, memtrace_word old, memtrace_word value)
{
    ORDER_KEEP();
    bool replaced = __atomic_compare_exchange_n(place, &old, value, false, ORDER_BOTH, __ATOMIC_RELAXED);
    ORDER_KEEP();
    return replaced;
}

/* Puts the value in the place of 0; what was there. */
static inline uint32_t u32_claim(uint32_t *place, uint32_t value)
{
    uint32_t old = 0;
    ORDER_KEEP();
    (void)__atomic_compare_exchange_n(place, &old, value, false, ORDER_BOTH, ORDER_ACQUIRE);
    ORDER_KEEP();
    return old;
}

static inline bool u32_replace(uint32_t *place, uint32_t old, uint32_t value)
{
    ORDER_KEEP();
    bool replaced = __atomic_compare_exchange_n(place, &old, value, false, ORDER_BOTH, __ATOMIC_RELAXED);
    ORDER_KEEP();
    return replaced;
}

#endif

#endif
