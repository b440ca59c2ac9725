/* SPDX-License-Identifier: Apache-2.0 */
#include <nuttx/mm/mm.h>

struct mm_heap_s *g_mmheap;

void umm_initialize(void *start, size_t size)
{
    g_mmheap = mm_initialize(start, size);
}
