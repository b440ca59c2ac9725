/* SPDX-License-Identifier: Apache-2.0
 *
 * malloc and its relatives of this program: a TLSF of 16 KiB. It knows nothing of memtrace.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tlsf.h"

static uint64_t memory[16 * 1024 / 8];
tlsf_t heap; /* a debugger finds the heap by this pointer */

__attribute__((constructor)) static void heap_init(void)
{
    heap = tlsf_create_with_pool(memory, sizeof memory, 0);
}

void *malloc(size_t size)
{
    return tlsf_malloc(heap, size);
}

void *calloc(size_t count, size_t size)
{
    void *block = size == 0 || count <= SIZE_MAX / size ? tlsf_malloc(heap, count * size) : NULL;
    return block != NULL ? memset(block, 0, count * size) : NULL;
}

void *realloc(void *block, size_t size)
{
    return tlsf_realloc(heap, block, size);
}

void free(void *block)
{
    tlsf_free(heap, block);
}
