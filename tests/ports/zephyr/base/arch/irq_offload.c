/* SPDX-License-Identifier: Apache-2.0 */
#include <zephyr/kernel.h>

#define MSIP (*(volatile uint32_t *)0x02000000)

static void (*volatile routine_now)(const void *);
static const void *parameter_now;

void irq_offload(void (*routine)(const void *), const void *parameter)
{
    parameter_now = parameter;
    routine_now = routine;
    MSIP = 1;
    while (routine_now != NULL)
        ;
}

/* From the vector, on the interrupts' stack. */
void arch_interrupt(void);
void arch_interrupt(void)
{
    MSIP = 0;
    _kernel.cpus[0].nested++;
    routine_now(parameter_now);
    _kernel.cpus[0].nested--;
    routine_now = NULL;
}
