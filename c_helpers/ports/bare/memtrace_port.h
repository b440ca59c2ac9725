/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorder's port to a program without an operating system: one core, one stack. Arm Cortex-M, RISC-V, Xtensa.
 *
 * Approach: nothing must be filled in. memtrace_bare.c finds the stack and the code when the program starts, by the names that linker
 * scripts give them, or by the vector table. What a board alone can know is told by macros, all optional:
 *
 *   MEMTRACE_TICKS           a function `uint32_t NAME(void)`, such as HAL_GetTick; without it events have no time
 *   MEMTRACE_TICK_HZ         its units a second, 1 to 10 kHz is good; 1000 if not given. Where it wraps, older times become unknown
 *   MEMTRACE_IN_INTERRUPT()  an expression, true within an interrupt. RISC-V has no register that says so; Cortex-M and Xtensa need none
 *   MEMTRACE_BUILD_ID        the symbol at which the linker script puts .note.gnu.build-id
 *   MEMTRACE_STACK_TOP, MEMTRACE_CODE_START, MEMTRACE_CODE_END   symbols, where memtrace_bare.c guesses wrong
 * Rejected: the linker script's symbols read at each event (each script has its own names, and the ones that it lacks do not link).
 * Cost: nothing that the recorder does not ask for; no call but to MEMTRACE_TICKS.
 * Assumptions: one core. Interrupts run on the stack of the program, or on one of their own, of which no frames are kept.
 */
#ifndef MEMTRACE_PORT_H
#define MEMTRACE_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MEMTRACE_PORT_CORES 1u

/* What the self-test of the hooks finds besides C's four: every C library of memtrace.mk has it. */
#ifndef MEMTRACE_OWN_ALLOCATOR
void *memalign(size_t alignment, size_t size);
#define MEMTRACE_SELFTEST_ALIGNED(alignment, size) memalign(alignment, size)
#endif

struct memtrace_span {
    uintptr_t low;
    uintptr_t high;
};

/* Filled by memtrace_bare_start; {0, 0}: not known. */
struct memtrace_bare {
    struct memtrace_span stack;
    struct memtrace_span code;
};

extern struct memtrace_bare memtrace_bare;

/* Gives the recorder its ring. A constructor: a program whose start-up code runs none calls it, before its first allocation. */
#ifdef __cplusplus
extern "C"
#endif
    void
    memtrace_bare_start(void);

static inline unsigned memtrace_port_core(void)
{
    return 0;
}

#ifdef MEMTRACE_TICKS
#ifndef MEMTRACE_TICK_HZ
#define MEMTRACE_TICK_HZ 1000u
#endif
#define MEMTRACE_PORT_TICK_HZ MEMTRACE_TICK_HZ

uint32_t MEMTRACE_TICKS(void);

static inline uint32_t memtrace_port_time(void)
{
    return MEMTRACE_TICKS();
}
#else
#define MEMTRACE_PORT_TICK_HZ 0u

static inline uint32_t memtrace_port_time(void)
{
    return 0;
}
#endif

static inline uint64_t memtrace_port_time_full(void)
{
    return memtrace_port_time();
}

#ifndef MEMTRACE_IN_INTERRUPT
#if defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'
#define MEMTRACE_IN_INTERRUPT() (memtrace_bare_exception() != 0)

/* The number of the exception that runs. */
static inline uint32_t memtrace_bare_exception(void)
{
    uint32_t number = 0; /* for cppcheck: the instruction sets it */
    __asm__ volatile("mrs %0, ipsr" : "=r"(number));
    return number;
}
#elif defined(__XTENSA__)
#define MEMTRACE_IN_INTERRUPT() (memtrace_bare_level() != 0)

/* PS.INTLEVEL: the level that interrupts run at. A section with interrupts off looks the same. */
static inline uint32_t memtrace_bare_level(void)
{
    uint32_t state = 0;
    __asm__ volatile("rsr.ps %0" : "=r"(state));
    return state & 0xfu;
}
#else
#define MEMTRACE_IN_INTERRUPT() false
#endif
#endif

/* 1: an interrupt. Any number but 0, 1 and all ones names a task; there is one. */
static inline uintptr_t memtrace_port_context(void)
{
    return MEMTRACE_IN_INTERRUPT() ? 1u : 2u;
}

static inline const char *memtrace_port_task_name(uintptr_t handle)
{
    (void)handle;
    return "main";
}

static inline struct memtrace_span memtrace_port_stack(void)
{
    return memtrace_bare.stack;
}

static inline bool memtrace_port_is_code(uintptr_t pc)
{
    return pc - memtrace_bare.code.low < memtrace_bare.code.high - memtrace_bare.code.low;
}

/* Asked only where the chip has no atomic instructions: interrupts off, and back to what they were. */
static inline uintptr_t memtrace_port_lock(void)
{
    uintptr_t saved = 0;
#if defined(__riscv)
    __asm__ volatile("csrrci %0, mstatus, 8" : "=r"(saved) : : "memory");
#elif defined(__ARM_ARCH_PROFILE)
    __asm__ volatile("mrs %0, primask\n\tcpsid i" : "=r"(saved) : : "memory");
#elif defined(__XTENSA__)
    __asm__ volatile("rsil %0, 15" : "=r"(saved) : : "memory");
#endif
    return saved;
}

static inline void memtrace_port_unlock(uintptr_t saved)
{
#if defined(__riscv)
    __asm__ volatile("csrs mstatus, %0" : : "r"(saved & 8u) : "memory");
#elif defined(__ARM_ARCH_PROFILE)
    __asm__ volatile("msr primask, %0" : : "r"(saved) : "memory");
#elif defined(__XTENSA__)
    __asm__ volatile("wsr.ps %0\n\trsync" : : "r"(saved) : "memory");
#endif
}

/* The note is three words, "GNU\0", and the 20 bytes. */
static inline void memtrace_port_build_id(uint8_t out[20])
{
#ifdef MEMTRACE_BUILD_ID
    extern const uint8_t MEMTRACE_BUILD_ID[];
    memcpy(out, MEMTRACE_BUILD_ID + 16, 20);
#else
    (void)out;
#endif
}

#endif
