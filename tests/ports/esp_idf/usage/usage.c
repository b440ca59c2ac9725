/* SPDX-License-Identifier: Apache-2.0
 *
 * An application that counts alone: the machine's exit status says where the counters of the heaps are wrong; 0: nowhere.
 */
#include <stdlib.h>
#include <string.h>

#include "esp_heap_caps.h"
#include "memtrace_usage.h"
#include "system.h"

void app_main(void);

static void expect(unsigned status, bool right)
{
    if (!right)
        *(volatile unsigned *)0x100000 = status << 16 | 0x3333;
}

static struct memtrace_module heap_of(unsigned number)
{
    struct memtrace_module usage;
    expect(1, memtrace_usage_of(number, &usage));
    return usage;
}

void app_main(void)
{
    struct memtrace_module before = heap_of(0);
    expect(2, strcmp(before.name, "DRAM") == 0 && strcmp(heap_of(2).name, "SPIRAM") == 0 && before.blocks == 1);
    void *block = malloc(104);
    void *moved = heap_caps_realloc(block, 208, MALLOC_CAP_SPIRAM);
    expect(3, heap_of(0).bytes == before.bytes && heap_of(0).peak_bytes == before.bytes + 104);
    expect(4, heap_of(2).bytes == 208 && heap_of(2).blocks == 1);
    free(moved);
    block = realloc(malloc(40), 400);
    expect(5, heap_of(0).bytes == before.bytes + 400 && heap_of(0).blocks == 2);
    free(block);
    free(heap_caps_malloc(48, MALLOC_CAP_EXEC));
    heap_caps_aligned_free(heap_caps_aligned_alloc(64, 64, MALLOC_CAP_SPIRAM));
    for (unsigned number = 0; number < 3; number++)
        expect(6 + number, heap_of(number).unmatched == 0 && heap_of(number).blocks == (number == 0 ? 1u : 0u));
    expect(9, heap_of(1).allocations == 1 && heap_of(2).allocations == 2);
}

void panic_hook(const char *details)
{
    (void)details;
    expect(10, false);
}
