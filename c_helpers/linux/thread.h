/* SPDX-License-Identifier: Apache-2.0
 *
 * What the recorder keeps for a thread: its place in the log, what it knows of its stack, and events that came while it was busy.
 *
 * Approach: one object a thread, found by a thread variable, used again by a later thread. A thread-specific destructor takes leave, as late as it
 * can; what a thread frees after that goes to an object that such threads share.
 */
#ifndef MEMTRACE_LINUX_THREAD_H
#define MEMTRACE_LINUX_THREAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "recorder.h"
#include "unwind.h"
#include "window.h"

#define WAITING_MOST 64u

struct event {
    const struct caller *from; /* who called the hook */
    enum memtrace_kind kind;
    uintptr_t address;
    size_t size;
    enum heap heap;
    bool whole;     /* its stack is to be more than its caller */
    uint64_t begin; /* of a realloc-end: the number of its begin, plus 1 */
};

struct thread {
    volatile uintptr_t busy; /* the stack pointer of who writes here; 0: nobody */
    volatile unsigned waiting_count;
    struct window window;
    struct walker *walker;
    uint64_t now;       /* time that was read last */
    unsigned clock_age; /* events since then */
    unsigned rounds;    /* of destructors that have run */
    pid_t id;
    int64_t change[HEAPS]; /* of the totals, not yet told to others */
    struct thread *next, *next_free;
    struct {
        struct event event;
        struct caller from;
    } waiting[WAITING_MOST]; /* of signal handlers that came while it was busy */
};

extern __thread struct thread *thread_self;

/* This thread's object; NULL: it cannot have one (now). */
struct thread *thread_begin(void);

/* For a thread that has ended: the object of all those, under a lock; NULL: this thread has not ended, or holds it. */
struct thread *thread_ended_take(void);
void thread_ended_give(void);

/* Once, before the first thread_begin. */
void threads_start(void);

/* In a child of fork: this thread alone is there, and has no region. */
void threads_forget(void);

/* Events of all threads so far. */
uint64_t threads_events(void);

/* Tells the log what the threads are called now. */
void threads_name(void);
void thread_name(const struct thread *thread);

#endif
