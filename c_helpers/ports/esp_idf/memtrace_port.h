/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorder's port to ESP-IDF 4.4 to 6.x, every chip. ../template/memtrace_port.h says when each function is asked.
 *
 * Approach: variables of the kernel and fields of its public StaticTask_t, read in place. Its functions may lie in flash (they do by
 * default from IDF 6.0 on), which cannot be read while flash is written; the allocator runs then, too.
 * Rejected: xTaskGetCurrentTaskHandle, xPortInIsrContext, pxTaskGetStackStart (in flash, and several times the cost of the loads).
 * Cost: a dozen loads an event, the clock's call, and interrupts off for three instructions on chips with two cores.
 * Assumptions: IDF's kernel, not the one of CONFIG_FREERTOS_SMP; Kconfig sees to that. Who runs on a task's stack is the task: until
 * the scheduler starts the kernel names a task that does not run yet.
 */
#ifndef MEMTRACE_PORT_H
#define MEMTRACE_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "esp_heap_caps.h"
#include "esp_idf_version.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "sdkconfig.h"
#include "soc/soc.h"

#if CONFIG_HEAP_TRACING
#error \
    "memtrace: CONFIG_HEAP_TRACING wraps functions of the allocator that memtrace wraps, and the linker wraps each once. \
Set Component config > Heap memory debugging > Heap tracing to Disabled (CONFIG_HEAP_TRACING_OFF=y), or CONFIG_MEMTRACE=n."
#endif

/* The clock counts microseconds; 128 of them are a tick, 7,812.5 a second. One in flash cannot be asked when flash is written. */
#if CONFIG_ESP_TIMER_IN_IRAM || ESP_IDF_VERSION < ESP_IDF_VERSION_VAL(5, 5, 0) || !CONFIG_MEMTRACE_IN_IRAM
#define MEMTRACE_PORT_TICK_HZ 7812u
#else
#define MEMTRACE_PORT_TICK_HZ 0u
#endif

#define MEMTRACE_PORT_CORES portNUM_PROCESSORS

/* The wrappers ask which of the registered heaps a block is in (heaps.c). */
#define MEMTRACE_PORT_HEAPS 1
unsigned memtrace_port_heap(const void *block);

struct memtrace_span {
    uintptr_t low;
    uintptr_t high;
};

/* The kernel's own: who runs on each core, how deep it is in interrupts, and their stacks. */
#if ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(5, 2, 0)
#define MEMTRACE_PORT_TASKS pxCurrentTCBs
#else
#define MEMTRACE_PORT_TASKS pxCurrentTCB
#endif
extern StaticTask_t *volatile MEMTRACE_PORT_TASKS[];

#if __XTENSA__
extern unsigned port_interruptNesting[];
extern volatile StackType_t port_IntStack[][configISR_STACK_SIZE];
#define MEMTRACE_PORT_NESTING(core) port_interruptNesting[core]
#define MEMTRACE_PORT_ISR_STACK_HIGH(core) ((uintptr_t)port_IntStack[(core) + 1u])
#elif ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(5, 2, 0)
extern volatile UBaseType_t port_uxInterruptNesting[];
extern StackType_t *xIsrStackTop[];
#define MEMTRACE_PORT_NESTING(core) port_uxInterruptNesting[core]
#define MEMTRACE_PORT_ISR_STACK_HIGH(core) ((uintptr_t)xIsrStackTop[core])
#else
extern UBaseType_t uxInterruptNesting;
extern StackType_t *xIsrStackTop;
#define MEMTRACE_PORT_NESTING(core) ((void)(core), *(volatile UBaseType_t *)&uxInterruptNesting)
#define MEMTRACE_PORT_ISR_STACK_HIGH(core) ((void)(core), (uintptr_t)xIsrStackTop)
#endif

#ifndef SOC_ROM_STACK_SIZE
#define SOC_ROM_STACK_SIZE 0x2000 /* the ROM's, on which core 0 starts; soc.h of older chips has its end alone */
#endif

/* Set when esp_timer has been started (start.c): until then events have the time 0. */
extern bool memtrace_esp_idf_clock_runs;

/* Off on this core, up to the level of all interrupts that are written in C. */
static inline uintptr_t memtrace_esp_idf_interrupts_off(void)
{
    uintptr_t saved;
#if __XTENSA__
    __asm__ volatile("rsil %0, 3" : "=a"(saved) : : "memory");
#else
    __asm__ volatile("csrrci %0, mstatus, 8" : "=r"(saved) : : "memory");
#endif
    return saved;
}

static inline void memtrace_esp_idf_interrupts_restore(uintptr_t saved)
{
#if __XTENSA__
    __asm__ volatile("wsr %0, ps\n\trsync" : : "a"(saved) : "memory");
#else
    __asm__ volatile("csrs mstatus, %0" : : "r"(saved & 8u) : "memory");
#endif
}

static inline unsigned memtrace_port_core(void)
{
    return (unsigned)xPortGetCoreID();
}

static inline uint64_t memtrace_port_time_full(void)
{
    return memtrace_esp_idf_clock_runs ? (uint64_t)esp_timer_get_time() >> 7 : 0;
}

static inline uint32_t memtrace_port_time(void)
{
    return (uint32_t)memtrace_port_time_full();
}

/* A task that moves to another core between the loads would be taken for that one's. */
static inline uintptr_t memtrace_port_context(void)
{
#if portNUM_PROCESSORS > 1
    uintptr_t saved = memtrace_esp_idf_interrupts_off();
#endif
    unsigned core = memtrace_port_core();
    const StaticTask_t *task = MEMTRACE_PORT_TASKS[core];
    bool interrupts = MEMTRACE_PORT_NESTING(core) != 0;
#if portNUM_PROCESSORS > 1
    memtrace_esp_idf_interrupts_restore(saved);
#endif
    if (interrupts)
        return 1;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    bool runs = task != NULL && here >= (uintptr_t)task->pxDummy6 && here <= (uintptr_t)task->pxDummy8;
    return runs ? (uintptr_t)task : 0;
}

static inline const char *memtrace_port_task_name(uintptr_t handle)
{
    return (const char *)((const StaticTask_t *)handle)->ucDummy7;
}

static inline struct memtrace_span memtrace_port_stack(void)
{
    uintptr_t context = memtrace_port_context();
    if (context > 1) {
        const StaticTask_t *task = (const StaticTask_t *)context;
        return (struct memtrace_span){(uintptr_t)task->pxDummy6, (uintptr_t)task->pxDummy8};
    }
    uintptr_t high = context == 1 ? MEMTRACE_PORT_ISR_STACK_HIGH(memtrace_port_core()) : (uintptr_t)SOC_ROM_STACK_START;
    return (struct memtrace_span){high - (context == 1 ? configISR_STACK_SIZE : SOC_ROM_STACK_SIZE), high};
}

/* Flash, RAM, the ROM. */
static inline bool memtrace_port_is_code(uintptr_t pc)
{
    return (pc >= SOC_IROM_LOW && pc < SOC_IROM_HIGH) || (pc >= SOC_IRAM_LOW && pc < SOC_IRAM_HIGH) ||
           (pc >= SOC_IROM_MASK_LOW && pc < SOC_IROM_MASK_HIGH);
}

/* For chips without atomic instructions, which have one core; and for a ring in an ESP32's PSRAM, where its two cores' atomic
 * instructions do not work: then this word, in internal RAM, keeps the other core out. */
#if MEMTRACE_ATOMICS_BY_LOCK && portNUM_PROCESSORS > 1
extern uint32_t memtrace_esp_idf_locked;
#endif

static inline uintptr_t memtrace_port_lock(void)
{
    uintptr_t saved = memtrace_esp_idf_interrupts_off();
#if MEMTRACE_ATOMICS_BY_LOCK && portNUM_PROCESSORS > 1
    while (__atomic_exchange_n(&memtrace_esp_idf_locked, 1, __ATOMIC_ACQUIRE) != 0) {
    }
#endif
    return saved;
}

static inline void memtrace_port_unlock(uintptr_t saved)
{
#if MEMTRACE_ATOMICS_BY_LOCK && portNUM_PROCESSORS > 1
    __atomic_store_n(&memtrace_esp_idf_locked, 0, __ATOMIC_RELEASE);
#endif
    memtrace_esp_idf_interrupts_restore(saved);
}

/* What memtrace_selftest calls beside C's functions. */
#define MEMTRACE_SELFTEST_ALIGNED(alignment, size) heap_caps_aligned_alloc(alignment, size, MALLOC_CAP_DEFAULT)
#if !CONFIG_HEAP_TLSF_USE_ROM_IMPL
#define MEMTRACE_SELFTEST_ASSERT 1
#endif

/* IDF's applications have none. */
static inline void memtrace_port_build_id(uint8_t out[20])
{
    (void)out;
}

#endif
