/* SPDX-License-Identifier: Apache-2.0
 *
 * The world that the recorder finds itself in under test: who runs on which core, what time it is, what stands on the stack.
 * Stacks are chains of frames in an array, so a test knows every PC, and ASan sees every word read outside of it.
 */
#ifndef WORLD_H
#define WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "memtrace.h"
#include "memtrace_port.h"

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            exit(1); \
        } \
    } while (0)

enum { RING_BYTES = 16384, STACK_WORDS = 256 };

/* The signal that stands for an interrupt. */
#define WORLD_INTERRUPT SIGUSR1

/* PCs from here on are code. */
#define CODE ((uintptr_t)0x10000)
#define CODE_END ((uintptr_t)0x800000)

/* Handles of tasks, each named by its number; one in eight has no name. Any other handle is the address of a name. */
#define TASK(number) ((uintptr_t)&world_tasks[number])
enum { WORLD_TASKS = 512 };
extern const char world_tasks[WORLD_TASKS][16];

/* What runs on this thread, which stands for a core. */
struct here {
    unsigned core;
    uintptr_t context;
    struct memtrace_span stack;
    uint64_t ahead; /* ticks by which this core's clock is ahead of the world's */
};

extern _Thread_local struct here here;
extern uint64_t world_time;
extern uint64_t world_step; /* by which each look at the clock moves it; 0: it moves when a test says so */
extern _Thread_local void (*world_interrupt)(void); /* comes once, when the port is asked the next time */
extern bool world_yields;                           /* a thread that asks the port gives its core away, now and then */
extern struct memtrace_span world_code;             /* PCs whose low 32 bits are in it are code */

/* What is wrong with the port, for the self-test to find. */
struct world_faults {
    bool low_half;           /* the clock's low half is another time */
    bool build_id;           /* more bytes than it has */
    bool name_allocates;     /* the name of a task is allocated */
    bool lock_holds_nothing; /* interrupts come while it is held */
    bool lock_stays;         /* interrupts do not come after it */
    bool lock_opens_all;     /* interrupts come after it that could not before */
};
extern struct world_faults world_faults;

/* A ring in memory of exactly `bytes`, from the heap so that ASan guards both its ends. */
void *ring_start(size_t bytes, const struct memtrace_config *config);
void ring_start_default(void);

/* The smallest ring of `events` events, with room for a few stacks. */
void ring_start_events(uint32_t events);
void ring_end(void);

/* Words between the two of a frame and the address that names it: RISC-V names one by its end. */
#ifdef __riscv
#define FRAME_WORDS_BELOW 2
#else
#define FRAME_WORDS_BELOW 0
#endif

/* A stack of `depth` frames whose return addresses are pcs[0], pcs[1], …, innermost first. */
struct memtrace_caller stack_of(const uintptr_t *pcs, unsigned depth);

/* The caller at CODE + number, on a stack of its own. */
struct memtrace_caller caller_at(uintptr_t number);

void *block_at(uintptr_t number);

#endif
