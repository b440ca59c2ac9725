/* SPDX-License-Identifier: Apache-2.0
 *
 * What a hook of the recorder of a Linux process calls. docs/explanation/linux.md tells how the parts work together.
 *
 * Nothing here allocates by the program's allocator. All may be called in every thread, in signal handlers, and in a child after fork.
 */
#ifndef MEMTRACE_LINUX_RECORDER_H
#define MEMTRACE_LINUX_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "machine.h"

/* A function that takes the place of the program's. */
#define HOOK __attribute__((visibility("default"), noinline))

#define LIKELY(condition) __builtin_expect(!!(condition), 1)

/* Where a block is: the numbers of the log's heaps. */
enum heap { HEAP_HOST = 0, HEAP_MAPPED = 1, HEAP_DEVICE = 2, HEAPS = 3 };

enum run_state {
    RUN_NOT_STARTED = 0, /* or in a child of fork that has not found out */
    RUN_ON = 1,
    RUN_OFF = 2 /* stopped, or there is no log */
};

#define ORDER_SLOTS 4096u

/* What a child of fork must not inherit; the kernel fills these pages with zeros there. */
#define CONTROL_BYTES 65536u
struct control {
    uint32_t state;   /* enum run_state */
    uint32_t threads; /* there is more than one thread: the order of their events must be told */
    uint32_t starting, log_lock, modules_lock, stacks_lock, threads_lock, ended_lock, device_lock;
    uint32_t device_process;         /* whose descriptors are in the table */
    uint32_t stacks, names, streams; /* numbers that were given */
    /* The time and thread of the last event at some addresses. An event of another thread at one of them is later. */
    uint64_t order[ORDER_SLOTS];
};
extern union control_pages {
    struct control now;
    char bytes[CONTROL_BYTES];
} recorder_control;

/* header.request of the log that is mapped, or a word that is always 0. */
extern uint32_t *recorder_request;

/* Brings the recorder up in a new process or in a child of fork, and obeys a request. Returns whether nothing is recorded now. */
bool recorder_wake(void);

/* Is nothing recorded now? Then a hook calls the real function alone. */
static inline bool recorder_is_off(void)
{
    uint32_t state = __atomic_load_n(&recorder_control.now.state, __ATOMIC_RELAXED);
    if (LIKELY(state != RUN_NOT_STARTED && __atomic_load_n(recorder_request, __ATOMIC_RELAXED) == 0))
        return state != RUN_ON;
    return recorder_wake();
}

/* Is that certain, and nothing asked for? It needs no call, so a hook that asks has no frame of its own by then. */
static inline bool recorder_is_idle(void)
{
    return __atomic_load_n(&recorder_control.now.state, __ATOMIC_RELAXED) == RUN_OFF &&
           __atomic_load_n(recorder_request, __ATOMIC_RELAXED) == 0;
}

/* After the real function has given it. */
void record_alloc(const struct caller *from, uintptr_t address, size_t size, enum heap heap);

/* Before it is given back. */
void record_free(const struct caller *from, uintptr_t address, enum heap heap);

void record_failed(const struct caller *from, size_t size, enum heap heap);

/* Around the real realloc: the number of the begin is given to the end. `moved` 0: it failed. */
uint64_t record_realloc_begin(const struct caller *from, uintptr_t block, size_t size);
void record_realloc_end(const struct caller *from, uint64_t begin, uintptr_t block, uintptr_t moved, size_t size);

/* More than 0: this thread is in a function whose event a hook records itself, whatever hooks it comes by. */
extern __thread unsigned record_inside;

/* Bytes of a block that was freed, for the totals, where no address says them. */
void record_freed_bytes(enum heap heap, size_t bytes);

/* Ranges of addresses, of any length. */
void record_map(const struct caller *from, uintptr_t address, size_t size);
void record_unmap(const struct caller *from, uintptr_t address, size_t size);

void record_mark(const char *name);

/* A change of enum memtrace_state. */
void record_control(unsigned state, unsigned before);

/* The function that the program would have without the recorder, or NULL. */
void *real_function(const char *name);

/* There will be another thread. */
static inline void record_threads(void)
{
    __atomic_store_n(&recorder_control.now.threads, 1u, __ATOMIC_RELAXED);
}

#endif
