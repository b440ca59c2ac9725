/* SPDX-License-Identifier: Apache-2.0
 *
 * Wrapped functions (-Wl,--wrap=NAME) that call each other: operator new calls malloc, newlib's malloc calls _malloc_r. Each
 * block is recorded once, with the caller of the function that the program called. The files of c_helpers/wrap are written
 * with this, and a port's own wrappers may be; docs/how-to/wrap-the-allocator.md says how to use them.
 *
 *     void *__wrap_thing_alloc(size_t size)
 *     {
 *         if (memtrace_is_off())
 *             return __real_thing_alloc(size);
 *         struct memtrace_wrap call;
 *         memtrace_wrap_begin(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR);
 *         return memtrace_wrap_got(&call, __real_thing_alloc(size), size);
 *     }
 *
 *     void __wrap_thing_free(void *block)
 *     {
 *         if (memtrace_is_off()) {
 *             __real_thing_free(block);
 *             return;
 *         }
 *         struct memtrace_wrap call;
 *         memtrace_wrap_give(&call, MEMTRACE_CALLER(), MEMTRACE_WRAP_ALLOCATOR, block);
 *         __real_thing_free(block);
 *         memtrace_wrap_end(&call);
 *     }
 */
#ifndef MEMTRACE_WRAP_H
#define MEMTRACE_WRAP_H

#include "memtrace.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Tasks, and cores in interrupts, that may be within wrapped functions at the same time. What a further one calls is recorded with
 * each function that it passes. */
#ifndef MEMTRACE_WRAP_CONTEXTS
#define MEMTRACE_WRAP_CONTEXTS 32
#endif

enum memtrace_wrap_kind {
    MEMTRACE_WRAP_ALLOCATOR, /* what it calls is the allocator's own work, and no event */
    /* it calls allocators, and perhaps the program (a new handler): other blocks are events, too */
    MEMTRACE_WRAP_USER,
    MEMTRACE_WRAP_LIBRARY /* it calls allocators: their events, frees too, have this one's caller */
};

/* A call of a wrapped function under way, on the wrapper's stack. Nobody but the functions below looks inside. */
struct memtrace_wrap {
    struct memtrace_wrap *outer; /* the wrapped function that this one was called by; NULL: by the program */
    struct memtrace_wrap_slot *slot;
    struct memtrace_caller caller; /* of the outermost */
    uintptr_t frame;               /* the wrapper's; those of outer ones lie above */
    void *freed;                   /* recorded as freed: its free within is the same one */
    void *block;                   /* got within, and not recorded yet: it may be what this function returns */
    size_t size;                   /* of `block`; before there is one, what memtrace_wrap_fails says was wanted */
    bool answers;                  /* frees within are recorded with this call's caller, too */
    bool silent;                   /* this call is the allocator's own work */
    bool silences;                 /* so is what it calls */
    bool claimed;                  /* the slot is given back when this call ends */
    bool failed;                   /* an allocation within failed, and was recorded */
};

/* Around the real function. `got` ends the call: NULL means that it failed. */
void memtrace_wrap_begin(struct memtrace_wrap *call, struct memtrace_caller caller, enum memtrace_wrap_kind kind);
void *memtrace_wrap_got(struct memtrace_wrap *call, void *block, size_t size);

/* From within the real function: it has failed, and may never come back. Records it now, with `size` of the call. */
void memtrace_wrap_fails(void);

/* Before and after the real function that frees. */
void memtrace_wrap_give(struct memtrace_wrap *call, struct memtrace_caller caller, enum memtrace_wrap_kind kind,
                        void *block);
void memtrace_wrap_end(struct memtrace_wrap *call);

/* Before and after the real function that reallocates. */
struct memtrace_realloc memtrace_wrap_move(struct memtrace_wrap *call, struct memtrace_caller caller, void *block,
                                           size_t size);
void *memtrace_wrap_moved(struct memtrace_wrap *call, struct memtrace_realloc begun, void *old_block, void *new_block,
                          size_t size);

/* Is who runs now within a wrapped function of the allocator? For a port's hook of assertions and faults: are they the heap's? */
bool memtrace_wrap_is_inside(void);

/* `count` times `size`; the largest number if that is none. */
static inline size_t memtrace_wrap_product(size_t count, size_t size)
{
    size_t product = 0;
    return __builtin_mul_overflow(count, size, &product) ? SIZE_MAX : product;
}

/* A copy's bytes: those of the text, of which `most` count, and the NUL. */
static inline size_t memtrace_wrap_copy_bytes(const char *text, size_t most)
{
    size_t length = 0;
    while (length < most && text[length] != '\0')
        length++;
    return length + 1;
}

#ifdef __cplusplus
}
#endif

#endif
