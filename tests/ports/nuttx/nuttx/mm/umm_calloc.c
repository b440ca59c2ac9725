/* SPDX-License-Identifier: Apache-2.0 */
#include <nuttx/mm/mm.h>
#include <stdlib.h>
#include <string.h>

void *calloc(size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size)
        return NULL;
    void *block = mm_malloc(g_mmheap, count * size);
    if (block != NULL)
        memset(block, 0, count * size);
    return block;
}
