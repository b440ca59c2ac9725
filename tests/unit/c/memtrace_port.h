/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorder's port to its own tests: threads are cores, and everything that it asks is what a test says.
 */
#ifndef MEMTRACE_PORT_H
#define MEMTRACE_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MEMTRACE_PORT_TICK_HZ 1000u
#define MEMTRACE_PORT_CORES 8u

struct memtrace_span {
    uintptr_t low;
    uintptr_t high;
};

/* Who runs on this thread. Volatile: a signal's handler changes it and puts it back. */
struct host {
    volatile unsigned core;
    volatile uintptr_t context; /* 0, 1, or a task's name, which is its handle */
    volatile uintptr_t low;
    volatile uintptr_t high;
};

extern _Thread_local struct host host;
extern uint64_t host_time;
extern int host_lock;

static inline unsigned memtrace_port_core(void)
{
    return host.core;
}

static inline uint64_t memtrace_port_time_full(void)
{
    return __atomic_load_n(&host_time, __ATOMIC_RELAXED);
}

static inline uint32_t memtrace_port_time(void)
{
    return (uint32_t)memtrace_port_time_full();
}

static inline uintptr_t memtrace_port_context(void)
{
    return host.context;
}

static inline const char *memtrace_port_task_name(uintptr_t handle)
{
    return (const char *)handle;
}

static inline struct memtrace_span memtrace_port_stack(void)
{
    return (struct memtrace_span){host.low, host.high};
}

static inline bool memtrace_port_is_code(uintptr_t pc)
{
    return pc >= 0x1000 && pc < 0x100000;
}

static inline uintptr_t memtrace_port_lock(void)
{
    while (__atomic_exchange_n(&host_lock, 1, __ATOMIC_ACQUIRE) != 0) {
    }
    return 0;
}

static inline void memtrace_port_unlock(uintptr_t saved)
{
    (void)saved;
    __atomic_store_n(&host_lock, 0, __ATOMIC_RELEASE);
}

static inline void memtrace_port_build_id(uint8_t out[20])
{
    memset(out, 0xb1, 20);
}

#endif
