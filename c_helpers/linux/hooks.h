/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions that the recorder stands in for.
 */
#ifndef MEMTRACE_LINUX_HOOKS_H
#define MEMTRACE_LINUX_HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The allocator that the program would have without the recorder. */
struct allocator {
    void *(*malloc)(size_t);
    void (*free)(void *);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void *(*reallocarray)(void *, size_t, size_t);
    void *(*memalign)(size_t, size_t);
    void *(*aligned_alloc)(size_t, size_t);
    int (*posix_memalign)(void **, size_t, size_t);
    void *(*valloc)(size_t);
    void *(*pvalloc)(size_t);
    size_t (*malloc_usable_size)(void *);
};
extern struct allocator real;

/* Looks up the real functions, unless that is done. */
void hooks_resolve(void);

/* The bytes that a block of the allocator has; 0: nobody can say. */
size_t hooks_usable_size(uintptr_t block);

/* Does `pc` stand in a library that is an allocator? What that maps is its blocks. */
bool hooks_is_allocator(uintptr_t pc);

/* In allocators that have C++'s operators, too, these do not come by malloc. */
bool hooks_operators_allocate(const void *operator_new);

#endif
