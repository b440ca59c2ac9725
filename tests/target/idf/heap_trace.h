/* SPDX-License-Identifier: Apache-2.0
 *
 * Heap tracing of our own that keeps its records under the names that ESP-IDF's standalone tracing has for them, so that a
 * debugger reads the one as the other. IDF_FORM says which generation's layout: 44, 50, 51, 54 or 55.
 */
#ifndef HEAP_TRACE_H
#define HEAP_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef IDF_FORM
#define IDF_FORM 55
#endif
#ifndef IDF_DEPTH
#define IDF_DEPTH 6
#endif
#define IDF_LISTED (IDF_FORM >= 51) /* the records are linked, in the order of their allocations */

typedef enum { HEAP_TRACE_ALL, HEAP_TRACE_LEAKS } heap_trace_mode_t;

typedef struct heap_trace_record_t {
    uint32_t ccount; /* cycles; bit 0 is the core */
    void *address;   /* NULL: not in use */
    size_t size;     /* bytes that were asked for */
#if IDF_FORM >= 55
    bool freed;
#endif
    void *alloced_by[IDF_DEPTH]; /* return addresses, innermost first, up to a NULL */
    void *freed_by[IDF_DEPTH];
#if IDF_FORM == 51
    struct {
        struct heap_trace_record_t *tqe_next;
        struct heap_trace_record_t **tqe_prev;
    } tailq, tailq_hashmap;
#elif IDF_FORM >= 54
    struct {
        struct heap_trace_record_t *tqe_next;
        struct heap_trace_record_t **tqe_prev;
    } tailq_list;
    struct {
        struct heap_trace_record_t *sle_next;
    } slist_hashmap;
#endif
} heap_trace_record_t;

void heap_trace_init_standalone(heap_trace_record_t *records, size_t count);
void heap_trace_start(heap_trace_mode_t mode);
void heap_trace_stop(void);
void heap_trace_alloc_pause(void); /* frees are still recorded; before 54 it stops */

/* Whether records were lost, and how many frees were seen: a program that never asks has no variables for it. */
bool heap_trace_overflowed(size_t *frees);

/* Both ignore NULL, and all that comes while the tracing is off. */
void heap_trace_record_alloc(void *address, size_t size);
void heap_trace_record_free(void *address);

#endif
