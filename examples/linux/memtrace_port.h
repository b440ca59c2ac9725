/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorder's port to a Linux process with one thread.
 */
#ifndef MEMTRACE_PORT_H
#define MEMTRACE_PORT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define MEMTRACE_PORT_TICK_HZ 1000000u
#define MEMTRACE_PORT_CORES 1u

struct memtrace_span {
    uintptr_t low;
    uintptr_t high;
};

extern uintptr_t port_stack_high; /* main sets it */
extern const char port_code_start[] __asm__("__executable_start");
extern const char port_code_end[] __asm__("etext");

static inline unsigned memtrace_port_core(void)
{
    return 0;
}

/* Microseconds. */
static inline uint64_t memtrace_port_time_full(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static inline uint32_t memtrace_port_time(void)
{
    return (uint32_t)memtrace_port_time_full();
}

/* Any number but 0, 1 and all ones names a task; there is one. */
static inline uintptr_t memtrace_port_context(void)
{
    return 2;
}

static inline const char *memtrace_port_task_name(uintptr_t handle)
{
    (void)handle;
    return "main";
}

static inline struct memtrace_span memtrace_port_stack(void)
{
    return (struct memtrace_span){(uintptr_t)__builtin_frame_address(0), port_stack_high};
}

/* The program's own code: a stack ends where a library called. */
static inline bool memtrace_port_is_code(uintptr_t pc)
{
    return pc - (uintptr_t)port_code_start < (uintptr_t)(port_code_end - port_code_start);
}

/* Asked only where there are no atomic instructions. */
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
