/* SPDX-License-Identifier: Apache-2.0 */
#include "rtos.h"

#include <string.h>

#include "board.h"
#include "memtrace.h"

static struct task *ring_last; /* of the tasks that can run; its next is the first */
static void *scheduler_stack_pointer;
static struct board_running scheduler_running;

struct task *task_current(void)
{
    return (struct task *)board_running[board_core()].context;
}

void task_create(struct task *task, const char *name, task_entry entry, void *stack, size_t bytes)
{
    memset(task, 0, sizeof *task);
    strncpy(task->name, name, TASK_NAME_BYTES - 1);
    task->entry = entry;
    task->stack_low = (uintptr_t)stack;
    task->stack_high = (uintptr_t)stack + bytes;
    task->stack_pointer = board_context_create(stack, bytes, entry);
    if (ring_last == NULL) {
        ring_last = task;
        task->next = task;
        return;
    }
    task->next = ring_last->next;
    ring_last->next = task;
    ring_last = task;
}

/* With interrupts off: an interrupt must not see one task's stack under another's name. */
static void running_set(const struct task *task)
{
    struct board_running *running = &board_running[board_core()];
    running->context = (uintptr_t)task;
    running->low = task->stack_low;
    running->high = task->stack_high - BOARD_GLUE_BYTES;
}

void task_pretend(struct task *task)
{
    board_running[board_core()].context = (uintptr_t)task;
}

static void switch_to(void **save, struct task *task)
{
    uint32_t interrupts = board_interrupts_off();
    running_set(task);
    board_context_switch(save, task->stack_pointer);
    board_interrupts_restore(interrupts);
}

void task_yield(void)
{
    struct task *task = task_current();
    if (task->next != task) {
        ring_last = task;
        switch_to(&task->stack_pointer, task->next);
    }
}

static void ring_remove(struct task *task)
{
    struct task *before = task;
    while (before->next != task) {
        before = before->next;
    }
    before->next = task->next;
    ring_last = before == task ? NULL : before;
}

void task_exit(void)
{
    struct task *task = task_current();
    void *unused;
    ring_remove(task);
    memtrace_task_deleted((uintptr_t)task);
    board_interrupts_off();
    if (ring_last != NULL) {
        switch_to(&unused, ring_last->next);
    }
    board_running[board_core()] = scheduler_running;
    board_context_switch(&unused, scheduler_stack_pointer);
}

void scheduler_run(void)
{
    scheduler_running = board_running[board_core()];
    switch_to(&scheduler_stack_pointer, ring_last->next);
}
