/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of the program have in common. Each is compiled in its own ways.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "memtrace.h"

#ifdef __cplusplus
extern "C" {
#endif

uint32_t stacks_random(uint32_t *state);
void *stacks_new(struct memtrace_caller caller, size_t size);
void stacks_look(uint32_t number);
void stacks_done(void);

/* Each makes some allocations, and gives them back. */
int stacks_c(uint32_t seed);
int stacks_cpp(uint32_t seed);
int stacks_made(uint32_t seed, int depth);

#ifdef __cplusplus
}
#endif

#endif
