/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NUTTX_IRQ_H
#define NUTTX_IRQ_H

#include <nuttx/compiler.h>

extern volatile bool g_interrupt_context[1];

static inline bool up_interrupt_context(void)
{
    return g_interrupt_context[0];
}

static inline irqstate_t up_irq_save(void)
{
    irqstate_t flags;
    __asm__ volatile("csrrci %0, mstatus, 8" : "=r"(flags) : : "memory");
    return flags;
}

static inline void up_irq_restore(irqstate_t flags)
{
    __asm__ volatile("csrs mstatus, %0" : : "r"(flags & 8u) : "memory");
}

#endif
