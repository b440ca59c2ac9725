/* SPDX-License-Identifier: Apache-2.0
 *
 * The numbers of the stacks that the log has.
 *
 * Approach: one table for all threads, by a hash of 64 bits, which is taken for the stack itself. Readers take no lock: an entry proves that its
 * two words belong together. It starts small, for the caches' sake, and doubles; at its largest, a new stack takes the place of another,
 * which is defined again when it comes back.
 * Rejected: stacks themselves in memory (they are in the log).
 * Cost: 16 bytes a stack and as much again while half full; 16 MiB at most.
 */
#ifndef MEMTRACE_LINUX_STACKS_H
#define MEMTRACE_LINUX_STACKS_H

#include <stdint.h>

#include "unwind.h"

/* The number of a stack that was just found; it is defined in the log if it is new. 0: there is no memory for the table. */
uint32_t stacks_number(struct walker *walker, const struct stack *stack);

/* In a child of fork: no stack is in the log yet. */
void stacks_forget(void);

#endif
