/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorder's port: who runs now, what time it is, which stack is in use. Copy this file into your firmware, fill every FIXME,
 * then run the self-test beside it (../selftest). It compiles as it is, for one core without a clock, and records one PC an event.
 *
 * The recorder asks these from wherever the allocator is called: tasks, interrupts, several cores at once, with interrupts off,
 * inside the allocator's lock, before the scheduler runs. So none of them may
 *   - allocate, free, or call any memtrace_ function (it would call itself),
 *   - wait: for a lock, a task, another core, a register that may never change,
 *   - print, log, or touch what another task owns.
 * Every answer is about the core that asks, at this moment. `static inline` is what makes an event cheap.
 */
#ifndef MEMTRACE_PORT_H
#define MEMTRACE_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Units of memtrace_port_time a second. 1 to 10 kHz is good: every 2,048 units at least, the next event costs a second record, so that
 * a pause of that length makes 32 bytes of the 16 (64-bit machines: some 10^8 units). A cycle counter must be shifted down. 0:
 * there is no clock; the time functions are never called, and may be left out. */
#define MEMTRACE_PORT_TICK_HZ 0u /* FIXME */

/* Cores that may call the allocator, 1 to 8. */
#define MEMTRACE_PORT_CORES 1u /* FIXME */

/* Addresses from `low` to before `high`, in bytes. */
struct memtrace_span {
    uintptr_t low;
    uintptr_t high;
};

/* When: at each event. Unit: 0 to MEMTRACE_PORT_CORES - 1, each core its own. */
static inline unsigned memtrace_port_core(void)
{
    return 0; /* FIXME, with more cores than one */
}

/* When: only when an event's stack or time is new. Unit: ticks since any moment, 64 bits that never wrap or go back. A clock that
 * all cores share, or ones that differ by at most 1,000 ticks. It must run while interrupts are off, or events made then
 * have one time. */
static inline uint64_t memtrace_port_time_full(void)
{
    return 0; /* FIXME, with a clock */
}

/* When: at each event. Unit: ticks, the low half of memtrace_port_time_full, read in few instructions. */
static inline uint32_t memtrace_port_time(void)
{
    return (uint32_t)memtrace_port_time_full();
}

/* When: at each event. 0 before the scheduler runs, 1 in an interrupt, else the running task's handle: any number that is the
 * task's alone while it lives, but not all ones. Asked in interrupts too: RTOS functions "for tasks only" do not serve. */
static inline uintptr_t memtrace_port_context(void)
{
    return 0; /* FIXME, with tasks */
}

/* When: each time that an event of this task goes the slow way, from the task itself; and from whoever sets a filter by tasks.
 * `handle` is one that memtrace_port_context gave, of a task that still lives. A text that ends in '\0', of which 20 bytes are
 * kept; not NULL. It must stay where it is until the task asks the next time. */
static inline const char *memtrace_port_task_name(uintptr_t handle)
{
    (void)handle;
    return ""; /* FIXME, with tasks */
}

/* When: at each event. The stack in use: the task's, in an interrupt that one's, before the scheduler the start-up stack. Memory
 * of which every word can be read. Too narrow a span cuts call stacks short, {0, 0} (not known) to their callers;
 * too wide a one is read where there is nothing. */
static inline struct memtrace_span memtrace_port_stack(void)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    return (struct memtrace_span){here, here}; /* FIXME: bounds of the stack, such as the linker's or the task's */
}

/* When: for each frame of a stack that is new, and at the end of each stack. May this be a return address? Code in flash, in RAM
 * and in ROM is. Without reading it: caches may be off now. */
static inline bool memtrace_port_is_code(uintptr_t pc)
{
    return pc != 0; /* FIXME: the bounds of .text and of whatever else holds code, from the linker script */
}

/* When: several times an event, and only where there are no atomic instructions (or with MEMTRACE_ATOMICS_BY_LOCK). Interrupts
 * off on this core; what they were is given back to memtrace_port_unlock, which restores just that: off, if they were off before.
 * A few instructions run in between. If several cores have no atomic instructions, the lock must keep out the other cores, too, and
 * every interrupt that records. Where there are atomic instructions the two may be left out. */
static inline uintptr_t memtrace_port_lock(void)
{
    return 0; /* FIXME, without atomic instructions */
}

static inline void memtrace_port_unlock(uintptr_t saved)
{
    (void)saved; /* FIXME, without atomic instructions */
}

/* When: once, inside memtrace_init. The program's GNU build-id, 20 bytes, by which a host finds the right ELF; `out` holds zeros,
 * which mean "unknown". */
static inline void memtrace_port_build_id(uint8_t out[20])
{
    (void)out; /* FIXME, with --build-id in the linker's options */
}

#endif
