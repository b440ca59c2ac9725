/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel's variables, and its start: first the idle task, then the heap, then the table of pids.
 */
#include <nuttx/mm/mm.h>
#include <stdlib.h>
#include <string.h>

#include "sched.h"

enum { SLOTS = 8, IDLE_BYTES = 2048, IDLE_OWN_BYTES = 16 };

dq_queue_t g_readytorun;
struct tcb_s **g_pidhash;
volatile int g_npidhash;
struct tcb_s *g_running_tasks[1];
static struct tcb_s g_idletcb[1];

static char heap_memory[40 << 10] __attribute__((aligned(8)));
extern char idle_stack[];

extern void app_main(void);

static void idle_task_initialize(void)
{
    g_idletcb->task_state = TSTATE_TASK_RUNNING;
    memcpy(g_idletcb->name, "Idle_Task", 10);
    g_idletcb->stack_alloc_ptr = idle_stack;
    g_idletcb->stack_base_ptr = idle_stack + IDLE_OWN_BYTES;
    g_idletcb->adj_stack_size = IDLE_BYTES - IDLE_OWN_BYTES;
    g_running_tasks[0] = g_idletcb;
    dq_add_first(g_idletcb, &g_readytorun);
}

void nx_start(void)
{
    idle_task_initialize();
    umm_initialize(heap_memory, sizeof heap_memory);
    g_pidhash = zalloc(SLOTS * sizeof *g_pidhash);
    g_npidhash = SLOTS;
    g_pidhash[0] = g_idletcb;
    nxtask_create("init", 2048, app_main);
    for (;;)
        sched_yield();
}
