/* SPDX-License-Identifier: Apache-2.0
 *
 * The system that nobody knows: no heaps, no tasks, no counters of modules, no self-test.
 *
 * Approach: weak functions in a file of their own, so that a port's win at link time, from an archive too.
 * Rejected: a table of pointers to register (words in RAM, and one more call to forget).
 * Cost: 60 bytes of text on rv32.
 * Assumptions: a port's file is linked as an object, or something else of it is needed: a linker takes nothing out of an archive for
 * the sake of a function that is there already, even a weak one.
 */
#include "memtrace_system.h"

#include "../selftest/memtrace_selftest.h"
#include "../usage/memtrace_usage.h"

__attribute__((weak)) bool memtrace_system_heap(unsigned index, struct memtrace_heap_state *state)
{
    (void)index;
    (void)state;
    return false;
}

__attribute__((weak)) bool memtrace_system_task(unsigned index, struct memtrace_task_state *state)
{
    (void)index;
    (void)state;
    return false;
}

__attribute__((weak)) bool memtrace_usage_of(unsigned module, struct memtrace_module *usage)
{
    (void)module;
    (void)usage;
    return false;
}

__attribute__((weak)) uint32_t memtrace_selftest(void)
{
    return MEMTRACE_SELFTEST_OFF;
}

__attribute__((weak)) const char *memtrace_selftest_text(uint32_t missing)
{
    (void)missing;
    return "no self-test is linked";
}
