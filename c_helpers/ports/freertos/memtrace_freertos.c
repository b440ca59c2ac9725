/* SPDX-License-Identifier: Apache-2.0
 *
 * What the port to FreeRTOS keeps: the ring and its start, the clock, and the way through the recorder to the user's configASSERT.
 *
 * Approach: the first allocation starts the recorder, which is in main, before the scheduler, or in the scheduler's start. The clock
 * is the tick's count, made 64 bits wide by who counts, so that it is read by two loads.
 * Rejected: a constructor (start-up code of many boards calls none).
 * Cost: MEMTRACE_RING_BYTES of static memory; a dozen instructions a tick.
 * Assumptions: the kernel tells at least one tick in 2^31, or in half of what its counter holds.
 */
#define MEMTRACE_FREERTOS_USERS_ASSERT 1
#include "FreeRTOS.h"

#include "../bounds.h"
#include "memtrace.h"
#include "memtrace_port.h"

/* Bytes of the ring; 0: the program calls memtrace_init itself. */
#ifndef MEMTRACE_RING_BYTES
#define MEMTRACE_RING_BYTES 16384
#endif
#ifndef MEMTRACE_LIVE_BLOCKS
#define MEMTRACE_LIVE_BLOCKS (MEMTRACE_RING_BYTES / 128)
#endif

struct memtrace_freertos_clock memtrace_freertos_clock;
extern size_t memtrace_freertos_region_bytes;
size_t memtrace_freertos_region_bytes; /* of heap_5's regions; 0: it is another one, or is not wrapped */

struct memtrace_span memtrace_freertos_code;

extern __attribute__((weak)) const char __stack_top[], _stack_top[], stack_top[], __stack[], _sp[];

/* On Cortex-M code begins with the vector table. If that was moved to RAM, or is another alias of flash, it begins where its
 * 16 MiB of addresses do: on Arm a return address's code is read, so it must be memory. */
static uintptr_t code_start_before(uintptr_t end)
{
#ifdef __arm__
    uintptr_t table = *(const volatile uintptr_t *)0xe000ed08u;
    return end - table < 1u << 24 ? table : end & 0xff000000u;
#else
    return end; /* none is known */
#endif
}

void memtrace_freertos_find_code(void)
{
    uintptr_t end = code_end_find();
    uintptr_t start = code_start_find(end);
    if (start == 0)
        start = code_start_before(end);
    memtrace_freertos_code.low = end != 0 ? start : 1u;
    memtrace_freertos_code.high = end != 0 ? end : 1u; /* asked, and none is known */
}

#if defined(__riscv) && defined(configISR_STACK_SIZE_WORDS)
uintptr_t memtrace_freertos_start_stack(void)
{
    static const char *const tops[] = {
#ifdef MEMTRACE_STACK_TOP
        MEMTRACE_STACK_TOP,
#endif
        __stack_top,        _stack_top, stack_top, __stack, _sp,
    };
    uintptr_t top = place_below(UINTPTR_MAX, tops, COUNT(tops));
    return top > memtrace_freertos_stack_pointer() ? top : memtrace_freertos_stack_pointer();
}
#endif

void memtrace_freertos_start(void)
{
#if MEMTRACE_RING_BYTES > 0
    static uint64_t ring[MEMTRACE_RING_BYTES / 8];
    static const struct memtrace_config config = {.live = MEMTRACE_LIVE_BLOCKS};
    uintptr_t saved = memtrace_port_lock(); /* a second task that comes here finds a ring */
    if (memtrace_ring == NULL)
        (void)memtrace_init(ring, sizeof ring, &config);
    memtrace_port_unlock(saved);
#endif
}

/* Who reads the two in their opposite order sees by the bit that they share which of them is new. */
void memtrace_freertos_tick(uint32_t count)
{
    struct memtrace_freertos_clock *clock = &memtrace_freertos_clock;
    uint32_t low = clock->low + (uint32_t)(TickType_t)(count - clock->low);
    clock->low = low;
    if (((clock->halves ^ low >> 31) & 1u) != 0)
        __atomic_store_n(&clock->halves, clock->halves + 1u, __ATOMIC_RELEASE);
}

#if defined(MEMTRACE_FREERTOS_MACROS) && MEMTRACE_FREERTOS_MACROS
void memtrace_freertos_got(struct memtrace_caller caller, void *block, size_t size)
{
    if (memtrace_ring == NULL)
        memtrace_freertos_start();
    memtrace_alloc(caller, block, size, 0);
}
#endif

#ifdef MEMTRACE_FREERTOS_ASSERTS

#include "users_assertion.h" /* last: __LINE__ is another one from here on */

__attribute__((noinline)) void memtrace_freertos_assertion(const char *text, const char *file, int line,
                                                           const char *function)
{
    memtrace_assert_failed(MEMTRACE_CALLER(), text, (unsigned)line, function);
    users_assertion(file, line);
}

#endif
