/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs the self-test of the hooks in a program that has some of them, and prints what it says.
 */
#include <stdio.h>

#include "memtrace.h"
#include "memtrace_selftest.h"
#include "memtrace_tlsf_assert.h"

uintptr_t port_stack_high;

static uint64_t ring[32 * 1024 / 8];

static void test_print(const char *when)
{
    uint32_t missing = memtrace_selftest();
    printf("%s %x %s\n", when, (unsigned)missing, memtrace_selftest_text(missing));
}

int main(void)
{
    port_stack_high = (uintptr_t)__builtin_frame_address(0) + 64;
    test_print("before");
    memtrace_init(ring, sizeof ring, NULL);
    test_print("recording");
    printf("entries %x\n", (unsigned)memtrace_ring->entries);
    memtrace_stop();
    test_print("stopped");
    return 0;
}
