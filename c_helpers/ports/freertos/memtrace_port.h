/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorder's port to FreeRTOS on Cortex-M and RISC-V, filled in from c_helpers/ports/template, which says what each function must
 * keep.
 *
 * Approach: loads of the kernel's variables, no calls, as each event asks. A control block's members are where StaticTask_t, which the
 * kernel holds to be its twin, says. Cortex-M tells task, interrupt and start-up by its registers. RISC-V's port
 * counts no interrupts: whoever is not on the running task's stack is in one, once the scheduler has set the critical nesting.
 * Rejected: xTaskGetCurrentTaskHandle and xPortIsInsideInterrupt (calls, where they are at all).
 * Assumptions: FreeRTOSConfig.h includes memtrace_freertos.h. memtrace_freertos.c knows what linker scripts call the rest.
 */
#ifndef MEMTRACE_PORT_H
#define MEMTRACE_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "FreeRTOS.h"
#include "task.h"

#ifndef MEMTRACE_FREERTOS_H
#error "memtrace: FreeRTOSConfig.h does not include memtrace_freertos.h"
#endif
#if configRECORD_STACK_HIGH_ADDRESS != 1
#error "memtrace: configRECORD_STACK_HIGH_ADDRESS must be 1: where a task's stack ends is not known otherwise"
#endif

/* The rate may contain a cast, which #if does not know: there this is 1, in C the rate. */
enum { MEMTRACE_FREERTOS_HZ = configTICK_RATE_HZ };
#define MEMTRACE_PORT_TICK_HZ (MEMTRACE_FREERTOS_HZ + !(MEMTRACE_FREERTOS_HZ))

#if defined(configNUMBER_OF_CORES) && configNUMBER_OF_CORES > 1
#define MEMTRACE_PORT_CORES configNUMBER_OF_CORES
#if !defined(__GCC_HAVE_SYNC_COMPARE_AND_SWAP_4)
#error \
    "memtrace: several cores without atomic instructions need a lock that keeps out the others, in memtrace_port_lock"
#endif
extern TaskHandle_t volatile pxCurrentTCBs[configNUMBER_OF_CORES];
#else
#define MEMTRACE_PORT_CORES 1u
extern TaskHandle_t volatile pxCurrentTCB;
#endif

struct memtrace_span {
    uintptr_t low;
    uintptr_t high;
};

/* Ticks: the low 32 bits, and how often their highest one has changed, which may be one behind for a moment. */
extern struct memtrace_freertos_clock {
    volatile uint32_t low;
    uint32_t halves;
} memtrace_freertos_clock;

static inline unsigned memtrace_port_core(void)
{
#if MEMTRACE_PORT_CORES > 1
    return (unsigned)portGET_CORE_ID();
#else
    return 0;
#endif
}

static inline uint32_t memtrace_port_time(void)
{
    return memtrace_freertos_clock.low;
}

static inline uint64_t memtrace_port_time_full(void)
{
    uint32_t halves = __atomic_load_n(&memtrace_freertos_clock.halves, __ATOMIC_ACQUIRE);
    uint32_t low = memtrace_freertos_clock.low;
    halves += (halves ^ low >> 31) & 1u;
    return (uint64_t)(halves >> 1) << 32 | low;
}

/* The task that runs on this core, or will run first. */
static inline const StaticTask_t *memtrace_freertos_running(void)
{
#if MEMTRACE_PORT_CORES > 1
    return (const StaticTask_t *)pxCurrentTCBs[portGET_CORE_ID()];
#else
    return (const StaticTask_t *)pxCurrentTCB;
#endif
}

static inline uintptr_t memtrace_freertos_stack_low(const StaticTask_t *task)
{
    return (uintptr_t)task->pxDummy6; /* pxStack */
}

/* The stack pointer in the first instruction of the task's function. */
static inline uintptr_t memtrace_freertos_stack_high(const StaticTask_t *task)
{
    return (uintptr_t)task->pxDummy8; /* pxEndOfStack */
}

static inline uintptr_t memtrace_freertos_stack_pointer(void)
{
    uintptr_t pointer = 0; /* for cppcheck, here and below: the instruction sets it */
#ifdef __riscv
    __asm__("mv %0, sp" : "=r"(pointer));
#else
    __asm__("mov %0, sp" : "=r"(pointer));
#endif
    return pointer;
}

#if defined(__riscv)

#if portCRITICAL_NESTING_IN_TCB == 1 || MEMTRACE_PORT_CORES > 1
#error "memtrace: on RISC-V it needs a kernel for one core whose port counts critical sections in xCriticalNesting"
#endif
extern size_t xCriticalNesting;
extern const StackType_t xISRStackTop;
#define MEMTRACE_INTERRUPT_STACK_HIGH ((uintptr_t)xISRStackTop)
#ifdef configISR_STACK_SIZE_WORDS
uintptr_t memtrace_freertos_start_stack(void);
#define MEMTRACE_START_STACK_HIGH memtrace_freertos_start_stack()
#else
#define MEMTRACE_START_STACK_HIGH MEMTRACE_INTERRUPT_STACK_HIGH /* main's, from the linker */
#endif

/* Until the first task runs, the nesting is a number that none reaches. */
static inline uintptr_t memtrace_port_context(void)
{
    if (xCriticalNesting >= 0xaaaaaaaau)
        return 0;
    const StaticTask_t *task = memtrace_freertos_running();
    uintptr_t low = memtrace_freertos_stack_low(task);
    bool on_its_stack = memtrace_freertos_stack_pointer() - low <= memtrace_freertos_stack_high(task) - low;
    return on_its_stack ? (uintptr_t)task : 1;
}

static inline uintptr_t memtrace_port_lock(void)
{
    uintptr_t saved = 0;
    __asm__ volatile("csrrci %0, mstatus, 8" : "=r"(saved) : : "memory");
    return saved;
}

static inline void memtrace_port_unlock(uintptr_t saved)
{
    __asm__ volatile("csrs mstatus, %0" : : "r"(saved & 8u) : "memory");
}

#elif defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'

/* Interrupts and start-up have the main stack, which begins where the vector table's first word says. A core without the table's
 * register reads 0 there, where its table is. */
static inline uintptr_t memtrace_freertos_main_stack(void)
{
    uintptr_t table = *(const volatile uintptr_t *)0xe000ed08u;
    return *(const volatile uintptr_t *)table;
}

#define MEMTRACE_INTERRUPT_STACK_HIGH memtrace_freertos_main_stack()
#define MEMTRACE_START_STACK_HIGH memtrace_freertos_main_stack()

/* Tasks, and nothing else, run on the process stack. */
static inline uintptr_t memtrace_port_context(void)
{
    uintptr_t exception = 0, control = 0;
    __asm__("mrs %0, ipsr" : "=r"(exception));
    __asm__("mrs %0, control" : "=r"(control));
    if (exception != 0)
        return 1;
    return (control & 2u) != 0 ? (uintptr_t)memtrace_freertos_running() : 0;
}

static inline uintptr_t memtrace_port_lock(void)
{
    uintptr_t saved = 0;
    __asm__ volatile("mrs %0, primask\n\tcpsid i" : "=r"(saved) : : "memory");
    return saved;
}

static inline void memtrace_port_unlock(uintptr_t saved)
{
    __asm__ volatile("msr primask, %0" : : "r"(saved) : "memory");
}

#else
#error "memtrace: this port is for Cortex-M and RISC-V; c_helpers/ports/template begins one for another processor"
#endif

static inline const char *memtrace_port_task_name(uintptr_t handle)
{
    return pcTaskGetName((TaskHandle_t)handle);
}

/* Outside of tasks from here up, as far as it is known. The outermost function's frame lies at the end and is left out: nobody called it,
 * and RISC-V's port gives the first task its own address to return to. */
static inline struct memtrace_span memtrace_port_stack(void)
{
    uintptr_t context = memtrace_port_context();
    if (context > 1) {
        const StaticTask_t *task = (const StaticTask_t *)context;
        return (struct memtrace_span){memtrace_freertos_stack_low(task), memtrace_freertos_stack_high(task) - 1u};
    }
    uintptr_t high = context == 1 ? MEMTRACE_INTERRUPT_STACK_HIGH : MEMTRACE_START_STACK_HIGH;
    return (struct memtrace_span){memtrace_freertos_stack_pointer(), high - 1u};
}

/* Of the program; high 0: nobody has asked yet. */
extern struct memtrace_span memtrace_freertos_code;
void memtrace_freertos_find_code(void);

static inline bool memtrace_port_is_code(uintptr_t pc)
{
    if (memtrace_freertos_code.high == 0)
        memtrace_freertos_find_code();
    return pc - memtrace_freertos_code.low < memtrace_freertos_code.high - memtrace_freertos_code.low;
}

/* The note's head is three words and "GNU". Unknown, unless the linker script names its start like this. */
extern const uint8_t build_id_start[] __attribute__((weak));
static inline void memtrace_port_build_id(uint8_t out[20])
{
    if (build_id_start != NULL)
        memcpy(out, build_id_start + 16, 20);
}

/* For c_helpers/selftest. heap_1, whose vPortFree must not be called, needs -DMEMTRACE_SELFTEST_FREES=0. */
#define MEMTRACE_SELFTEST_ALLOC(size) pvPortMalloc(size)
#define MEMTRACE_SELFTEST_FREE(block) vPortFree(block)
#define MEMTRACE_SELFTEST_REALLOC(block, size) MEMTRACE_SELFTEST_NONE
#define MEMTRACE_FREERTOS_TEXT_OF(text) #text
#define MEMTRACE_FREERTOS_TEXT(macro) MEMTRACE_FREERTOS_TEXT_OF(macro)
#define MEMTRACE_SELFTEST_ASSERT \
    (strstr(MEMTRACE_FREERTOS_TEXT(configASSERT(0)), "memtrace_freertos_assertion") == NULL)
#define MEMTRACE_SELFTEST_ASSERT_TEXT \
    "configASSERT does not lead to the recorder: define it, before the line that includes memtrace_freertos.h"

#if defined(MEMTRACE_FREERTOS_MACROS) && MEMTRACE_FREERTOS_MACROS
#define MEMTRACE_SELFTEST_CALLOC(count, size) MEMTRACE_SELFTEST_NONE /* it is pvPortMalloc's event */
#define MEMTRACE_SELFTEST_ROUNDING 64u
#else
/* Where --wrap is at work, the first name is the wrapper's, the last one the kernel's. heap_1 and heap_3 have none. */
void *pvPortCalloc(size_t count, size_t size) __attribute__((weak));
void *__wrap_pvPortCalloc(size_t count, size_t size);
void *__real_pvPortCalloc(size_t count, size_t size) __attribute__((weak));
#define MEMTRACE_SELFTEST_CALLOC(count, size) \
    (__real_pvPortCalloc != NULL || (pvPortCalloc != NULL && pvPortCalloc != __wrap_pvPortCalloc) \
         ? pvPortCalloc(count, size) \
         : MEMTRACE_SELFTEST_NONE)
#endif

#endif
