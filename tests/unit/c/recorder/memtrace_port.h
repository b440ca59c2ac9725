/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorder's port to its own tests, in the shape of c_helpers/ports/template: cores, contexts, clock and stacks are what the test says (world.h).
 */
#ifndef MEMTRACE_PORT_H
#define MEMTRACE_PORT_H

#include <stdbool.h>
#include <stdint.h>

#define MEMTRACE_PORT_TICK_HZ 1000u
#define MEMTRACE_PORT_CORES 8

struct memtrace_span {
    uintptr_t low;
    uintptr_t high;
};

/* Where the lock stands for atomic steps: the other cores' turn, between a step's load and its store. */
void world_between(void);
#define MEMTRACE_TEST_BETWEEN() world_between()

unsigned memtrace_port_core(void);
uint64_t memtrace_port_time_full(void);
uint32_t memtrace_port_time(void);
uintptr_t memtrace_port_context(void);
const char *memtrace_port_task_name(uintptr_t handle);
struct memtrace_span memtrace_port_stack(void);
bool memtrace_port_is_code(uintptr_t pc);
uintptr_t memtrace_port_lock(void);
void memtrace_port_unlock(uintptr_t saved);
void memtrace_port_build_id(uint8_t out[20]);

#endif
