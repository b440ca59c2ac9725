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
#include "board_mps2.h"
#include "rtos.h"

#define MEMTRACE_PORT_TICK_HZ (MPS2_HZ / MPS2_CYCLES_PER_TICK)
#define MEMTRACE_PORT_CORES 1u

struct memtrace_span {
    uintptr_t low;
    uintptr_t high;
};

extern const char board_code_start[];
extern const char board_code_end[];

static inline unsigned memtrace_port_core(void)
{
    return 0;
}

static inline uint64_t memtrace_port_time_full(void)
{
    return mps2_time_full();
}

static inline uint32_t memtrace_port_time(void)
{
    return mps2_time_low();
}

static inline uintptr_t memtrace_port_context(void)
{
    return board_running[0].context;
}

static inline const char *memtrace_port_task_name(uintptr_t handle)
{
    return ((const struct task *)handle)->name;
}

static inline struct memtrace_span memtrace_port_stack(void)
{
    return (struct memtrace_span){board_running[0].low, board_running[0].high};
}

static inline bool memtrace_port_is_code(uintptr_t pc)
{
    return pc - (uintptr_t)board_code_start < (uintptr_t)(board_code_end - board_code_start);
}

static inline uintptr_t memtrace_port_lock(void)
{
    return mps2_interrupts_off();
}

static inline void memtrace_port_unlock(uintptr_t state)
{
    mps2_interrupts_restore((uint32_t)state);
}

void memtrace_port_build_id(uint8_t out[20]);

#endif
