/* SPDX-License-Identifier: Apache-2.0
 *
 * Starts the recorder in a program without an operating system: its memory, and the bounds of the stack and of the code.
 *
 * Approach: by the names of linker scripts (bounds.h). A Cortex-M needs none for its stack: the first word of its vector table is the top,
 * and the code begins with that table.
 * Cost: MEMTRACE_RING_BYTES of RAM, some 250 bytes of code and constants.
 * Assumptions: the stack lies above the program's data, or a symbol says where it ends below.
 */
#include "../bounds.h"
#include "memtrace.h"
#include "memtrace_port.h"

#ifndef MEMTRACE_RING_BYTES
#define MEMTRACE_RING_BYTES 16384
#endif

extern __attribute__((weak)) const char __StackTop[], _estack[], __stack[], __stack_top[], _stack_top[], stack_top[],
    _sp[];
extern __attribute__((weak)) const char __StackLimit[], _sstack[], __stack_limit[], __stack_bottom[];
extern __attribute__((weak)) const char _end[], end[], __end__[], __bss_end__[], __bss_end[], _ebss[];

/* The end of the stack, else that of the data below it. */
static const char *const stack_limits[] = {
    __StackLimit, _sstack, __stack_limit, __stack_bottom, _end, end, __end__, __bss_end__, __bss_end, _ebss,
};

struct memtrace_bare memtrace_bare;

static uint64_t ring[MEMTRACE_RING_BYTES / 8];

#if defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'
/* By the register VTOR. A Cortex-M0 has none, reads 0 there, and has its table at 0. */
static const volatile uint32_t *vector_table(void)
{
    return *(const volatile uint32_t *const volatile *)0xe000ed08u;
}
#else
static const volatile uint32_t *vector_table(void)
{
    return NULL;
}
#endif

#if defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M' && !defined(MEMTRACE_STACK_TOP)
static uintptr_t top_find(void)
{
    return vector_table()[0];
}
#else
static const char *const stack_tops[] = {
#ifdef MEMTRACE_STACK_TOP
    MEMTRACE_STACK_TOP,
#endif
    __StackTop,         _estack, __stack, __stack_top, _stack_top, stack_top, _sp,
};

static uintptr_t top_find(void)
{
    return place_below(UINTPTR_MAX, stack_tops, COUNT(stack_tops));
}
#endif

/* The code begins with the vector table, unless that was moved to RAM: then nothing is known of it, and nothing is read. */
static struct memtrace_span code_find(void)
{
    uintptr_t high = code_end_find();
    uintptr_t low = code_start_find(high);
    uintptr_t vectors = (uintptr_t)vector_table();
    if (low == 0)
        low = vectors < high ? vectors : high;
    return (struct memtrace_span){low, high};
}

__attribute__((constructor(101))) void memtrace_bare_start(void)
{
    uintptr_t top = top_find();
    memtrace_bare.stack = (struct memtrace_span){place_below(top, stack_limits, COUNT(stack_limits)), top};
    memtrace_bare.code = code_find();
    (void)memtrace_init(ring, sizeof ring, NULL);
}
