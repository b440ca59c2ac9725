/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SCHED_SCHED_H
#define SCHED_SCHED_H

#include <nuttx/sched.h>

typedef struct {
    struct tcb_s *head;
    struct tcb_s *tail;
} dq_queue_t;

extern dq_queue_t g_readytorun;
extern struct tcb_s **g_pidhash;
extern volatile int g_npidhash;
extern struct tcb_s *g_running_tasks[1];

void dq_add_first(struct tcb_s *tcb, dq_queue_t *queue);
void dq_add_last(struct tcb_s *tcb, dq_queue_t *queue);
void dq_remove(struct tcb_s *tcb, dq_queue_t *queue);

#endif
