/* SPDX-License-Identifier: Apache-2.0
 *
 * How much memory each module of a program uses: counters alone, without ring and live table, for a target that has no RAM for them. A
 * module is a part of the program that its author has numbered, or a heap; docs/how-to/count-memory-by-module.md shows each.
 *
 * Who frees must know what was allocated: the module and the size, as one that has its own allocator functions does, or the heap and the
 * size by malloc_usable_size. Nothing is kept for each block, so nothing can be looked up here.
 *
 * Every function may be called from tasks, interrupts and several cores, with interrupts off, and from the start of the program on. None
 * allocates or waits.
 */
#ifndef MEMTRACE_USAGE_H
#define MEMTRACE_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef MEMTRACE_USAGE_MODULES
#define MEMTRACE_USAGE_MODULES 16 /* the same in every file; each takes 44 bytes of RAM (64-bit machines: 72) */
#endif

#define MEMTRACE_USAGE_NAME_BYTES 20u

#ifdef __cplusplus
extern "C" {
#endif

/* A word as wide as a pointer. */
#if UINTPTR_MAX > 0xffffffffu
typedef uint64_t memtrace_counter;
#else
typedef uint32_t memtrace_counter;
#endif

/* The counters of one module; what is counted in all wraps as a word does. */
struct memtrace_module {
    memtrace_counter bytes;               /* in use now */
    memtrace_counter blocks;              /* in use now */
    memtrace_counter peak_bytes;          /* the most that was in use at once */
    memtrace_counter allocated_bytes;     /* in all */
    memtrace_counter allocations;         /* in all */
    memtrace_counter unmatched;           /* frees of more than was in use: of older blocks, or of another module's */
    char name[MEMTRACE_USAGE_NAME_BYTES]; /* NUL-padded; not terminated when it fills the field */
};

/* Here a debugger finds them, by the symbol and its size. */
extern struct memtrace_module memtrace_usage_modules[MEMTRACE_USAGE_MODULES];

/* Another name for a module replaces the first one. NULL is none. */
void memtrace_usage_name(unsigned module, const char *name);

/* After the allocator has given a block, and before it takes one back. A number that no module has is counted as 0. */
void memtrace_usage_alloc(unsigned module, size_t bytes);
void memtrace_usage_free(unsigned module, size_t bytes);

/* The counters as they are now; each is true by itself, and others may have been counted between two of them. false: no module has this
 * number. */
bool memtrace_usage_of(unsigned module, struct memtrace_module *usage);

#ifdef __cplusplus
}
#endif

#endif
