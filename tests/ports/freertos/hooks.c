/* SPDX-License-Identifier: Apache-2.0
 *
 * A program that tests the hooks of its allocator and prints what is missing.
 */
#include "board.h"
#include "common.h"
#include "memtrace_selftest.h"

static void check_task(void *unused)
{
    (void)unused;
    uint32_t missing = memtrace_selftest();
    print("%#lx: %s\n", (unsigned long)missing, memtrace_selftest_text(missing));
    board_exit(0);
}

void vApplicationMallocFailedHook(void)
{
}

int main(void)
{
#if FIRMWARE_HEAP == 5
    static uint8_t memory[32768] __attribute__((aligned(16)));
    static const HeapRegion_t regions[] = {{memory, sizeof memory}, {NULL, 0}};
    vPortDefineHeapRegions(regions);
#endif
    board_init();
    task_make(check_task, "check", 2);
    vTaskStartScheduler();
    board_exit(5);
}
