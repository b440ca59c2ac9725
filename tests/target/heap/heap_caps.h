/* SPDX-License-Identifier: Apache-2.0
 *
 * Several heaps chosen by capabilities, registered as ESP-IDF registers them: a debugger finds them all from the symbol
 * `registered_heaps`.
 */
#ifndef HEAP_CAPS_H
#define HEAP_CAPS_H

#include <stddef.h>
#include <stdint.h>

#include "multi_heap.h"

#define MALLOC_CAP_32BIT (1u << 1)
#define MALLOC_CAP_8BIT (1u << 2)
#define MALLOC_CAP_SPIRAM (1u << 10)
#define MALLOC_CAP_INTERNAL (1u << 11)
#define MALLOC_CAP_DEFAULT (1u << 12)

#define HEAP_PRIORITIES 3
#define HEAP_NUMBER_UNKNOWN 31u

struct heap_t_ {
    uint32_t caps[HEAP_PRIORITIES];
    intptr_t start;
    intptr_t end;
    struct multi_heap_mux heap_mux;
    multi_heap_handle_t heap;
    struct {
        struct heap_t_ *sle_next;
    } next;
};

struct registered_heap_ll {
    struct heap_t_ *slh_first;
};

extern struct registered_heap_ll registered_heaps;

/* The kinds of memory by name, as a host finds them in the program file. */
typedef struct {
    const char *name;
    uint32_t caps[HEAP_PRIORITIES];
} soc_memory_type_desc_t;

struct heap_region {
    void *start;
    size_t size;
    unsigned type; /* index into the kinds of memory given to heap_caps_init */
};

/* The array of heap_t_ becomes the first block of the first region. */
void heap_caps_init(const struct heap_region *regions, unsigned count, const soc_memory_type_desc_t *types);

void *heap_caps_malloc(size_t size, uint32_t caps);
void *heap_caps_calloc(size_t count, size_t size, uint32_t caps);
void *heap_caps_realloc(void *pointer, size_t size, uint32_t caps);
void heap_caps_free(void *pointer);

/* Place in the list of the heap that holds `pointer`; NULL: of the first that has `caps`. */
unsigned heap_caps_number(const void *pointer, uint32_t caps);

#endif
