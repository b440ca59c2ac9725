/* SPDX-License-Identifier: Apache-2.0 */
#include "heap_caps.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#ifndef tlsf_assert
#define tlsf_assert assert
#endif

#if UINTPTR_MAX == UINT32_MAX
_Static_assert(sizeof(struct heap_t_) == 36, "layout of a registered heap");
_Static_assert(offsetof(struct heap_t_, heap_mux) == 20, "layout of a registered heap");
#endif

struct registered_heap_ll registered_heaps;

static uint32_t heap_all_caps(const struct heap_t_ *heap)
{
    return heap->caps[0] | heap->caps[1] | heap->caps[2];
}

static bool heap_serves(const struct heap_t_ *heap, uint32_t caps, unsigned priority)
{
    return (heap->caps[priority] & caps) != 0 && (heap_all_caps(heap) & caps) == caps;
}

static struct heap_t_ *heap_find(const void *pointer)
{
    intptr_t address = (intptr_t)pointer;
    struct heap_t_ *heap = registered_heaps.slh_first;
    while (heap != NULL &&
           !((uintptr_t)address >= (uintptr_t)heap->start && (uintptr_t)address < (uintptr_t)heap->end)) {
        heap = heap->next.sle_next;
    }
    return heap;
}

static void heap_describe(struct heap_t_ *heap, const struct heap_region *region, const soc_memory_type_desc_t *type)
{
    memcpy(heap->caps, type->caps, sizeof heap->caps);
    heap->start = (intptr_t)region->start;
    heap->end = heap->start + (intptr_t)region->size;
    heap->heap_mux = (struct multi_heap_mux){MULTI_HEAP_MUX_FREE, 0};
}

void heap_caps_init(const struct heap_region *regions, unsigned count, const soc_memory_type_desc_t *types)
{
    multi_heap_handle_t first = multi_heap_register(regions[0].start, regions[0].size);
    struct heap_t_ *heaps = multi_heap_malloc(first, count * sizeof *heaps);
    struct heap_t_ **link = &registered_heaps.slh_first;
    for (unsigned i = 0; i < count; i++) {
        heap_describe(&heaps[i], &regions[i], &types[regions[i].type]);
        heaps[i].heap = i == 0 ? first : multi_heap_register(regions[i].start, regions[i].size);
        multi_heap_set_lock(heaps[i].heap, &heaps[i].heap_mux);
        heaps[i].next.sle_next = NULL;
        *link = &heaps[i];
        link = &heaps[i].next.sle_next;
    }
}

static void *heap_caps_try(size_t size, uint32_t caps, unsigned priority)
{
    void *pointer = NULL;
    for (struct heap_t_ *heap = registered_heaps.slh_first; heap != NULL && pointer == NULL;
         heap = heap->next.sle_next) {
        if (heap_serves(heap, caps, priority)) {
            pointer = multi_heap_malloc(heap->heap, size);
        }
    }
    return pointer;
}

/* A debugger stops here, as at ESP-IDF's function of this name. */
static void __attribute__((noinline))
heap_caps_alloc_failed(size_t requested_size, uint32_t caps, const char *function_name)
{
    __asm__ volatile("" : : "r"(requested_size), "r"(caps), "r"(function_name));
}

void *heap_caps_malloc(size_t size, uint32_t caps)
{
    void *pointer = NULL;
    for (unsigned priority = 0; priority < HEAP_PRIORITIES && pointer == NULL; priority++) {
        pointer = heap_caps_try(size, caps, priority);
    }
    if (pointer == NULL && size != 0) {
        heap_caps_alloc_failed(size, caps, __func__);
    }
    return pointer;
}

void *heap_caps_calloc(size_t count, size_t size, uint32_t caps)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        return NULL;
    }
    void *pointer = heap_caps_malloc(total, caps);
    if (pointer != NULL) {
        memset(pointer, 0, total);
    }
    return pointer;
}

void heap_caps_free(void *pointer)
{
    if (pointer == NULL) {
        return;
    }
    struct heap_t_ *heap = heap_find(pointer);
    tlsf_assert(heap != NULL && "free() target pointer is outside heap areas");
    multi_heap_free(heap->heap, pointer);
}

/* To another heap of these capabilities: the pointer's own had no room or lacks them. */
static void *heap_caps_move(struct heap_t_ *heap, void *pointer, size_t size, uint32_t caps)
{
    void *moved = heap_caps_malloc(size, caps);
    if (moved != NULL) {
        size_t held = multi_heap_get_allocated_size(heap->heap, pointer);
        memcpy(moved, pointer, held < size ? held : size);
        multi_heap_free(heap->heap, pointer);
    }
    return moved;
}

void *heap_caps_realloc(void *pointer, size_t size, uint32_t caps)
{
    if (pointer == NULL) {
        return heap_caps_malloc(size, caps);
    }
    if (size == 0) {
        heap_caps_free(pointer);
        return NULL;
    }
    struct heap_t_ *heap = heap_find(pointer);
    tlsf_assert(heap != NULL && "realloc() pointer is outside heap areas");
    void *result = NULL;
    if ((heap_all_caps(heap) & caps) == caps) {
        result = multi_heap_realloc(heap->heap, pointer, size);
    }
    return result != NULL ? result : heap_caps_move(heap, pointer, size, caps);
}

static bool heap_is(const struct heap_t_ *heap, const struct heap_t_ *wanted, uint32_t caps)
{
    return wanted != NULL ? heap == wanted : (heap_all_caps(heap) & caps) == caps;
}

unsigned heap_caps_number(const void *pointer, uint32_t caps)
{
    const struct heap_t_ *wanted = pointer != NULL ? heap_find(pointer) : NULL;
    unsigned number = 0;
    for (const struct heap_t_ *heap = registered_heaps.slh_first; heap != NULL; heap = heap->next.sle_next) {
        if (heap_is(heap, wanted, caps)) {
            return number;
        }
        number++;
    }
    return HEAP_NUMBER_UNKNOWN;
}
