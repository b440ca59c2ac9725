/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorder's port to Zephyr 3.4 to 4.x; one file for its architectures, as Zephyr answers alike on each.
 *
 * Approach: public functions of the kernel where they may be called from anywhere, else the kernel's own structure _kernel, which has had
 * these members in all of these versions. A stack is told only if it is in use: on some architectures interrupts share a thread's.
 * Rejected: heap listeners (they tell no caller, and of a realloc in place the new block before the old one); k_cycle_get_32 as the clock
 * (32 bits, and some drivers lock); tracing hooks (they belong to one user).
 * Cost: two calls an event, of some ten instructions each, and for each event a look at the bounds of each K_HEAP_DEFINE.
 * Assumptions: stacks grow downwards; nothing allocates with the kernel's timeout lock held, which the clock takes for a few instructions.
 */
#ifndef MEMTRACE_PORT_H
#define MEMTRACE_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <zephyr/kernel.h>
#include <zephyr/linker/linker-defs.h>
#include <zephyr/sys/iterable_sections.h>
#if __has_include(<zephyr/version.h>)
#include <zephyr/version.h>
#else
#include <version.h> /* before 3.7 */
#endif

/* Ticks of more than 10 kHz are shifted down: a faster clock makes longer events. */
#ifndef CONFIG_SYS_CLOCK_EXISTS
#define MEMTRACE_PORT_TICK_HZ 0
#else
#if CONFIG_SYS_CLOCK_TICKS_PER_SEC <= 10000
#define MEMTRACE_ZEPHYR_SHIFT 0
#elif CONFIG_SYS_CLOCK_TICKS_PER_SEC <= 80000
#define MEMTRACE_ZEPHYR_SHIFT 3
#else
#define MEMTRACE_ZEPHYR_SHIFT 8
#endif
#define MEMTRACE_PORT_TICK_HZ (CONFIG_SYS_CLOCK_TICKS_PER_SEC >> MEMTRACE_ZEPHYR_SHIFT)
#endif

#define MEMTRACE_PORT_CORES CONFIG_MP_MAX_NUM_CPUS
#define MEMTRACE_PORT_HEAPS 1

struct memtrace_span {
    uintptr_t low;
    uintptr_t high;
};

static inline unsigned memtrace_port_core(void)
{
#ifdef CONFIG_SMP
    return arch_curr_cpu()->id;
#else
    return 0;
#endif
}

#if MEMTRACE_PORT_TICK_HZ > 0
/* Its driver starts behind the recorder. */
static inline uint64_t memtrace_port_time_full(void)
{
    return k_is_pre_kernel() ? 0 : (uint64_t)sys_clock_tick_get() >> MEMTRACE_ZEPHYR_SHIFT;
}

static inline uint32_t memtrace_port_time(void)
{
    return (uint32_t)memtrace_port_time_full();
}
#endif

/* NULL before the first thread: until then the kernel names one that is none. */
static inline struct k_thread *memtrace_zephyr_thread(void)
{
#ifdef CONFIG_SMP
    struct k_thread *thread = k_is_pre_kernel() ? NULL : k_current_get();
#else
    struct k_thread *thread = _kernel.cpus[0].current;
#endif
    return thread != NULL && (thread->base.thread_state & _THREAD_DUMMY) == 0 ? thread : NULL;
}

static inline uintptr_t memtrace_port_context(void)
{
    return k_is_in_isr() ? 1u : (uintptr_t)memtrace_zephyr_thread();
}

static inline const char *memtrace_port_task_name(uintptr_t handle)
{
    const char *name = k_thread_name_get((k_tid_t)handle);
    return name != NULL ? name : "";
}

static inline bool memtrace_zephyr_is_in(uintptr_t low, size_t bytes)
{
    return (uintptr_t)__builtin_frame_address(0) - low < bytes;
}

static inline struct memtrace_span memtrace_port_stack(void)
{
    const struct k_thread *thread = memtrace_zephyr_thread();
    if (thread != NULL && memtrace_zephyr_is_in(thread->stack_info.start, thread->stack_info.size))
        return (struct memtrace_span){thread->stack_info.start, thread->stack_info.start + thread->stack_info.size};
    uintptr_t end = (uintptr_t)_kernel.cpus[memtrace_port_core()].irq_stack;
    if (end != 0 && memtrace_zephyr_is_in(end - CONFIG_ISR_STACK_SIZE, CONFIG_ISR_STACK_SIZE))
        return (struct memtrace_span){end - CONFIG_ISR_STACK_SIZE, end};
    return (struct memtrace_span){0, 0};
}

static inline bool memtrace_port_is_code(uintptr_t pc)
{
    return pc - (uintptr_t)__text_region_start < (uintptr_t)__text_region_end - (uintptr_t)__text_region_start;
}

/* Without atomic instructions there is one core. */
static inline uintptr_t memtrace_port_lock(void)
{
    return arch_irq_lock();
}

static inline void memtrace_port_unlock(uintptr_t saved)
{
    arch_irq_unlock((unsigned)saved);
}

/* The number of a K_HEAP_DEFINE in its section, from 1 on; 0: the C library's, one of a program's own, or a block that there is not. */
static inline unsigned memtrace_port_heap(const void *block)
{
    unsigned number = 1;
    STRUCT_SECTION_FOREACH(k_heap, heap)
    {
        if ((uintptr_t)block - (uintptr_t)heap->heap.init_mem < heap->heap.init_bytes)
            return number < 31 ? number : 31;
        number++;
    }
    return 0;
}

static inline void memtrace_port_build_id(uint8_t out[20])
{
    (void)out; /* Zephyr's linker scripts keep none */
}

/* For the self-test of the hooks: k_malloc where there is one, else C's. */
#if defined(CONFIG_HEAP_MEM_POOL_SIZE) && CONFIG_HEAP_MEM_POOL_SIZE > 0
#define MEMTRACE_SELFTEST_ALLOC(size) k_malloc(size)
#define MEMTRACE_SELFTEST_FREE(block) k_free(block)
#define MEMTRACE_SELFTEST_CALLOC(count, size) k_calloc(count, size)
#define MEMTRACE_SELFTEST_ALIGNED(alignment, size) k_aligned_alloc(alignment, size)
#if ZEPHYR_VERSION_CODE >= ZEPHYR_VERSION(4, 0, 0)
#define MEMTRACE_SELFTEST_REALLOC(block, size) k_realloc(block, size)
#else
#define MEMTRACE_SELFTEST_REALLOC(block, size) MEMTRACE_SELFTEST_NONE
#endif
#else
#define MEMTRACE_SELFTEST_ALIGNED(alignment, size) aligned_alloc(alignment, size)
#endif

#endif
