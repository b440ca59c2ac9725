/* SPDX-License-Identifier: Apache-2.0 */
#include <nuttx/mm/mm.h>
#include <stdlib.h>

void *realloc(void *block, size_t size)
{
    return mm_realloc(g_mmheap, block, size);
}
