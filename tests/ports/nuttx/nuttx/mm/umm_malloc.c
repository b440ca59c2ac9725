/* SPDX-License-Identifier: Apache-2.0 */
#include <nuttx/mm/mm.h>
#include <stdlib.h>

void *malloc(size_t size)
{
    return mm_malloc(g_mmheap, size);
}
