/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorder's port to the Pico SDK: RP2040 (two Cortex-M0+) and RP2350 (two Cortex-M33, or two Hazard3).
 *
 * Approach: what the SDK's headers have inline, and the names of its linker scripts. The RP2040 has no atomic instructions: there one of its
 * hardware spin locks, with interrupts off, keeps out the other core and every interrupt of this one.
 * Rejected: time_us_64 (a call, in flash); the units of the timer as they are (at 1 MHz nearly each event would cost a second record).
 * Cost: seven loads of registers an event; on an RP2040 some 25 instructions more for each of its few atomic steps.
 * Assumptions: core 1 runs on the stack that multicore_launch_core1 gives it; on another one each of its events has its caller alone.
 * No NMI allocates. With FreeRTOS's scheduler this port knows the cores, not the tasks: ports/freertos does.
 */
#ifndef MEMTRACE_PORT_H
#define MEMTRACE_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hardware/sync.h"
#include "hardware/timer.h"
#include "pico/platform.h"

#define MEMTRACE_PORT_CORES 2u

/* 256 microseconds; 3,906 a second are 64 millionths too few. */
#define MEMTRACE_PICO_TIME_SHIFT 8u
#define MEMTRACE_PORT_TICK_HZ (1000000u >> MEMTRACE_PICO_TIME_SHIFT)

/* The last of those that the SDK gives to who asks for one. memtrace_pico.c claims it. */
#ifndef MEMTRACE_PICO_SPIN_LOCK
#define MEMTRACE_PICO_SPIN_LOCK 31u
#endif

/* What the self-test of the hooks finds besides C's four. */
void *memalign(size_t alignment, size_t size);
#define MEMTRACE_SELFTEST_ALIGNED(alignment, size) memalign(alignment, size)

struct memtrace_span {
    uintptr_t low;
    uintptr_t high;
};

/* The SDK's linker scripts': the stack of a core has what is left of its 4 KiB of scratch memory. */
extern const char __scratch_x_end__[], __StackOneTop[], __scratch_y_end__[], __StackTop[];
extern const char __logical_binary_start[], __etext[], __data_start__[], __data_end__[];
/* Of programs that are copied to RAM alone. */
extern __attribute__((weak)) const char __ram_text_start__[], __ram_text_end__[];

static inline unsigned memtrace_port_core(void)
{
    return get_core_num();
}

/* Read again until no carry came between the halves. */
static inline uint64_t memtrace_port_time_full(void)
{
    uint32_t high = timer_hw->timerawh;
    for (;;) {
        uint32_t low = timer_hw->timerawl;
        uint32_t again = timer_hw->timerawh;
        if (again == high)
            return ((uint64_t)high << 32 | low) >> MEMTRACE_PICO_TIME_SHIFT;
        high = again;
    }
}

static inline uint32_t memtrace_port_time(void)
{
    return (uint32_t)memtrace_port_time_full();
}

/* 1: an interrupt. Any number but 0, 1 and all ones names a task: 2 is core 0, 3 is core 1. */
static inline uintptr_t memtrace_port_context(void)
{
    return __get_current_exception() != 0 ? 1u : 2u + get_core_num();
}

static inline const char *memtrace_port_task_name(uintptr_t handle)
{
    return handle == 2 ? "core 0" : "core 1";
}

static inline struct memtrace_span memtrace_port_stack(void)
{
    if (get_core_num() == 0)
        return (struct memtrace_span){(uintptr_t)__scratch_y_end__, (uintptr_t)__StackTop};
    return (struct memtrace_span){(uintptr_t)__scratch_x_end__, (uintptr_t)__StackOneTop};
}

static inline bool memtrace_pico_is_between(uintptr_t pc, const char *low, const char *high)
{
    return pc - (uintptr_t)low < (uintptr_t)high - (uintptr_t)low;
}

/* Code stands in flash, among the data (functions that must not wait for flash), or all in RAM. */
static inline bool memtrace_port_is_code(uintptr_t pc)
{
    return memtrace_pico_is_between(pc, __logical_binary_start, __etext) ||
           memtrace_pico_is_between(pc, __data_start__, __data_end__) ||
           memtrace_pico_is_between(pc, __ram_text_start__, __ram_text_end__);
}

/* Asked on an RP2040 alone. */
static inline uintptr_t memtrace_port_lock(void)
{
    return spin_lock_blocking(spin_lock_instance(MEMTRACE_PICO_SPIN_LOCK));
}

static inline void memtrace_port_unlock(uintptr_t saved)
{
    spin_unlock(spin_lock_instance(MEMTRACE_PICO_SPIN_LOCK), (uint32_t)saved);
}

/* The SDK links without a build-id. */
static inline void memtrace_port_build_id(uint8_t out[20])
{
    (void)out;
}

#endif
