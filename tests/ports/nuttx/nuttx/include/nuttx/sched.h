/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NUTTX_SCHED_H
#define NUTTX_SCHED_H

#include <nuttx/config.h>

#include <nuttx/compiler.h>

enum tstate_e { TSTATE_TASK_INVALID, TSTATE_TASK_READYTORUN, TSTATE_TASK_RUNNING, TSTATE_TASK_INACTIVE };

struct xcptcontext {
    FAR void *regs; /* where they were saved, on the task's stack */
};

struct tcb_s {
    FAR struct tcb_s *flink;
    FAR struct tcb_s *blink;
    pid_t pid;
    uint8_t sched_priority;
    uint8_t init_priority;
    enum tstate_e task_state;
    uint32_t flags;
    void (*entry)(void);
    size_t adj_stack_size;
    FAR void *stack_alloc_ptr;
    FAR void *stack_base_ptr;
    struct xcptcontext xcp;
#if CONFIG_TASK_NAME_SIZE > 0
    char name[CONFIG_TASK_NAME_SIZE + 1];
#endif
};

typedef void (*nxsched_foreach_t)(FAR struct tcb_s *tcb, FAR void *arg);

FAR struct tcb_s *nxsched_self(void);
int nxsched_release_tcb(FAR struct tcb_s *tcb, uint8_t ttype);
void nxsched_foreach(nxsched_foreach_t handler, FAR void *arg);
int nxtask_create(FAR const char *name, size_t stack_size, void (*entry)(void));
void nxtask_exit(void);
void nx_start(void);
int sched_yield(void);

#endif
