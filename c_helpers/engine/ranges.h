/* SPDX-License-Identifier: Apache-2.0
 *
 * The ranges of addresses that are mapped, sorted, without overlap; any part of them may be given back. */
#ifndef MEMTRACE_ENGINE_RANGES_H
#define MEMTRACE_ENGINE_RANGES_H

#include "memory.h"

#include <stdbool.h>
#include <stdint.h>

#define MOST_RANGES 65536u

struct range {
    uint64_t start;
    uint64_t end; /* behind its last byte */
    uint64_t seq; /* of its MAP */
    uint64_t moment;
    uint32_t owner; /* NO_OWNER: it does not count */
};

struct ranges {
    struct range *entries;
    size_t capacity, count;
};

/* Returns the index of the first range that ends behind an address. */
size_t ranges_first(const struct ranges *ranges, uint64_t address);

/* Puts `with` of them in the place of `count` ranges at `at`: opens or closes a gap there. false: no memory. */
bool ranges_replace(struct ranges *ranges, struct memory *memory, size_t at, size_t count, size_t with);

void ranges_clear(struct ranges *ranges, struct memory *memory);

#endif
