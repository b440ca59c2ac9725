/* SPDX-License-Identifier: Apache-2.0
 *
 * Tasks begin, take turns and end. A task that ends gives back its stack while it still runs on it, with the next one at the head of
 * the list of those that are ready, as in NuttX.
 */
#include <nuttx/arch.h>
#include <stdlib.h>
#include <string.h>

#include "sched.h"

enum { OWN_BYTES = 32 };

static pid_t last_pid;

static void task_start(void)
{
    nxsched_self()->entry();
    nxtask_exit();
}

int nxtask_create(const char *name, size_t stack_size, void (*entry)(void))
{
    struct tcb_s *tcb = zalloc(sizeof *tcb);
    char *stack = malloc(stack_size);
    for (size_t i = 0; i < stack_size; i++)
        stack[i] = (char)(0xdeadbeefu >> i % 4 * 8);
    memset(stack, 0, OWN_BYTES);
    tcb->pid = ++last_pid;
    tcb->sched_priority = 100;
    tcb->task_state = TSTATE_TASK_READYTORUN;
    tcb->entry = entry;
    tcb->stack_alloc_ptr = stack;
    tcb->stack_base_ptr = stack + OWN_BYTES;
    tcb->adj_stack_size = stack_size - OWN_BYTES;
    memcpy(tcb->name, name, strlen(name));
    up_initial_state(tcb, task_start);
    g_pidhash[tcb->pid & (g_npidhash - 1)] = tcb;
    dq_add_last(tcb, &g_readytorun);
    return tcb->pid;
}

/* The head of the list runs. */
int sched_yield(void)
{
    struct tcb_s *from = g_readytorun.head;
    dq_remove(from, &g_readytorun);
    dq_add_last(from, &g_readytorun);
    from->task_state = TSTATE_TASK_READYTORUN;
    g_readytorun.head->task_state = TSTATE_TASK_RUNNING;
    g_running_tasks[0] = g_readytorun.head;
    up_switch_context(&from->xcp.regs, g_readytorun.head->xcp.regs);
    return 0;
}

void nxtask_exit(void)
{
    static void *nobody;
    struct tcb_s *ending = g_readytorun.head;
    dq_remove(ending, &g_readytorun);
    ending->task_state = TSTATE_TASK_INACTIVE;
    (void)nxsched_release_tcb(ending, 0);
    g_readytorun.head->task_state = TSTATE_TASK_RUNNING;
    g_running_tasks[0] = g_readytorun.head;
    up_switch_context(&nobody, g_readytorun.head->xcp.regs);
}
