/* SPDX-License-Identifier: Apache-2.0
 *
 * What both board.c and the recorder's port read on the way of every event, inline.
 */
#ifndef BOARD_VIRT_H
#define BOARD_VIRT_H

#include <stdint.h>

#define VIRT_MTIME 0x200bff8u

static inline unsigned virt_core(void)
{
    unsigned core;
    __asm__ volatile("csrr %0, mhartid" : "=r"(core));
    return core;
}

static inline uint32_t virt_time_low(void)
{
    return *(volatile uint32_t *)(uintptr_t)VIRT_MTIME;
}

/* Read again until no carry came between the halves. */
static inline uint64_t virt_time_full(void)
{
    volatile uint32_t *time = (volatile uint32_t *)(uintptr_t)VIRT_MTIME;
    uint32_t high;
    uint32_t low;
    do {
        high = time[1];
        low = time[0];
    } while (high != time[1]);
    return (uint64_t)high << 32 | low;
}

/* mstatus.MIE, bit 3. */
static inline uint32_t virt_interrupts_off(void)
{
    uint32_t state;
    __asm__ volatile("csrrci %0, mstatus, 8" : "=r"(state)::"memory");
    return state & 8u;
}

static inline void virt_interrupts_restore(uint32_t state)
{
    __asm__ volatile("csrs mstatus, %0" ::"r"(state) : "memory");
}

#endif
