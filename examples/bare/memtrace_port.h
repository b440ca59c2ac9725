/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorder's port to a program without an operating system: one core, one stack, no interrupts.
 */
#ifndef MEMTRACE_PORT_H
#define MEMTRACE_PORT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define MEMTRACE_PORT_TICK_HZ 10000000u
#define MEMTRACE_PORT_CORES 1u

struct memtrace_span {
    uintptr_t low;
    uintptr_t high;
};

/* The linker script's. */
extern const char code_start[];
extern const char code_end[];
extern const char stack_low[];
extern const char stack_high[];
extern const uint8_t build_id_start[];

static inline unsigned memtrace_port_core(void)
{
    return 0;
}

static inline uint32_t memtrace_port_time(void)
{
    uint32_t low = 0; /* for cppcheck: the instruction sets it */
    __asm__ volatile("csrr %0, time" : "=r"(low));
    return low;
}

/* Read again until no carry came between the halves. */
static inline uint64_t memtrace_port_time_full(void)
{
    uint32_t low = 0;
    uint32_t high = 0;
    uint32_t again = 0;
    do {
        __asm__ volatile("csrr %0, timeh\n\tcsrr %1, time\n\tcsrr %2, timeh" : "=&r"(high), "=&r"(low), "=r"(again));
    } while (high != again);
    return (uint64_t)high << 32 | low;
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

/* start.S keeps 16 bytes above main's frame. */
static inline struct memtrace_span memtrace_port_stack(void)
{
    return (struct memtrace_span){(uintptr_t)stack_low, (uintptr_t)stack_high - 16};
}

static inline bool memtrace_port_is_code(uintptr_t pc)
{
    return pc - (uintptr_t)code_start < (uintptr_t)(code_end - code_start);
}

/* Asked only where the chip has no atomic instructions. Nothing interrupts here. */
static inline uintptr_t memtrace_port_lock(void)
{
    return 0;
}

static inline void memtrace_port_unlock(uintptr_t saved)
{
    (void)saved;
}

/* The note is three words, "GNU\0", and the 20 bytes. */
static inline void memtrace_port_build_id(uint8_t out[20])
{
    memcpy(out, build_id_start + 16, 20);
}

#endif
