/* SPDX-License-Identifier: Apache-2.0
 *
 * What both board.c and the recorder's port read on the way of every event, inline.
 */
#ifndef BOARD_SIM_H
#define BOARD_SIM_H

#include <stdint.h>

#include "board.h"

#define SIM_HZ 40000000u /* QEMU's clock for its cores */
#define SIM_TIME_SHIFT 6u

/* Times that the cycle counter wrapped, as far as somebody has looked. */
extern volatile uint32_t sim_wraps;

/* Variables that an instruction sets are initialised for cppcheck alone. */

static inline uint32_t sim_cycles(void)
{
    uint32_t cycles = 0;
    __asm__ volatile("rsr.ccount %0" : "=r"(cycles));
    return cycles;
}

/* Between a wrap and the next look of sim_time_full it is behind: then it is far from the time before. */
static inline uint32_t sim_time_low(void)
{
    return sim_cycles() >> SIM_TIME_SHIFT | sim_wraps << (32u - SIM_TIME_SHIFT);
}

/* Level 3: above every interrupt that C may handle. */
static inline uint32_t sim_interrupts_off(void)
{
    uint32_t state = 0;
    __asm__ volatile("rsil %0, 3" : "=r"(state)::"memory");
    return state;
}

static inline void sim_interrupts_restore(uint32_t state)
{
    __asm__ volatile("wsr.ps %0\n\trsync" ::"r"(state) : "memory");
}

uint64_t sim_time_full(void);

#endif
