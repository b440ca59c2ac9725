/* SPDX-License-Identifier: Apache-2.0 */
#include "heap_private.h"

heap_t registered_heaps[HEAPS_MOST];
unsigned registered_heaps_used;

void heap_caps_init(void)
{
    for (size_t i = 0; i < soc_memory_region_count; i++) {
        const soc_memory_region_t *region = &soc_memory_regions[i];
        const uint32_t *caps = soc_memory_types[region->type].caps;
        heap_t *heap = &registered_heaps[registered_heaps_used++];
        *heap = (heap_t){caps[0] | caps[1] | caps[2], (uintptr_t)region->start, (uintptr_t)region->start + region->size,
                         multi_heap_register((void *)region->start, region->size)};
    }
}
