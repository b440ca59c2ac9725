/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls of the allocator, each told as it was made: "call NAME ADDRESS SIZE". For each heap_N.c.
 */
#include <string.h>

#include "board.h"
#include "common.h"
#include "memtrace.h"

enum { BLOCKS = 24, IMPOSSIBLE = 1 << 20 };

#if FIRMWARE_HEAP == 3
#include <unistd.h>

void *sbrk(ptrdiff_t more)
{
    static char memory[32768] __attribute__((aligned(16)));
    static ptrdiff_t used;
    if (used + more > (ptrdiff_t)sizeof memory)
        return (void *)-1;
    used += more;
    return memory + used - more;
}

/* errno lies in a thread's own memory; all tasks have the same here. */
static void errno_init(void)
{
#ifdef __riscv
    static uint64_t own[8];
    __asm__ volatile("mv tp, %0" : : "r"(own));
#endif
}
#endif

void vApplicationMallocFailedHook(void)
{
}

static void tell(const char *call, const void *block, unsigned size)
{
    print("call %s %#lx %u\n", call, (unsigned long)(uintptr_t)block, size);
}

static FUNCTION void *block_get(unsigned size)
{
    void *block = pvPortMalloc(size);
    tell(block != NULL ? "alloc" : "alloc-failed", block, size);
    return block;
}

static FUNCTION void *block_get_cleared(unsigned count, unsigned size)
{
#if FIRMWARE_HEAP > 1 && FIRMWARE_HEAP != 3
    void *block = pvPortCalloc(count, size);
    tell("alloc", block, count * size);
    return block;
#else
    return block_get(count * size);
#endif
}

static FUNCTION void block_give(void *block)
{
#if FIRMWARE_HEAP > 1
    vPortFree(block);
    tell("free", block, 0);
#else
    (void)block;
#endif
}

static void caller_task(void *unused)
{
    static void *blocks[BLOCKS];
    (void)unused;
    memtrace_mark("calls");
    for (unsigned i = 0; i < BLOCKS; i++)
        blocks[i] = i % 3 == 0 ? block_get_cleared(i + 1, 5) : block_get(i * 7 + 1);
    for (unsigned i = 0; i < BLOCKS; i += 2)
        block_give(blocks[i]);
    block_give(NULL);
    (void)block_get(IMPOSSIBLE);
    (void)block_get(100);
    memtrace_mark("done");
    firmware_done();
    board_exit(0);
}

int main(void)
{
#if FIRMWARE_HEAP == 5
    static uint8_t low[16384] __attribute__((aligned(16))), high[16384] __attribute__((aligned(16)));
    static const HeapRegion_t regions[] = {{low, sizeof low}, {high, sizeof high}, {NULL, 0}};
    vPortDefineHeapRegions(regions);
#endif
#if FIRMWARE_HEAP == 3
    errno_init();
#endif
    board_init();
    task_make(caller_task, "caller", 2);
    vTaskStartScheduler();
    board_exit(5);
}
