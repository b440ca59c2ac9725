/* SPDX-License-Identifier: Apache-2.0
 *
 * Which module's is a block? A module is a part of the program that its author has numbered, 1..255; docs/how-to/use-the-console.md.
 *
 *     unsigned before = memtrace_module_enter(NETWORK);    what is allocated until it is left, by whatever function, is the module's
 *     network_poll();
 *     memtrace_module_leave(before);
 *
 *     char *text = memtrace_module_strdup(NETWORK, name);  or a single block
 *
 * Compile the recorder with -DMEMTRACE_TAGS=1 -DMEMTRACE_MODULES=1, and c_helpers/usage: then used and peak of each module are counted with
 * the live table, in which each block has its module and size until somebody frees it, by whatever function. In an interrupt a block has no module.
 *
 * Functions that are inlined always, so that the caller of a block is who called them.
 */
#ifndef MEMTRACE_MODULES_H
#define MEMTRACE_MODULES_H

#include <stdlib.h>
#include <string.h>

#include "../usage/memtrace_usage.h"
#include "memtrace.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MEMTRACE_MODULES_INLINE static inline __attribute__((always_inline))

/* In C++ a pointer to void is none to anything else. */
#ifdef __cplusplus
#define MEMTRACE_MODULES_TEXT(block) static_cast<char *>(block)
#else
#define MEMTRACE_MODULES_TEXT(block) (block)
#endif

/* What the module is called, in every report. false: there is no recorder yet, or no room for the name. */
MEMTRACE_MODULES_INLINE bool memtrace_module_name(unsigned module, const char *name)
{
    memtrace_usage_name(module, name);
    return memtrace_name_tag(module, name);
}

/* The module that was entered before, to be given to memtrace_module_leave. */
MEMTRACE_MODULES_INLINE unsigned memtrace_module_enter(unsigned module)
{
    return memtrace_tag(module);
}

MEMTRACE_MODULES_INLINE void memtrace_module_leave(unsigned before)
{
    (void)memtrace_tag(before);
}

MEMTRACE_MODULES_INLINE void *memtrace_module_malloc(unsigned module, size_t size)
{
    unsigned before = memtrace_module_enter(module);
    void *block = malloc(size);
    memtrace_module_leave(before);
    return block;
}

MEMTRACE_MODULES_INLINE void *memtrace_module_calloc(unsigned module, size_t count, size_t size)
{
    unsigned before = memtrace_module_enter(module);
    void *block = calloc(count, size);
    memtrace_module_leave(before);
    return block;
}

/* The block is this module's from then on, whosever it was. */
MEMTRACE_MODULES_INLINE void *memtrace_module_realloc(unsigned module, void *block, size_t size)
{
    unsigned before = memtrace_module_enter(module);
    block = realloc(block, size);
    memtrace_module_leave(before);
    return block;
}

MEMTRACE_MODULES_INLINE char *memtrace_module_strdup(unsigned module, const char *text)
{
    size_t bytes = strlen(text) + 1u;
    char *copy = MEMTRACE_MODULES_TEXT(memtrace_module_malloc(module, bytes));
    return copy != NULL ? MEMTRACE_MODULES_TEXT(memcpy(copy, text, bytes)) : NULL;
}

/* A block that no allocator of the heap gave: of a pool, of a device. `flag` is what stands in the place of its heap's number, 0..31. */
MEMTRACE_MODULES_INLINE void memtrace_record_alloc(unsigned module, void *block, size_t size, unsigned flag)
{
    unsigned before = memtrace_module_enter(module);
    memtrace_alloc(MEMTRACE_CALLER(), block, size, flag);
    memtrace_module_leave(before);
}

MEMTRACE_MODULES_INLINE void memtrace_record_free(unsigned module, void *block, unsigned flag)
{
    unsigned before = memtrace_module_enter(module);
    memtrace_free(MEMTRACE_CALLER(), block, flag);
    memtrace_module_leave(before);
}

/* Bytes that it uses now, and the most that it used at once. false: nobody counts a module of this number. */
MEMTRACE_MODULES_INLINE bool memtrace_usage(unsigned module, size_t *used, size_t *peak)
{
    struct memtrace_module counters;
    if (!memtrace_usage_of(module, &counters))
        return false;
    *used = counters.bytes;
    *peak = counters.peak_bytes;
    return true;
}

#ifdef __cplusplus
}
#endif

#endif
