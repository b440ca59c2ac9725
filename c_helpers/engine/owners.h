/* SPDX-License-Identifier: Apache-2.0
 *
 * From an event's third word and heap to its owner's name, and from there to what it uses.
 *
 * Approach: two tables. The first one is asked for each allocation and knows the bits of an event; the second one knows
 * names that last. When a definition changes what bits mean, a generation ends and each entry of the first table is
 * looked up again when it is needed. */
#ifndef MEMTRACE_ENGINE_OWNERS_H
#define MEMTRACE_ENGINE_OWNERS_H

#include "engine.h"

/* Returns the index of an owner's name, or OVERFLOWN, where the table does not have it. */
uint32_t owners_resolve(struct engine *engine, uint64_t whose, uint64_t heap);

/* Returns the index of an event's owner where the table does not have it. Asks for the nodes of a new one. */
uint32_t owners_ask(struct engine *engine, uint64_t whose, uint64_t heap);

/* What numbers mean has changed. */
void owners_renew(struct engine *engine);

/* Tells whether events of an owner belong into the tail. */
bool owners_pass(struct engine *engine, uint32_t name);

void owners_clear(struct engine *engine);

/* A table is at most a quarter full: it is small, and most often the first place is the right one. */
static inline size_t seen_place(const struct seen_table *table, uint64_t multiplier, uint64_t whose, uint64_t heap)
{
    return (size_t)((whose ^ heap << 56) * multiplier >> table->shift);
}

/* Returns what a table has of an event's owner, or NULL. */
static inline const struct seen *seen_find(const struct engine *engine, const struct seen_table *table, uint64_t whose,
                                           uint64_t heap)
{
    const struct seen *seen;
    size_t at;
    if (table->capacity == 0) {
        return NULL;
    }
    for (at = seen_place(table, engine->wish.multiplier, whose, heap);; at = (at + 1) & (table->capacity - 1)) {
        seen = &table->entries[at];
        if (seen->whose == whose && seen->heap == heap && seen->generation == engine->owners.generation) {
            return seen;
        }
        if (seen->generation == 0) {
            return NULL;
        }
    }
}

/* Returns the index of the name of an event's owner, or OVERFLOWN. */
static inline uint32_t owners_name(struct engine *engine, uint64_t whose, uint64_t heap)
{
    const struct seen *seen = seen_find(engine, &engine->owners.known, whose, heap);
    return seen == NULL ? owners_resolve(engine, whose, heap) : seen->value;
}

/* Returns the index of an event's owner, or NO_OWNER if it does not count. */
static inline uint32_t owners_use(struct engine *engine, uint64_t whose, uint64_t heap)
{
    const struct seen *seen = seen_find(engine, &engine->owners.used, whose, heap);
    return seen == NULL ? owners_ask(engine, whose, heap) : seen->value;
}

#endif
