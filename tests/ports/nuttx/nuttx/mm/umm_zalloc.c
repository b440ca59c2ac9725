/* SPDX-License-Identifier: Apache-2.0 */
#include <nuttx/mm/mm.h>
#include <stdlib.h>
#include <string.h>

void *zalloc(size_t size)
{
    void *block = mm_malloc(g_mmheap, size);
    if (block != NULL)
        memset(block, 0, size);
    return block;
}
