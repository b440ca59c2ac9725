/* SPDX-License-Identifier: Apache-2.0
 *
 * What board.c, start.S and the recorder's port share; what is read on the way of every event is inline.
 */
#ifndef BOARD_MPS2_H
#define BOARD_MPS2_H

#define BOARD_STACK_BYTES 8192

#ifndef __ASSEMBLER__

#include <stdint.h>

#include "board.h"

/* Each of QEMU's boards has its devices elsewhere, and its own clock. */
#ifdef BOARD_AN505
#define MPS2_HZ 20000000u
#define MPS2_DEVICES 0x50000000u
#define MPS2_UART 0x50200000u
#define MPS2_TIMER_INTERRUPT 3u
#else
#define MPS2_HZ 25000000u
#define MPS2_DEVICES 0x40000000u
#define MPS2_UART 0x40004000u
#define MPS2_TIMER_INTERRUPT 8u
#endif
#define MPS2_CYCLES_PER_TICK 256u

/* The dual timer's first counter, which runs down. */
static inline uint32_t mps2_time_low(void)
{
    return ~*(volatile uint32_t *)(uintptr_t)(MPS2_DEVICES + 0x2004u);
}

/* PRIMASK. Variables that an instruction sets are initialised for cppcheck alone. */
static inline uint32_t mps2_interrupts_off(void)
{
    uint32_t state = 0;
    __asm__ volatile("mrs %0, primask\n\tcpsid i" : "=r"(state)::"memory");
    return state;
}

static inline void mps2_interrupts_restore(uint32_t state)
{
    __asm__ volatile("msr primask, %0" ::"r"(state) : "memory");
}

uint64_t mps2_time_full(void);

#endif

#endif
