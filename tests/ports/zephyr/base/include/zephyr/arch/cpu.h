/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ZEPHYR_ARCH_CPU_H
#define ZEPHYR_ARCH_CPU_H

#include <stdint.h>

static inline unsigned arch_irq_lock(void)
{
    unsigned key;
    __asm__ volatile("csrrci %0, mstatus, 8" : "=r"(key) : : "memory");
    return key & 8u;
}

static inline void arch_irq_unlock(unsigned key)
{
    __asm__ volatile("csrs mstatus, %0" : : "r"(key & 8u) : "memory");
}

#endif
