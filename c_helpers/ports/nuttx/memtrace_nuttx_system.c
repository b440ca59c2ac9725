/* SPDX-License-Identifier: Apache-2.0
 *
 * NuttX's heaps and tasks for the console and the report of leaks (memtrace_system.h).
 *
 * Approach: NuttX's own mallinfo, and its own way to visit every task; what is told of a task is copied, since it may end.
 * Rejected: /proc (a file system, and text to take apart); up_check_tcbstack (its arguments change with the version).
 * Cost: 68 bytes for each of MEMTRACE_SYSTEM_TASKS. mallinfo takes the heap's lock and visits each block. Interrupts are off while the tasks
 * are visited, and where stacks are coloured for a load for each word that was never used.
 * Assumptions: one task at a time asks; a stack's end is aligned to words.
 */
#include <nuttx/config.h>

#include <malloc.h>
#include <nuttx/arch.h>
#include <nuttx/mm/mm.h>
#include <nuttx/sched.h>

#include "memtrace_port.h"
#include "memtrace_system.h"

#ifndef MEMTRACE_SYSTEM_TASKS
#define MEMTRACE_SYSTEM_TASKS 24
#endif

#define STACK_COLOUR 0xdeadbeefu

bool memtrace_system_heap(unsigned index, struct memtrace_heap_state *state)
{
    static const char *const names[] = {"Umem", "Kmem"};
#ifdef CONFIG_MM_KERNEL_HEAP
    const unsigned heaps = 2;
    struct mallinfo info = index == 0 ? mallinfo() : kmm_mallinfo();
#else
    const unsigned heaps = 1;
    struct mallinfo info = mallinfo();
#endif
    if (index >= heaps)
        return false;
    *state = (struct memtrace_heap_state){.name = names[index],
                                          .total = (size_t)info.arena,
                                          .free = (size_t)info.fordblks,
                                          .minimum = (size_t)(info.arena - info.usmblks),
                                          .largest = (size_t)info.mxordblk};
    return true;
}

struct seen {
    struct memtrace_task_state state;
    char name[MEMTRACE_NAME_BYTES + 1];
};

static struct seen tasks[MEMTRACE_SYSTEM_TASKS];
static unsigned tasks_seen;

static char state_letter(const struct tcb_s *task)
{
    switch (task->task_state) {
    case TSTATE_TASK_RUNNING:
        return 'X';
    case TSTATE_TASK_READYTORUN:
        return 'R';
    case TSTATE_TASK_INACTIVE:
        return 'S';
    default:
        return 'B';
    }
}

static size_t bytes_unused(uintptr_t low, uintptr_t high)
{
#ifdef CONFIG_STACK_COLORATION
    uintptr_t at = (low + 3u) & ~(uintptr_t)3;
    while (at < high && *(const volatile uint32_t *)at == STACK_COLOUR)
        at += 4;
    return at - low;
#else
    (void)low;
    (void)high;
    return 0;
#endif
}

/* Where a task that does not run was left, its registers lie. */
static void task_note(struct tcb_s *task, void *unused)
{
    (void)unused;
    if (tasks_seen == MEMTRACE_SYSTEM_TASKS)
        return;
    struct seen *seen = &tasks[tasks_seen++];
    uintptr_t low = (uintptr_t)task->stack_base_ptr;
    uintptr_t high = low + task->adj_stack_size;
    uintptr_t now = task == nxsched_self() ? (uintptr_t)__builtin_frame_address(0) : (uintptr_t)task->xcp.regs;
    strncpy(seen->name, memtrace_port_task_name((uintptr_t)task), MEMTRACE_NAME_BYTES);
    seen->state = (struct memtrace_task_state){.name = seen->name,
                                               .handle = (uintptr_t)task,
                                               .state = state_letter(task),
                                               .number = (unsigned)task->pid,
                                               .priority = task->sched_priority,
                                               .base_priority = task->init_priority,
                                               .stack_low = low,
                                               .stack_now = now - low < high - low ? now : 0,
                                               .stack_high = high,
                                               .stack_unused = bytes_unused(low, high)};
}

bool memtrace_system_task(unsigned index, struct memtrace_task_state *state)
{
    if (index == 0) {
        tasks_seen = 0;
        nxsched_foreach(task_note, NULL);
    }
    if (index >= tasks_seen)
        return false;
    *state = tasks[index].state;
    return true;
}
