/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorder's port to real programs on this machine, in C or C++: their own stacks and code, and no clock.
 */
#ifndef MEMTRACE_PORT_H
#define MEMTRACE_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "real.h"

#define MEMTRACE_PORT_TICK_HZ 0u
#define MEMTRACE_PORT_CORES 1u

struct memtrace_span {
    uintptr_t low;
    uintptr_t high;
};

/* The linker's: the program's own code, without that of shared libraries. */
extern const char __executable_start[];
extern const char etext[];

static inline unsigned memtrace_port_core(void)
{
    return 0;
}

static inline uint64_t memtrace_port_time_full(void)
{
    return 0;
}

static inline uint32_t memtrace_port_time(void)
{
    return 0;
}

static inline uintptr_t memtrace_port_context(void)
{
    return real_here.context;
}

static inline const char *memtrace_port_task_name(uintptr_t handle)
{
    return (const char *)handle;
}

static inline struct memtrace_span memtrace_port_stack(void)
{
    return (struct memtrace_span){real_here.low, real_here.high};
}

static inline bool memtrace_port_is_code(uintptr_t pc)
{
    return pc - (uintptr_t)__executable_start < (uintptr_t)(etext - __executable_start);
}

static inline uintptr_t memtrace_port_lock(void)
{
    return 0;
}

static inline void memtrace_port_unlock(uintptr_t saved)
{
    (void)saved;
}

static inline void memtrace_port_build_id(uint8_t out[20])
{
    (void)out;
}

#endif
