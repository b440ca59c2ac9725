/* SPDX-License-Identifier: Apache-2.0
 *
 * One heap: a TLSF with a lock and its accounts, laid out as ESP-IDF lays it out (4.4.2 and later).
 */
#ifndef MULTI_HEAP_H
#define MULTI_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MULTI_HEAP_MUX_FREE 0xB33FFFFFu

/* What `lock` points to: held with interrupts off, also between cores. */
struct multi_heap_mux {
    uint32_t owner; /* MULTI_HEAP_MUX_FREE, else the number of the core that holds it */
    uint32_t count; /* how often it holds it: 0 or 1 */
};

struct multi_heap_info {
    void *lock; /* struct multi_heap_mux *; NULL: not shared yet */
    size_t free_bytes;
    size_t minimum_free_bytes;
    size_t pool_size; /* bytes behind this structure, the control included */
    void *heap_data;  /* the control, right behind this structure */
};

typedef struct multi_heap_info *multi_heap_handle_t;

multi_heap_handle_t multi_heap_register(void *start, size_t size);
void multi_heap_set_lock(multi_heap_handle_t heap, void *lock);

void *multi_heap_malloc(multi_heap_handle_t heap, size_t size);
void multi_heap_free(multi_heap_handle_t heap, void *pointer);
void *multi_heap_realloc(multi_heap_handle_t heap, void *pointer, size_t size);
size_t multi_heap_get_allocated_size(multi_heap_handle_t heap, const void *pointer);

#endif
