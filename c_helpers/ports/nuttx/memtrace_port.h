/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorder's port to NuttX 12 and later, flat builds; one file for all its architectures, as NuttX answers alike on each.
 *
 * Approach: what NuttX keeps about the running task is asked for in its own ways that are free of locks. A task counts as running only
 * if the stack in use is its own: while a task exits, NuttX already names the next one, whose stack and open calls are not ours.
 * Rejected: g_running_tasks (NuttX keeps it for its assertions alone, and not in every way to switch); clock_gettime (it locks);
 * the names of threads by prctl (they are for the running task alone).
 * Cost: two calls an event, of four instructions each, and seven loads.
 * Assumptions: stacks grow downwards; with CONFIG_SYSTEM_TIME64 off the clock wraps after 2^32 ticks (49 days at 1 kHz).
 */
#ifndef MEMTRACE_PORT_H
#define MEMTRACE_PORT_H

#include <nuttx/config.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <nuttx/arch.h>
#include <nuttx/clock.h>
#include <nuttx/irq.h>
#include <nuttx/sched.h>

#define MEMTRACE_PORT_TICK_HZ TICK_PER_SEC
#ifdef CONFIG_SMP
#define MEMTRACE_PORT_CORES CONFIG_SMP_NCPUS
#else
#define MEMTRACE_PORT_CORES 1
#endif

#ifdef CONFIG_MM_KERNEL_HEAP
#include <nuttx/mm/mm.h>
#define MEMTRACE_PORT_HEAPS 1
#endif

/* NuttX's linker scripts name the bounds of the code so, and some headers declare them, each in its own way. */
extern const char memtrace_nuttx_code[] __asm__("_stext");
extern const char memtrace_nuttx_code_end[] __asm__("_etext");

struct memtrace_span {
    uintptr_t low;
    uintptr_t high;
};

static inline unsigned memtrace_port_core(void)
{
#ifdef CONFIG_SMP
    return (unsigned)this_cpu();
#else
    return 0;
#endif
}

static inline uint64_t memtrace_port_time_full(void)
{
    return (uint64_t)clock_systime_ticks();
}

static inline uint32_t memtrace_port_time(void)
{
    return (uint32_t)clock_systime_ticks();
}

/* The task whose stack is in use; NULL before there is one, in interrupts with a stack of their own, and while a task exits. */
static inline const struct tcb_s *memtrace_nuttx_task(void)
{
    const struct tcb_s *task = nxsched_self();
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    return task != NULL && here - (uintptr_t)task->stack_base_ptr < task->adj_stack_size ? task : NULL;
}

static inline uintptr_t memtrace_port_context(void)
{
    return up_interrupt_context() ? 1u : (uintptr_t)memtrace_nuttx_task();
}

static inline const char *memtrace_port_task_name(uintptr_t handle)
{
#if CONFIG_TASK_NAME_SIZE > 0
    return ((const struct tcb_s *)handle)->name;
#else
    (void)handle;
    return "";
#endif
}

static inline struct memtrace_span memtrace_port_stack(void)
{
    const struct tcb_s *task = memtrace_nuttx_task();
    if (task != NULL) {
        uintptr_t low = (uintptr_t)task->stack_base_ptr;
        return (struct memtrace_span){low, low + task->adj_stack_size};
    }
#if CONFIG_ARCH_INTERRUPTSTACK > 15
    uintptr_t base = up_get_intstackbase((int)memtrace_port_core());
    if ((uintptr_t)__builtin_frame_address(0) - base < (CONFIG_ARCH_INTERRUPTSTACK & ~15u))
        return (struct memtrace_span){base, base + (CONFIG_ARCH_INTERRUPTSTACK & ~15u)};
#endif
    return (struct memtrace_span){0, 0};
}

static inline bool memtrace_port_is_code(uintptr_t pc)
{
    return pc - (uintptr_t)memtrace_nuttx_code < (uintptr_t)memtrace_nuttx_code_end - (uintptr_t)memtrace_nuttx_code;
}

/* Without atomic instructions there is one core. */
static inline uintptr_t memtrace_port_lock(void)
{
    return (uintptr_t)up_irq_save();
}

static inline void memtrace_port_unlock(uintptr_t saved)
{
    up_irq_restore((irqstate_t)saved);
}

#ifdef CONFIG_MM_KERNEL_HEAP
/* 0 is the users' heap, 1 the kernel's. */
static inline unsigned memtrace_port_heap(const void *block)
{
    return block != NULL && kmm_heapmember((void *)(uintptr_t)block) ? 1u : 0u;
}
#endif

static inline void memtrace_port_build_id(uint8_t out[20])
{
    (void)out; /* NuttX's linker scripts keep none */
}

/* For the self-test of the hooks. */
#include <malloc.h>
#define MEMTRACE_SELFTEST_ALIGNED(alignment, size) memalign(alignment, size)
#define MEMTRACE_SELFTEST_ASSERT 1

#endif
