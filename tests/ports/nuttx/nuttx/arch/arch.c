/* SPDX-License-Identifier: Apache-2.0
 *
 * QEMU's riscv virt machine: a software interrupt, and the first frame of a task.
 */
#include <nuttx/arch.h>
#include <nuttx/irq.h>
#include <nuttx/sched.h>

enum { SAVED_WORDS = 16 };

#define MSIP (*(volatile uint32_t *)0x02000000)

volatile bool g_interrupt_context[1];
extern char interrupt_stack[];
void task_begin(void);

static void (*volatile handler_now)(void);

uintptr_t up_get_intstackbase(int cpu)
{
    (void)cpu;
    return (uintptr_t)interrupt_stack;
}

void up_interrupt_now(void (*handler)(void))
{
    handler_now = handler;
    MSIP = 1;
    while (handler_now != NULL)
        ;
}

/* From the vector, on the interrupts' stack. */
void arch_interrupt(void);
void arch_interrupt(void)
{
    MSIP = 0;
    g_interrupt_context[0] = true;
    handler_now();
    g_interrupt_context[0] = false;
    handler_now = NULL;
}

void up_initial_state(struct tcb_s *tcb, void (*start)(void))
{
    uintptr_t end = ((uintptr_t)tcb->stack_base_ptr + tcb->adj_stack_size) & ~(uintptr_t)15;
    uintptr_t *saved = (uintptr_t *)(end - SAVED_WORDS * sizeof(uintptr_t));
    for (unsigned i = 0; i < SAVED_WORDS; i++)
        saved[i] = 0;
    saved[0] = (uintptr_t)task_begin;
    saved[2] = (uintptr_t)start;
    tcb->xcp.regs = saved;
}

__attribute__((noinline)) void up_stop(void)
{
    __asm__ volatile("" : : : "memory");
}
