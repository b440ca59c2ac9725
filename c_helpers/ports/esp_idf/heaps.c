/* SPDX-License-Identifier: Apache-2.0
 *
 * Which heap a block is in, by its address, and what that heap is called.
 *
 * Approach: a table of what multi_heap_register was called with, in that order: the start-up code registers each region by it, and so
 * do PSRAM, regions that a driver gives back, and a program's own pools. The table is only added to, the newest entry is looked at first: a
 * heap may lie in a block of another one. The name and the capabilities are those of the chip's table of regions.
 * Rejected: IDF's list of heaps (its struct is private and differs by version and option); asking the allocator for the heap.
 * Cost: three instructions a heap and an event, 12 bytes a heap.
 * Assumptions: numbers 0 to 30 are heaps in the order of the start-up, 31 is every other address.
 */
#include "esp_heap_caps.h"
#include "heap_memory_layout.h"
#include "memtrace.h"
#include "memtrace_esp_idf.h"
#include "memtrace_port.h"
#include "memtrace_system.h"
#include "memtrace_usage.h"
#include "multi_heap.h"
#include "soc/soc_memory_layout.h"

#define HEAPS_MOST 31u /* the number of blocks that lie in none of them, too */

struct heap {
    uintptr_t start;
    size_t bytes;
    multi_heap_handle_t handle;
};

static struct heap heaps[HEAPS_MOST];
static uint32_t heaps_used;

multi_heap_handle_t __real_multi_heap_register(void *start, size_t bytes);
multi_heap_handle_t __wrap_multi_heap_register(void *start, size_t bytes);

/* What kind of memory lies there; NULL: none that the chip's table knows. */
static const soc_memory_type_desc_t *type_of(uintptr_t address)
{
    for (size_t i = 0; i < soc_memory_region_count; i++) {
        const soc_memory_region_t *region = &soc_memory_regions[i];
        if (address - (uintptr_t)region->start < region->size)
            return &soc_memory_types[region->type];
    }
    return NULL;
}

static uint32_t type_capabilities(const soc_memory_type_desc_t *type)
{
    uint32_t capabilities = 0;
    for (unsigned i = 0; type != NULL && i < SOC_MEMORY_TYPE_NO_PRIOS; i++)
        capabilities |= type->caps[i];
    return capabilities;
}

static enum memtrace_memory memory_of(uint32_t capabilities)
{
    if ((capabilities & MALLOC_CAP_SPIRAM) != 0)
        return MEMTRACE_MEMORY_EXTERNAL;
    if ((capabilities & MALLOC_CAP_RTCRAM) != 0)
        return MEMTRACE_MEMORY_RETAINED;
    return (capabilities & MALLOC_CAP_INTERNAL) != 0 ? MEMTRACE_MEMORY_INTERNAL : MEMTRACE_MEMORY_UNKNOWN;
}

static unsigned heap_at(uintptr_t address)
{
    unsigned number = __atomic_load_n(&heaps_used, __ATOMIC_ACQUIRE);
    while (number > 0) {
        number--;
        if (address - heaps[number].start < heaps[number].bytes)
            return number;
    }
    return HEAPS_MOST;
}

/* Executable memory is given as its address on the instruction bus, with the one on the data bus in the word before. */
unsigned memtrace_port_heap(const void *block)
{
    bool is_alias = (esp_ptr_in_diram_iram(block) || esp_ptr_in_rtc_iram_fast(block)) && (uintptr_t)block % 4u == 0;
    unsigned number = heap_at((uintptr_t)block);
    return number == HEAPS_MOST && is_alias ? heap_at(((const uintptr_t *)block)[-1]) : number;
}

static void heap_name(unsigned number, const char *name, uint32_t capabilities)
{
#if CONFIG_MEMTRACE_USAGE_ONLY
    (void)capabilities;
    memtrace_usage_name(number, name);
#else
    (void)memtrace_name_heap(number, name, memory_of(capabilities), capabilities);
#endif
}

multi_heap_handle_t __wrap_multi_heap_register(void *start, size_t bytes)
{
#if !CONFIG_MEMTRACE_USAGE_ONLY
    memtrace_esp_idf_start();
#endif
    multi_heap_handle_t handle = __real_multi_heap_register(start, bytes);
    if (handle == NULL || heaps_used == HEAPS_MOST)
        return handle;
    const soc_memory_type_desc_t *type = type_of((uintptr_t)start);
    heap_name(heaps_used, type != NULL ? type->name : "pool", type_capabilities(type));
    heaps[heaps_used] = (struct heap){(uintptr_t)start, bytes, handle};
    __atomic_store_n(&heaps_used, heaps_used + 1u, __ATOMIC_RELEASE);
    return handle;
}

bool memtrace_system_heap(unsigned index, struct memtrace_heap_state *state)
{
    multi_heap_info_t info;
    if (index >= __atomic_load_n(&heaps_used, __ATOMIC_ACQUIRE))
        return false;
    const struct heap *heap = &heaps[index];
    const soc_memory_type_desc_t *type = type_of(heap->start);
    uint32_t capabilities = type_capabilities(type);
    multi_heap_get_info(heap->handle, &info);
    *state = (struct memtrace_heap_state){
        .name = type != NULL ? type->name : "pool",
        .memory = memory_of(capabilities),
        .capabilities = capabilities,
        .total = heap->bytes,
        .free = info.total_free_bytes,
        .minimum = info.minimum_free_bytes,
        .largest = info.largest_free_block,
    };
    return true;
}
