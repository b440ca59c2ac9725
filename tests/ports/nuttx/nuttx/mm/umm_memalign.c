/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>
#include <nuttx/mm/mm.h>

void *memalign(size_t alignment, size_t size)
{
    return mm_memalign(g_mmheap, alignment, size);
}
