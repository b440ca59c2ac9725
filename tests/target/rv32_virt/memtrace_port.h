/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorder's port to this firmware, filled in from c_helpers/ports/template, which says what each function must keep.
 */
#ifndef MEMTRACE_PORT_H
#define MEMTRACE_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "board.h"
#include "board_virt.h"
#include "rtos.h"

#define MEMTRACE_PORT_TICK_HZ 10000000u
#define MEMTRACE_PORT_CORES BOARD_CORES

struct memtrace_span {
    uintptr_t low;
    uintptr_t high;
};

extern const char board_code_start[];
extern const char board_code_end[];

static inline unsigned memtrace_port_core(void)
{
    return virt_core();
}

static inline uint64_t memtrace_port_time_full(void)
{
    return virt_time_full();
}

static inline uint32_t memtrace_port_time(void)
{
    return virt_time_low();
}

/* For `make bench`, as a port to FreeRTOS asks: is this core in an interrupt, else what is its entry in the array of current tasks? */
static inline const struct board_running *running_here(void)
{
#ifdef MEMTRACE_TEST_BENCH_RTOS
    return virt_current[virt_core()];
#else
    return virt_here;
#endif
}

static inline uintptr_t memtrace_port_context(void)
{
#ifdef MEMTRACE_TEST_BENCH_RTOS
    if (virt_nesting[virt_core()] != 0)
        return 1;
#endif
    return running_here()->context;
}

static inline const char *memtrace_port_task_name(uintptr_t handle)
{
    return ((const struct task *)handle)->name;
}

static inline struct memtrace_span memtrace_port_stack(void)
{
    return (struct memtrace_span){running_here()->low, running_here()->high};
}

static inline bool memtrace_port_is_code(uintptr_t pc)
{
    return pc - (uintptr_t)board_code_start < (uintptr_t)(board_code_end - board_code_start);
}

static inline uintptr_t memtrace_port_lock(void)
{
    return virt_interrupts_off();
}

static inline void memtrace_port_unlock(uintptr_t state)
{
    virt_interrupts_restore((uint32_t)state);
}

void memtrace_port_build_id(uint8_t out[20]);

#endif
