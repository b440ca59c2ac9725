/* SPDX-License-Identifier: Apache-2.0 */
#include <nuttx/mm/mm.h>

struct mallinfo mallinfo(void)
{
    return mm_mallinfo(g_mmheap);
}
