/* SPDX-License-Identifier: Apache-2.0
 *
 * malloc and free of this program: a TLSF of 16 KiB with the recorder in front.
 */
#include "heap.h"

#include <stdint.h>

#include "memtrace.h"
#include "tlsf.h"

enum { HEAP_BYTES = 16 * 1024, RING_BYTES = 16 * 1024 };

static uint64_t memory[HEAP_BYTES / 8];
static uint64_t ring[RING_BYTES / 8];
tlsf_t heap; /* a debugger finds the heap by this pointer */

void heap_init(void)
{
    heap = tlsf_create_with_pool(memory, sizeof memory, 0);
    memtrace_init(ring, sizeof ring, NULL);
}

void *malloc(size_t size)
{
    void *block = tlsf_malloc(heap, size);
    memtrace_alloc(MEMTRACE_CALLER(), block, size, 0);
    return block;
}

void free(void *block)
{
    memtrace_free(MEMTRACE_CALLER(), block, 0);
    tlsf_free(heap, block);
}
