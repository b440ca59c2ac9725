/* SPDX-License-Identifier: Apache-2.0
 *
 * What the console and the report of leaks ask of the system around the recorder: its heaps and its tasks. A port that knows them
 * defines the two functions; the weak ones of memtrace_system.c say that there are none. docs/how-to/use-the-console.md.
 *
 * Both are called in a task, while others run. They allocate nothing and wait for nobody for long: a port may take the kernel's or the
 * heap's lock for the time of one call, not across calls, and gives a number that it cannot get without as 0.
 */
#ifndef MEMTRACE_SYSTEM_H
#define MEMTRACE_SYSTEM_H

#include "memtrace.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One heap as it is now, in bytes. */
struct memtrace_heap_state {
    const char *name;            /* stays valid; NULL: it has none */
    enum memtrace_memory memory; /* the kind of memory it lies in */
    uint32_t capabilities;       /* the framework's own bits; 0: none, or unknown. Sums are made for each */
    size_t total;                /* what it manages */
    size_t free;
    size_t minimum; /* the least that was ever free; 0: unknown, or it was exhausted */
    size_t largest; /* the largest block that an allocation could get */
};

/* One task as it is now. */
struct memtrace_task_state {
    const char *name; /* stays valid until index 0 is asked for again; NULL: it has none */
    uintptr_t handle; /* as memtrace_port_context names it */
    char state;       /* X running, R ready, B blocked, S suspended, D deleted */
    unsigned number;  /* the system's own, in order of creation; 0: none */
    unsigned priority, base_priority;
    uintptr_t stack_low, stack_now, stack_high; /* addresses: its end, where it is, its begin; 0: unknown */
    size_t stack_unused;                        /* bytes never used; 0: unknown, or none */
};

/* false: there is no heap of this index, nor a further one. Indexes count from 0. */
bool memtrace_system_heap(unsigned index, struct memtrace_heap_state *state);

/* false: there is no task of this index, nor a further one. Index 0 takes a new look at the system; further ones tell of that look. */
bool memtrace_system_task(unsigned index, struct memtrace_task_state *state);

#ifdef __cplusplus
}
#endif

#endif
