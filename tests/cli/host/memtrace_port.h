/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorder's port to a process with one thread and no clock, filled in from c_helpers/ports/template.
 */
#ifndef MEMTRACE_PORT_H
#define MEMTRACE_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MEMTRACE_PORT_TICK_HZ 0u
#define MEMTRACE_PORT_CORES 1u

struct memtrace_span {
    uintptr_t low;
    uintptr_t high;
};

extern uintptr_t host_stack_high;
extern const char host_code_start[] __asm__("__executable_start");
extern const char host_code_end[] __asm__("etext");

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
    return (uintptr_t) "main";
}

static inline const char *memtrace_port_task_name(uintptr_t handle)
{
    return (const char *)handle;
}

static inline struct memtrace_span memtrace_port_stack(void)
{
    return (struct memtrace_span){(uintptr_t)__builtin_frame_address(0), host_stack_high};
}

static inline bool memtrace_port_is_code(uintptr_t pc)
{
    return pc >= (uintptr_t)host_code_start && pc < (uintptr_t)host_code_end;
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
    memset(out, 0, 20);
}

#endif
