/* SPDX-License-Identifier: Apache-2.0 */
#include <nuttx/mm/mm.h>
#include <stdlib.h>

void free(void *block)
{
    mm_free(g_mmheap, block);
}
