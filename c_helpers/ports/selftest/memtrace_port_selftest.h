/* SPDX-License-Identifier: Apache-2.0
 *
 * Does a port keep what the recorder relies on? Compile memtrace_port_selftest.c into the firmware with the flags of your own code,
 * and call it once: from a task, with interrupts on, before memtrace_init.
 *
 *     enum memtrace_promise broken = memtrace_port_selftest(NULL);
 *     if (broken != MEMTRACE_PROMISES_KEPT)
 *         puts(memtrace_promise_text(broken));
 *
 * It takes 4 KiB of static memory and 0.5 KiB of stack, records a few events in a ring of its own, and ends with memtrace_ring
 * NULL. If it never comes back, memtrace_port_checking says at what.
 */
#ifndef MEMTRACE_PORT_SELFTEST_H
#define MEMTRACE_PORT_SELFTEST_H

#ifdef __cplusplus
extern "C" {
#endif

/* In the order in which they are checked. */
enum memtrace_promise {
    MEMTRACE_PROMISES_KEPT = 0,
    MEMTRACE_PROMISE_CORE,
    MEMTRACE_PROMISE_CONTEXT,
    MEMTRACE_PROMISE_TASK_NAME,
    MEMTRACE_PROMISE_STACK,
    MEMTRACE_PROMISE_CODE,
    MEMTRACE_PROMISE_NOT_CODE,
    MEMTRACE_PROMISE_CLOCK_RUNS,
    MEMTRACE_PROMISE_CLOCK_FORWARD,
    MEMTRACE_PROMISE_CLOCK_HALVES,
    MEMTRACE_PROMISE_CLOCK_RATE, /* with wait_ms */
    MEMTRACE_PROMISE_BUILD_ID,
    MEMTRACE_PROMISE_INTERRUPT, /* this and the next five with interrupt */
    MEMTRACE_PROMISE_INTERRUPT_CONTEXT,
    MEMTRACE_PROMISE_INTERRUPT_STACK,
    MEMTRACE_PROMISE_LOCK_HOLDS, /* the three of the lock only where the recorder uses it */
    MEMTRACE_PROMISE_LOCK_OPENS,
    MEMTRACE_PROMISE_LOCK_NESTS,
    MEMTRACE_PROMISE_OTHER_CORE, /* this and the next three with other_core */
    MEMTRACE_PROMISE_CORE_APART,
    MEMTRACE_PROMISE_CLOCK_SHARED,
    MEMTRACE_PROMISE_ATOMICS,
    MEMTRACE_PROMISE_NO_ALLOCATION,
    MEMTRACE_PROMISE_CALLER,
    MEMTRACE_PROMISE_FRAMES,
    MEMTRACE_PROMISE_STOP
};

/* What the self-test cannot do by itself. Each may be NULL: what hangs on it is not checked. */
struct memtrace_port_hooks {
    /* Has `handler` called once, in an interrupt of this core, as soon as interrupts are on; returns at once. Called in an
     * interrupt, too. */
    void (*interrupt)(void (*handler)(void));

    /* Has `function` called once on another core; returns at once. */
    void (*other_core)(void (*function)(void));

    /* Comes back after so many milliseconds by a clock that is not the port's. */
    void (*wait_ms)(unsigned milliseconds);
};

/* The first promise that is broken. `hooks` NULL: all of them are. */
enum memtrace_promise memtrace_port_selftest(const struct memtrace_port_hooks *hooks);

/* A sentence that says what is wrong. */
const char *memtrace_promise_text(enum memtrace_promise promise);

/* What is being checked; MEMTRACE_PROMISES_KEPT: nothing. */
extern volatile enum memtrace_promise memtrace_port_checking;

#ifdef __cplusplus
}
#endif

#endif
