/* SPDX-License-Identifier: Apache-2.0 */
#include "sched.h"

void dq_add_first(struct tcb_s *tcb, dq_queue_t *queue)
{
    tcb->blink = NULL;
    tcb->flink = queue->head;
    if (queue->head != NULL)
        queue->head->blink = tcb;
    else
        queue->tail = tcb;
    queue->head = tcb;
}

void dq_add_last(struct tcb_s *tcb, dq_queue_t *queue)
{
    tcb->flink = NULL;
    tcb->blink = queue->tail;
    if (queue->tail != NULL)
        queue->tail->flink = tcb;
    else
        queue->head = tcb;
    queue->tail = tcb;
}

void dq_remove(struct tcb_s *tcb, dq_queue_t *queue)
{
    if (tcb->blink != NULL)
        tcb->blink->flink = tcb->flink;
    else
        queue->head = tcb->flink;
    if (tcb->flink != NULL)
        tcb->flink->blink = tcb->blink;
    else
        queue->tail = tcb->blink;
}
