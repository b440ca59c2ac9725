/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CACHE_LINE = 64, FIRST_ENTRIES = 16 };

static size_t memory_rounded(size_t bytes)
{
    return (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

void *memory_new(struct memory *memory, size_t bytes)
{
    void *made = bytes && bytes < SIZE_MAX / 2 ? aligned_alloc(CACHE_LINE, memory_rounded(bytes)) : NULL;
    if (made == NULL) {
        return NULL;
    }
    memory->used += memory_rounded(bytes);
    if (memory->used > memory->most) {
        memory->most = memory->used;
    }
    return memset(made, 0, bytes);
}

void memory_release(struct memory *memory, void *old, size_t bytes)
{
    if (old != NULL) {
        memory->used -= memory_rounded(bytes);
        free(old);
    }
}

void *memory_room(struct memory *memory, void *entries, size_t *capacity, size_t count, size_t entry_bytes)
{
    size_t more = *capacity ? *capacity + *capacity / 2 : FIRST_ENTRIES;
    void *made;
    if (count < *capacity) {
        return entries;
    }
    made = more < SIZE_MAX / 2 / entry_bytes ? memory_new(memory, more * entry_bytes) : NULL;
    if (made == NULL) {
        return NULL;
    }
    if (count != 0) {
        memcpy(made, entries, count * entry_bytes);
    }
    memory_release(memory, entries, *capacity * entry_bytes);
    *capacity = more;
    return made;
}
