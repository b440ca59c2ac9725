/* SPDX-License-Identifier: Apache-2.0
 *
 * A map from numbers of a log, which may be any, to pointers. Open addressing; nothing is taken out but all at once.
 * The multiplier is not known to who wrote the log, so that nobody can make all numbers meet in one place. */
#ifndef MEMTRACE_ENGINE_NUMBERS_H
#define MEMTRACE_ENGINE_NUMBERS_H

#include "memory.h"

#include <stdbool.h>
#include <stdint.h>

struct numbers_entry {
    uint64_t number;
    void *value; /* NULL: a free entry */
};

struct numbers {
    struct numbers_entry *entries;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
    uint64_t multiplier; /* odd */
};

/* NULL: it is not there. */
void *numbers_get(const struct numbers *numbers, uint64_t number);

/* Puts a value, which is not NULL, in the place of what was there. false: no memory. */
bool numbers_put(struct numbers *numbers, struct memory *memory, uint64_t number, void *value);

/* Takes out everything. */
void numbers_clear(struct numbers *numbers, struct memory *memory);

#endif
