/* SPDX-License-Identifier: Apache-2.0
 *
 * What both board.c and the recorder's port read on the way of every event, inline.
 */
#ifndef BOARD_VIRT_H
#define BOARD_VIRT_H

#include <stdint.h>

#include "board.h"

#define VIRT_MTIME 0x200bff8u

/* Variables that an instruction sets are initialised for cppcheck alone. */

/* What runs on this core: start.S points tp at its core's entry once and for all. */
register struct board_running *virt_here __asm__("tp");

#ifdef MEMTRACE_TEST_BENCH_RTOS
/* The same in the shape of FreeRTOS's kernel: what runs on each core, and how deep in interrupts it is. */
extern struct board_running *volatile virt_current[BOARD_CORES];
extern volatile uint32_t virt_nesting[BOARD_CORES];
#endif

static inline unsigned virt_core(void)
{
    unsigned core = 0;
    __asm__("csrr %0, mhartid" : "=r"(core));
    return core;
}

/* mtime, whose register the CSR shows. */
static inline uint32_t virt_time_low(void)
{
    uint32_t low = 0;
    __asm__ volatile("csrr %0, time" : "=r"(low));
    return low;
}

/* Read again until no carry came between the halves. */
static inline uint64_t virt_time_full(void)
{
    uint32_t low = 0;
    uint32_t high = 0;
    uint32_t again = 0;
    do {
        __asm__ volatile("csrr %0, timeh\n\tcsrr %1, time\n\tcsrr %2, timeh" : "=&r"(high), "=&r"(low), "=r"(again));
    } while (high != again);
    return (uint64_t)high << 32 | low;
}

/* mstatus.MIE, bit 3. */
static inline uint32_t virt_interrupts_off(void)
{
    uint32_t state = 0;
    __asm__ volatile("csrrci %0, mstatus, 8" : "=r"(state)::"memory");
    return state & 8u;
}

static inline void virt_interrupts_restore(uint32_t state)
{
    __asm__ volatile("csrs mstatus, %0" ::"r"(state) : "memory");
}

#endif
