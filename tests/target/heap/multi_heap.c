/* SPDX-License-Identifier: Apache-2.0 */
#include "multi_heap.h"

#include <assert.h>

#include "board.h"
#include "tlsf.h"

#ifndef tlsf_assert
#define tlsf_assert assert
#endif

enum { BLOCK_OVERHEAD = sizeof(size_t) };

#if UINTPTR_MAX == UINT32_MAX
_Static_assert(sizeof(struct multi_heap_info) == 20, "layout of a heap's head");
#endif

/* The owner's word on the first and the second core of a dual-core ESP32. */
static uint32_t core_mark(void)
{
    return board_core() == 0 ? 0xCDCDu : 0xABABu;
}

static uint32_t heap_lock(multi_heap_handle_t heap)
{
    uint32_t interrupts = board_interrupts_off();
    struct multi_heap_mux *mux = heap->lock;
    if (mux != NULL) {
        while (!board_word_claim(&mux->owner, MULTI_HEAP_MUX_FREE, core_mark())) {
        }
        mux->count = 1;
    }
    return interrupts;
}

static void heap_unlock(multi_heap_handle_t heap, uint32_t interrupts)
{
    struct multi_heap_mux *mux = heap->lock;
    if (mux != NULL) {
        mux->count = 0;
        board_word_release(&mux->owner, MULTI_HEAP_MUX_FREE);
    }
    board_interrupts_restore(interrupts);
}

static bool heap_holds(multi_heap_handle_t heap, const void *pointer)
{
    uintptr_t first = (uintptr_t)heap->heap_data + tlsf_size(heap->heap_data);
    uintptr_t last = (uintptr_t)heap->heap_data + heap->pool_size;
    return (uintptr_t)pointer > first && (uintptr_t)pointer < last;
}

static void heap_note_minimum(multi_heap_handle_t heap)
{
    if (heap->free_bytes < heap->minimum_free_bytes) {
        heap->minimum_free_bytes = heap->free_bytes;
    }
}

multi_heap_handle_t multi_heap_register(void *start, size_t size)
{
    if (size <= sizeof(struct multi_heap_info)) {
        return NULL;
    }
    multi_heap_handle_t heap = start;
    size_t rest = size - sizeof *heap;
    heap->heap_data = tlsf_create_with_pool(heap + 1, rest, 0);
    if (heap->heap_data == NULL) {
        return NULL;
    }
    heap->lock = NULL;
    heap->pool_size = rest;
    heap->free_bytes = rest - tlsf_size(heap->heap_data);
    heap->minimum_free_bytes = heap->free_bytes;
    return heap;
}

void multi_heap_set_lock(multi_heap_handle_t heap, void *lock)
{
    heap->lock = lock;
}

void *multi_heap_malloc(multi_heap_handle_t heap, size_t size)
{
    uint32_t interrupts = heap_lock(heap);
    void *pointer = tlsf_malloc(heap->heap_data, size);
    if (pointer != NULL) {
        heap->free_bytes -= tlsf_block_size(pointer) + BLOCK_OVERHEAD;
        heap_note_minimum(heap);
    }
    heap_unlock(heap, interrupts);
    return pointer;
}

void multi_heap_free(multi_heap_handle_t heap, void *pointer)
{
    if (pointer == NULL) {
        return;
    }
    tlsf_assert(heap_holds(heap, pointer) && "pointer outside of the heap");
    uint32_t interrupts = heap_lock(heap);
    heap->free_bytes += tlsf_block_size(pointer) + BLOCK_OVERHEAD;
    tlsf_free(heap->heap_data, pointer);
    heap_unlock(heap, interrupts);
}

void *multi_heap_realloc(multi_heap_handle_t heap, void *pointer, size_t size)
{
    if (pointer == NULL) {
        return multi_heap_malloc(heap, size);
    }
    tlsf_assert(heap_holds(heap, pointer) && "pointer outside of the heap");
    uint32_t interrupts = heap_lock(heap);
    size_t before = tlsf_block_size(pointer);
    void *result = tlsf_realloc(heap->heap_data, pointer, size);
    if (result != NULL) {
        heap->free_bytes += before;
        heap->free_bytes -= tlsf_block_size(result);
        heap_note_minimum(heap);
    }
    heap_unlock(heap, interrupts);
    return result;
}

size_t multi_heap_get_allocated_size(multi_heap_handle_t heap, const void *pointer)
{
    tlsf_assert(heap_holds(heap, pointer) && "pointer outside of the heap");
    return tlsf_block_size(pointer);
}
