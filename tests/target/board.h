/* SPDX-License-Identifier: Apache-2.0
 *
 * All that the test firmware wants from a chip. One folder per board implements it (rv32_virt/: QEMU's riscv virt machine);
 * heap/, rtos/ and scenarios/ know nothing else, so the next chip gets the same scenarios by writing one folder.
 */
#ifndef BOARD_H
#define BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef BOARD_CORES
#define BOARD_CORES 2u
#endif

/* How a run without a debugger ends: the emulator's exit status. */
enum board_status {
    BOARD_PASSED = 0,
    BOARD_ABORTED = 3,   /* an assertion of the allocator */
    BOARD_FAULTED = 4,   /* an exception */
    BOARD_MISPLACED = 5, /* the heap did not lay out the blocks as the scenario needs them */
    BOARD_UNKNOWN = 6    /* no scenario has that name */
};

/* Who runs on a core, in one place that the recorder's port reads in a few instructions. Changed with interrupts off. */
struct board_running {
    uintptr_t context; /* 0: before the scheduler; 1: an interrupt; else the handle of a task */
    uintptr_t low;     /* bounds of the stack in use, [low, high), without the start-up glue's part of it */
    uintptr_t high;
    uintptr_t unused; /* a power of two: indexing needs no multiplication */
};

extern struct board_running board_running[BOARD_CORES];

/* What lies between `high` and the stack pointer with which a context's first function is called. So that function's frame is out
 * of bounds, its return address into the glue is never read, and a backtrace ends in it. */
#define BOARD_GLUE_BYTES 16u

typedef void (*board_entry)(void);

void board_print(const char *text);
void board_send(const uint8_t *bytes, size_t count); /* on the same line */
_Noreturn void board_exit(enum board_status status);

unsigned board_core(void);
unsigned board_core_count(void);

/* Lets the second core run `entry` on its own start-up stack, once. */
void board_core_start(board_entry entry);

uint32_t board_time(void);
uint32_t board_instructions(void);

uint32_t board_interrupts_off(void);
void board_interrupts_restore(uint32_t state);

/* Both are atomic between cores. claim: sets the word if it holds `expected`. */
bool board_word_claim(uint32_t *word, uint32_t expected, uint32_t desired);
void board_word_release(uint32_t *word, uint32_t value);

/* A periodic interrupt of the core that calls; the handler runs on the interrupt stack with interrupts off. */
void board_timer_start(uint32_t period, board_entry handler);
void board_timer_stop(void);

/* Stacks of contexts that are not running. create: the first switch to it calls `entry`, which must not return. */
void *board_context_create(void *stack, size_t bytes, board_entry entry);
void board_context_switch(void **save, void *next);

/* Calls `function` so that a backtrace ends in it: the caller's PC is not code to the recorder. */
void board_call_root(void (*function)(uintptr_t), uintptr_t argument);

/* Lets another bus master write `bytes` of a device's data to memory: no core stores anything there. */
void board_dma(void *to, uint32_t bytes);

/* The value of `name` (with its '=') among the emulator's arguments, up to the next blank; NULL: not given. */
const char *board_argument(const char *name);

#endif
