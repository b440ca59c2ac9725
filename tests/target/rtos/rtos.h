/* SPDX-License-Identifier: Apache-2.0
 *
 * A cooperative scheduler of a page, so that scenarios have tasks with names and stacks of their own. One core runs it.
 */
#ifndef RTOS_H
#define RTOS_H

#include <stddef.h>
#include <stdint.h>

#define TASK_NAME_BYTES 16

typedef void (*task_entry)(void);

/* The task's handle is the address of this block. */
struct task {
    void *stack_pointer; /* valid while the task does not run */
    uintptr_t stack_low;
    uintptr_t stack_high;
    task_entry entry;
    struct task *next; /* ring of the tasks that can run */
    char name[TASK_NAME_BYTES];
};

/* The block and the stack, aligned to 16, belong to the caller and must outlive the task. */
void task_create(struct task *task, const char *name, task_entry entry, void *stack, size_t bytes);

/* Runs the tasks created so far, the first first; returns when the last has ended. */
void scheduler_run(void);

void task_yield(void);
void task_exit(void);
struct task *task_current(void);

/* Names `task` as what this core does now, without a switch: for code that runs under no scheduler. */
void task_pretend(struct task *task);

#endif
